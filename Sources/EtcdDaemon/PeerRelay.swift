//  Reaches the leader for what only a leader can answer, over its peer port.

import EtcdGRPC
import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdServer
import EtcdTransport
import NIOCore
import Raft

struct PeerRelay: LeaderRelay, PromotionRelay {
    private let client: LeaderClient
    private let limit: TimeAmount

    init(client: HTTPClient, replica: Replica, handler: RequestHandler, loops: EventLoops) {
        self.client = LeaderClient(
            client: client, clusterID: replica.members.clusterID, loops: loops.all)
        limit = .milliseconds(Int64(clamping: handler.requestTimeoutMilliseconds))
    }

    func keepAlive(_ lease: Int64, leader: [String], on loop: any EventLoop)
        -> EventLoopFuture<Int64>
    {
        client.keepAlive(lease, at: leader, on: loop, timeout: limit)
            .flatMapErrorThrowing { throw ServerError(relayed: $0) }
    }

    func timeToLive(
        _ request: LeaseTimeToLiveRequest, leader: [String], on loop: any EventLoop
    ) -> EventLoopFuture<LeaseTimeToLiveResponse> {
        client.timeToLive(
            request.id, withKeys: request.keys, at: leader, on: loop, timeout: limit
        ).flatMapErrorThrowing { throw ServerError(relayed: $0) }
    }

    func promote(
        _ member: MemberID, leader: [String], token: String?, on loop: any EventLoop
    ) -> EventLoopFuture<[Member]> {
        client.promote(member, token: token, at: leader, on: loop, timeout: limit)
            .flatMapErrorThrowing { throw ServerError(relayed: $0) }
    }
}

extension ServerError {
    /// What a failed question to the leader means to the client.
    init(relayed error: any Error) {
        self =
            switch error as? PeerServiceError {
            case .leaseNotFound: .leaseNotFound
            case .notPrimary: .notPrimaryLessor
            case .notCaughtUp: .timeoutWaitingForApply
            case .timeout: .timeout
            case .memberNotFound: .memberNotFound(0)
            case .memberNotLearner: .memberNotLearner
            case .learnerNotReady: .learnerNotReady
            default: .other("\(error)")
            }
    }
}
