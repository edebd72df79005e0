//  v3electionpb.Election: elections as etcd's client library holds them, held by the server (spec
//  grpc-v3 14).

import EtcdProto
package import EtcdServer
import RuntimeCore

package enum ElectionService {
    private static let service = "v3electionpb.Election"
    private static let missingLeader = "\"leader\" field must be provided"
    private static let notLeader = "election: not leader"
    private static let noLeader = "election: no leader"

    package static func methods(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "Campaign", gateway: "/v3/election/campaign") {
                (request: CampaignRequest, call: V3Call<CampaignResponse>) in
                campaign(request, RecipeSession(call, handler))
            },
            .unary(service, "Proclaim", gateway: "/v3/election/proclaim") {
                (request: ProclaimRequest, call: V3Call<ProclaimResponse>) in
                let session = RecipeSession(call, handler)
                guard let leader = request.leader else { return session.fail(missingLeader) }
                session.txn(proclamation(leader, request.value)) { response in
                    guard response.succeeded else { return session.fail(notLeader) }
                    session.respond(ProclaimResponse(header: response.header))
                }
            },
            .unary(service, "Leader", gateway: "/v3/election/leader") {
                (request: LeaderRequest, call: V3Call<LeaderResponse>) in
                let session = RecipeSession(call, handler)
                let prefix = RecipeKey.prefix(of: request.name)
                session.range(RecipeKey.oldest(under: prefix)) { response in
                    guard let leader = response.kvs.first(where: { _ in true }) else {
                        return session.fail(noLeader)
                    }
                    session.respond(LeaderResponse(header: response.header, kv: leader))
                }
            },
            .serverStream(service, "Observe", gateway: "/v3/election/observe") {
                (request: LeaderRequest, call: V3Call<LeaderResponse>) in
                let prefix = RecipeKey.prefix(of: request.name)
                ElectionObservation(RecipeSession(call, handler), handler, prefix).look()
            },
            .unary(service, "Resign", gateway: "/v3/election/resign") {
                (request: ResignRequest, call: V3Call<ResignResponse>) in
                let session = RecipeSession(call, handler)
                guard let leader = request.leader else { return session.fail(missingLeader) }
                session.txn(resignation(leader.key, leader.rev)) { response in
                    session.respond(ResignResponse(header: response.header))
                }
            },
        ]
    }

    private static func proclamation(_ leader: LeaderKey, _ value: Bytes) -> TxnRequest {
        let put = PutRequest(key: leader.key, value: value, lease: leader.lease)
        return TxnRequest(
            compare: [RecipeKey.isCreated(leader.key, at: leader.rev)],
            success: [RequestOp(request: .put(put))])
    }

    private static func resignation(_ key: Bytes, _ createRevision: Int64) -> TxnRequest {
        TxnRequest(
            compare: [RecipeKey.isCreated(key, at: createRevision)],
            success: [RequestOp(request: .deleteRange(DeleteRangeRequest(key: key)))])
    }

    private static func campaign(
        _ request: CampaignRequest, _ session: RecipeSession<CampaignResponse>
    ) {
        session.lease(request.lease) { lease in
            let key = RecipeKey(name: request.name, lease: lease)
            session.txn(key.acquisition(value: request.value)) { response in
                guard let place = RecipePlace(key, response) else {
                    return session.fail(.unknownMethod)
                }
                let leader = LeaderKey(
                    name: request.name, key: key.key, rev: place.createRevision, lease: lease)
                giveUp(leader, session, unlessFailed: false)
                guard let earlier = place.earlierValue, earlier != request.value else {
                    return wait(place, leader, session)
                }
                session.txn(proclamation(leader, request.value)) { response in
                    guard response.succeeded else { return session.fail(notLeader) }
                    wait(place, leader, session)
                }
            }
        }
    }

    private static func wait(
        _ place: RecipePlace, _ leader: LeaderKey, _ session: RecipeSession<CampaignResponse>
    ) {
        giveUp(leader, session, unlessFailed: true)
        session.waitForPredecessors(of: place) {
            session.respond(CampaignResponse(header: place.header, leader: leader))
        }
    }

    /// A candidate who goes away resigns. One whose waiting has failed keeps the place in the queue
    /// for the next attempt, as in etcd.
    private static func giveUp(
        _ leader: LeaderKey, _ session: RecipeSession<CampaignResponse>, unlessFailed: Bool
    ) {
        session.onEnd = { [unowned session] end in
            if end == .failed, unlessFailed { return }
            session.discard { handler, context, address in
                _ = handler.txn(
                    resignation(leader.key, leader.rev), context: context, address: address)
            }
        }
    }
}

/// Tells one client who leads: at first, and with every change. What goes wrong ends it without an
/// error, as in etcd. Confined to the call's event loop.
private final class ElectionObservation {
    private let session: RecipeSession<LeaderResponse>
    private let handler: RequestHandler
    private let prefix: Bytes

    init(
        _ session: RecipeSession<LeaderResponse>, _ handler: RequestHandler, _ prefix: Bytes
    ) {
        self.session = session
        self.handler = handler
        self.prefix = prefix
        session.failsSilently = true
    }

    /// Finds the leader, or waits for one.
    func look() {
        session.range(RecipeKey.oldest(under: prefix)) { response in
            let revision = response.header?.revision ?? 0
            if let leader = response.kvs.first(where: { _ in true }) {
                self.send(response.header, leader)
                return self.follow(leader.key, from: revision + 1)
            }
            let request = WatchCreateRequest(
                key: self.prefix, rangeEnd: RecipeKey.end(of: self.prefix),
                startRevision: revision)
            self.watch(request) { event, leader in
                guard event.type == .put else { return }
                self.send(self.handler.header(revision: leader.modRevision), leader)
                self.session.stopWatching()
                self.follow(leader.key, from: leader.modRevision + 1)
            }
        }
    }

    /// Tells every change of the leader's key, and looks again when it is gone.
    private func follow(_ key: Bytes, from revision: Int64) {
        guard session.call.isOpen else { return }
        watch(WatchCreateRequest(key: key, startRevision: revision)) { event, leader in
            if event.type == .delete {
                self.session.stopWatching()
                return self.look()
            }
            self.send(self.handler.header(revision: leader.modRevision), leader)
        }
    }

    private func watch(
        _ request: WatchCreateRequest, take: @escaping (Event, KeyValue) -> Void
    ) {
        session.watch(request) { news in
            switch news {
            case .event(let event): if let kv = event.kv { take(event, kv) }
            case .compacted: self.look()
            case .ended(let reason): self.session.fail(reason)
            }
        }
        session.holdWatchWhileUnwritable()
    }

    private func send(_ header: ResponseHeader?, _ leader: KeyValue) {
        session.call.send(LeaderResponse(header: header, kv: leader))
        session.holdWatchWhileUnwritable()
    }
}
