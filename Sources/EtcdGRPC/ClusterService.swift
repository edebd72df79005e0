//  etcdserverpb.Cluster: who the members are.

import EtcdEdge
import EtcdMembership
import EtcdProto
package import EtcdServer
import NIOCore
import Raft

package enum ClusterService {
    private static let service = "etcdserverpb.Cluster"

    package static func methods(_ handler: RequestHandler, relay: any PromotionRelay) -> [V3Method]
    {
        [
            .unary(service, "MemberAdd", gateway: "/v3/cluster/member/add") {
                (request: MemberAddRequest, call: V3Call<MemberAddResponse>) in
                add(request, call, handler)
            },
            .unary(service, "MemberRemove", gateway: "/v3/cluster/member/remove") {
                (request: MemberRemoveRequest, call: V3Call<MemberRemoveResponse>) in
                change(call, handler) { address in
                    handler.removeMember(MemberID(request.id), address: address)
                } answer: { members in
                    MemberRemoveResponse(header: header(handler), members: members)
                }
            },
            .unary(service, "MemberUpdate", gateway: "/v3/cluster/member/update") {
                (request: MemberUpdateRequest, call: V3Call<MemberUpdateResponse>) in
                change(call, handler) { address in
                    handler.updateMember(
                        MemberID(request.id), peerURLs: request.peerURLs, address: address)
                } answer: { members in
                    MemberUpdateResponse(header: header(handler), members: members)
                }
            },
            .unary(service, "MemberList", gateway: "/v3/cluster/member/list") {
                (request: MemberListRequest, call: V3Call<MemberListResponse>) in
                list(request, call, handler)
            },
            .unary(service, "MemberPromote", gateway: "/v3/cluster/member/promote") {
                (request: MemberPromoteRequest, call: V3Call<MemberPromoteResponse>) in
                promote(request, call, handler, relay)
            },
        ]
    }

    /// Without a revision, as etcd answers here.
    private static func header(_ handler: RequestHandler) -> ResponseHeader {
        handler.header(revision: 0)
    }

    private static func add(
        _ request: MemberAddRequest, _ call: V3Call<MemberAddResponse>, _ handler: RequestHandler
    ) {
        guard areValid(request.peerURLs) else {
            return call.fail(ServerError.memberURLsInvalid)
        }
        if let refusal = handler.refusalOfAdministration(call.context) { return call.fail(refusal) }
        var added: Member?
        call.wait(on: handler) { address in
            handler.addMember(
                peerURLs: request.peerURLs, isLearner: request.isLearner, address: address
            ).map { member, id in
                added = member
                return id
            }
        } then: { reply in
            guard case .members(let members) = reply, let added else {
                return call.fail(ServerError.unknownMethod)
            }
            call.respond(
                MemberAddResponse(
                    header: header(handler), member: handler.clusterMembers([added]).first,
                    members: handler.clusterMembers(members)))
        }
    }

    private static func areValid(_ urls: [String]) -> Bool {
        !urls.isEmpty
            && urls.allSatisfy { url in
                // The v2 API lets these through.
                if url.hasPrefix("unix"), url.split(separator: "/").count > 2 { return false }
                do throws(PeerURLError) {
                    try PeerURL.check(url)
                    return true
                } catch {
                    return false
                }
            }
    }

    private static func change<Response: ProtobufMessage>(
        _ call: V3Call<Response>, _ handler: RequestHandler,
        start: (ReplyAddress) -> Result<RequestID, ServerError>,
        answer: @escaping ([ClusterMember]) -> Response
    ) {
        if let refusal = handler.refusalOfAdministration(call.context) { return call.fail(refusal) }
        call.wait(on: handler, start) { reply in
            guard case .members(let members) = reply else {
                return call.fail(ServerError.unknownMethod)
            }
            call.respond(answer(handler.clusterMembers(members)))
        }
    }

    private static func list(
        _ request: MemberListRequest, _ call: V3Call<MemberListResponse>,
        _ handler: RequestHandler
    ) {
        func answer() {
            call.respond(
                MemberListResponse(
                    header: header(handler),
                    members: handler.clusterMembers(handler.members.list)))
        }
        if let refusal = handler.refusalOfStranger(call.context) { return call.fail(refusal) }
        guard request.linearizable else { return answer() }
        call.wait(on: handler) { address in
            handler.linearizableBarrier(address: address)
        } then: { _ in
            answer()
        }
    }

    private static func promote(
        _ request: MemberPromoteRequest, _ call: V3Call<MemberPromoteResponse>,
        _ handler: RequestHandler, _ relay: any PromotionRelay
    ) {
        if let refusal = handler.refusalOfAdministration(call.context) { return call.fail(refusal) }
        func answer(_ members: [Member]) {
            call.respond(
                MemberPromoteResponse(
                    header: header(handler), members: handler.clusterMembers(members)))
        }
        guard handler.status.role == .leader else {
            guard let leader = handler.leaderURLs else { return call.fail(ServerError.noLeader) }
            let outcome = relay.promote(
                MemberID(request.id), leader: leader, token: call.metadata.token,
                on: call.eventLoop)
            return outcome.assumeIsolated().whenComplete { result in
                switch result {
                case .success(let members): answer(members)
                case .failure(let error): call.fail(GRPCStatus(relayed: error))
                }
            }
        }
        call.wait(on: handler) { address in
            handler.promoteMember(MemberID(request.id), address: address)
        } then: { reply in
            guard case .members(let members) = reply else {
                return call.fail(ServerError.unknownMethod)
            }
            answer(members)
        }
    }
}
