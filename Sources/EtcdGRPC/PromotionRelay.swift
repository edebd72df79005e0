//  How this member asks its leader to promote a learner, which only a leader can judge.

package import EtcdMembership
import EtcdServer
package import NIOCore
package import Raft

/// Implemented by whoever can reach the peers. Futures are of the given loop and fail with
/// `ServerError`.
package protocol PromotionRelay: Sendable {
    /// Makes a voter of a learner; gives all members.
    ///
    /// - Parameters:
    ///   - leader: the leader's peer URLs.
    ///   - token: the client's, which the leader checks.
    func promote(
        _ member: MemberID, leader: [String], token: String?, on loop: any EventLoop
    ) -> EventLoopFuture<[Member]>
}

extension GRPCStatus {
    /// What a failed relay means to the client.
    init(relayed error: any Error) {
        self = (error as? ServerError).map { GRPCStatus($0) } ?? GRPCStatus(.unknown, "\(error)")
    }
}
