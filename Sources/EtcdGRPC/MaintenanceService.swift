//  etcdserverpb.Maintenance: state of this member, alarms, hashes, its database as a file.

import EtcdEdge
import EtcdMVCC
import EtcdMembership
import EtcdProto
package import EtcdServer
import NIOCore
import Raft
package import RuntimeCore

package enum MaintenanceService {
    private static let service = "etcdserverpb.Maintenance"

    package static func methods(
        _ handler: RequestHandler, background: any BackgroundPool
    ) -> [V3Method] {
        var status = V3Method.unary(service, "Status", gateway: "/v3/maintenance/status") {
            (_: StatusRequest, call: V3Call<StatusResponse>) in
            if let refusal = handler.refusalOfStranger(call.context) { return call.fail(refusal) }
            call.respond(handler.statusResponse())
        }
        status.isForLearners = true
        var snapshot = V3Method.serverStream(
            service, "Snapshot", gateway: "/v3/maintenance/snapshot"
        ) { (_: SnapshotRequest, call: V3Call<SnapshotResponse>) in
            self.snapshot(call, handler, background)
        }
        snapshot.isForLearners = true
        return [status, snapshot] + alarms(handler) + [
            .unary(service, "Defragment", gateway: "/v3/maintenance/defragment") {
                (_: DefragmentRequest, call: V3Call<DefragmentResponse>) in
                guard isAllowed(call, handler) else { return }
                call.waitUnnumbered(on: handler, timeoutMilliseconds: nil) { address in
                    handler.defragment(address: address)
                } then: { reply in
                    guard case .v3(.success(.defragment(let response))) = reply else {
                        return call.fail(.unknownMethod)
                    }
                    call.respond(response)
                }
            },
            .unary(service, "Hash", gateway: "/v3/maintenance/hash") {
                (_: HashRequest, call: V3Call<HashResponse>) in
                guard isAllowed(call, handler) else { return }
                call.waitUnnumbered(on: handler, timeoutMilliseconds: nil) { address in
                    handler.hash(address: address)
                } then: { reply in
                    guard case .v3(.success(.hash(let response))) = reply else {
                        return call.fail(.unknownMethod)
                    }
                    call.respond(response)
                }
            },
            .unary(service, "HashKV", gateway: "/v3/maintenance/hashkv") {
                (request: HashKVRequest, call: V3Call<HashKVResponse>) in
                guard isAllowed(call, handler) else { return }
                call.waitUnnumbered(on: handler, timeoutMilliseconds: nil) { address in
                    handler.hashKV(request, address: address)
                } then: { reply in
                    guard case .v3(.success(.hashKV(let response))) = reply else {
                        return call.fail(.unknownMethod)
                    }
                    call.respond(response)
                }
            },
        ]
    }

    private static func alarms(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "Alarm", gateway: "/v3/maintenance/alarm") {
                (request: AlarmRequest, call: V3Call<AlarmResponse>) in
                let refusal =
                    request.action == .get
                    ? handler.refusalOfStranger(call.context)
                    : handler.refusalOfAdministration(call.context)
                if let refusal { return call.fail(refusal) }
                call.waitForResult(
                    on: handler,
                    { handler.alarm(request, context: call.context, address: $0) },
                    response: { if case .alarm(let response) = $0 { response } else { nil } })
            },
            .unary(service, "MoveLeader", gateway: "/v3/maintenance/transfer-leadership") {
                (request: MoveLeaderRequest, call: V3Call<MoveLeaderResponse>) in
                guard isAllowed(call, handler) else { return }
                if let refusal = handler.moveLeader(to: request.targetID) {
                    return call.fail(refusal)
                }
                LeadershipWait(call, handler, MemberID(request.targetID)).look()
            },
            .unary(service, "Downgrade", gateway: "/v3/maintenance/downgrade") {
                (request: DowngradeRequest, call: V3Call<DowngradeResponse>) in
                guard isAllowed(call, handler) else { return }
                downgrade(request, call, handler)
            },
        ]
    }

    private static func isAllowed<Response: ProtobufMessage>(
        _ call: V3Call<Response>, _ handler: RequestHandler
    ) -> Bool {
        guard let refusal = handler.refusalOfAdministration(call.context) else { return true }
        call.fail(refusal)
        return false
    }

    private static func downgrade(
        _ request: DowngradeRequest, _ call: V3Call<DowngradeResponse>, _ handler: RequestHandler
    ) {
        if request.action == .validate {
            if let refusal = handler.refusalOfDowngrade(request) { return call.fail(refusal) }
            return call.respond(
                DowngradeResponse(
                    header: handler.header(revision: handler.v3.reader.currentRevision),
                    version: handler.members.clusterVersion ?? ""))
        }
        call.waitForResult(
            on: handler,
            { handler.downgrade(request, context: call.context, address: $0) },
            response: { if case .downgrade(let response) = $0 { response } else { nil } })
    }

    private static func snapshot(
        _ call: V3Call<SnapshotResponse>, _ handler: RequestHandler,
        _ background: any BackgroundPool
    ) {
        guard isAllowed(call, handler) else { return }
        call.waitUnnumbered(
            on: handler, timeoutMilliseconds: handler.requestTimeoutMilliseconds
        ) { address in
            handler.openDatabase(address: address)
        } then: { reply in
            guard case .database(let database) = reply else {
                return call.fail(ServerError.unknownMethod)
            }
            DatabaseStream(
                call, database, background, durations: handler.v3.metrics.databasesSent
            ).start()
        }
    }
}

/// Looks at every heartbeat whether the leadership has arrived, as etcd does.
private final class LeadershipWait {
    private static let lookMilliseconds: Int64 = 10

    private let call: V3Call<MoveLeaderResponse>
    private let handler: RequestHandler
    private let target: MemberID
    private let deadline: Instant

    init(
        _ call: V3Call<MoveLeaderResponse>, _ handler: RequestHandler, _ target: MemberID
    ) {
        self.call = call
        self.handler = handler
        self.target = target
        deadline = handler.clock.monotonic().advanced(
            byMilliseconds: handler.requestTimeoutMilliseconds)
    }

    func look() {
        guard call.isOpen else { return }
        if handler.status.leader == target { return call.respond(MoveLeaderResponse()) }
        if handler.clock.monotonic() >= deadline {
            return call.fail(ServerError.timeoutLeaderTransfer)
        }
        call.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(LeadershipWait.lookMilliseconds)
        ) { self.look() }
    }
}
