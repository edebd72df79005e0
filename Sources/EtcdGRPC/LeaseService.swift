//  The Lease service. Renewals are answered by the leader alone: other members ask it.

import EtcdEdge
import EtcdMVCC
import EtcdProto
package import EtcdServer
import NIOCore
import RuntimeCore

package struct LeaseService: Sendable {
    private let handler: RequestHandler
    private let relay: any LeaderRelay

    package init(handler: RequestHandler, relay: any LeaderRelay) {
        self.handler = handler
        self.relay = relay
    }

    private static let name = "etcdserverpb.Lease"

    package var methods: [V3Method] {
        [
            .unary(Self.name, "LeaseGrant", gateway: "/v3/lease/grant", body: grant),
            .unary(
                Self.name, "LeaseRevoke", gateway: "/v3/lease/revoke", "/v3/kv/lease/revoke",
                body: revoke),
            .stream(Self.name, "LeaseKeepAlive", gateway: "/v3/lease/keepalive") { call in
                KeepAliveStream(call: call, handler: handler, relay: relay)
            },
            .unary(
                Self.name, "LeaseTimeToLive", gateway: "/v3/lease/timetolive",
                "/v3/kv/lease/timetolive", body: timeToLive),
            .unary(
                Self.name, "LeaseLeases", gateway: "/v3/lease/leases", "/v3/kv/lease/leases",
                body: leases),
        ]
    }

    @Sendable private func grant(_ request: LeaseGrantRequest, _ call: V3Call<LeaseGrantResponse>) {
        call.waitForResult(
            on: handler,
            { handler.leaseGrant(request, context: call.context, address: $0) },
            response: { if case .leaseGrant(let response) = $0 { response } else { nil } })
    }

    @Sendable private func revoke(
        _ request: LeaseRevokeRequest, _ call: V3Call<LeaseRevokeResponse>
    ) {
        call.waitForResult(
            on: handler,
            { handler.leaseRevoke(request, context: call.context, address: $0) },
            response: { if case .leaseRevoke(let response) = $0 { response } else { nil } })
    }

    @Sendable private func timeToLive(
        _ request: LeaseTimeToLiveRequest, _ call: V3Call<LeaseTimeToLiveResponse>
    ) {
        let header = handler.header(revision: handler.v3.reader.currentRevision)
        let question = LeaseQuestion(
            handler: handler, edge: call.edge,
            here: { isConfirmed, address in
                handler.leaseTimeToLive(
                    request, context: call.context, isConfirmed: isConfirmed, address: address)
            },
            elsewhere: { relay.timeToLive(request, leader: $0, on: call.eventLoop) })
        call.onClose = { question.cancel() }
        question.ask { outcome in
            switch outcome {
            case .success(var response):
                // The leader's answer has its header or none; ours names this member.
                response.header = header
                // This member may have known less of the lease when it was asked.
                if let refusal = handler.refusalOfReading(response.keys, call.context) {
                    return call.fail(refusal)
                }
                call.respond(response)
            case .failure(.leaseNotFound):
                call.respond(LeaseTimeToLiveResponse(header: header, id: request.id, ttl: -1))
            case .failure(let error): call.fail(error)
            }
        }
    }

    @Sendable private func leases(
        _ request: LeaseLeasesRequest, _ call: V3Call<LeaseLeasesResponse>
    ) {
        if let refusal = handler.refusalOfList(call.context) { return call.fail(refusal) }
        call.respond(handler.leaseLeases())
    }
}

/// Renewals of one client, answered in the order in which they come.
private final class KeepAliveStream: V3Receiver {
    private let call: V3Call<LeaseKeepAliveResponse>
    private let handler: RequestHandler
    private let relay: any LeaderRelay
    private var question: LeaseQuestion<LeaseKeepAliveResponse>?

    init(
        call: V3Call<LeaseKeepAliveResponse>, handler: RequestHandler, relay: any LeaderRelay
    ) {
        self.call = call
        self.handler = handler
        self.relay = relay
        // A client that can take more is no reason to overtake a question that is still open.
        call.onWritable = { if self.question == nil { call.resumeRequests() } }
    }

    func receive(_ request: LeaseKeepAliveRequest) {
        let id = request.id
        if let refusal = handler.refusalOfRenewal(id, call.context) { return call.fail(refusal) }
        let header = handler.header(revision: handler.v3.reader.currentRevision)
        let relay = relay
        let loop = call.eventLoop
        let question = LeaseQuestion(
            handler: handler, edge: call.edge,
            here: { [handler] isConfirmed, address in
                handler.leaseRenew(id, isConfirmed: isConfirmed, address: address)
            },
            elsewhere: { leader in
                relay.keepAlive(id, leader: leader, on: loop).map {
                    LeaseKeepAliveResponse(header: header, id: id, ttl: $0)
                }
            })
        self.question = question
        // The next request waits until this one is answered.
        call.holdRequests()
        question.ask { outcome in
            self.question = nil
            switch outcome {
            case .success(let response): self.send(response)
            case .failure(.leaseNotFound):
                self.send(LeaseKeepAliveResponse(header: header, id: id, ttl: 0))
            case .failure(let error): self.call.fail(error)
            }
        }
    }

    private func send(_ response: LeaseKeepAliveResponse) {
        call.send(response)
        if call.isWritable { call.resumeRequests() }
    }

    func requestsEnded() { call.finish() }

    func closed() {
        question?.cancel()
        question = nil
    }
}
