//  The health checking protocol of gRPC, as load balancers and probes use it: one service, named by
//  the empty string.

import EtcdProto
import NIOCore
import Synchronization

/// Asks how a service is.
struct HealthCheckRequest: ProtobufMessage {
    static let messageName = "grpc.health.v1.HealthCheckRequest"

    var service = ""

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "service", &service)
    }
}

struct HealthCheckResponse: ProtobufMessage {
    static let messageName = "grpc.health.v1.HealthCheckResponse"

    struct ServingStatus: OpenEnum {
        static let enumName = "grpc.health.v1.HealthCheckResponse.ServingStatus"
        static let unknown = Self(rawValue: 0)
        static let serving = Self(rawValue: 1)
        static let notServing = Self(rawValue: 2)
        static let serviceUnknown = Self(rawValue: 3)
        static let names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]

        let rawValue: Int32
        init(rawValue: Int32) { self.rawValue = rawValue }
    }

    var status = ServingStatus.unknown

    init() {}
    init(status: ServingStatus) { self.status = status }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "status", &status)
    }
}

/// The member's health as gRPC clients see it. Callable from any thread.
package final class HealthService: Sendable {
    private struct State {
        var isServing = true
        var nextWatcher = 0
        var watchers: [Int: NIOLoopBound<V3Call<HealthCheckResponse>>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var methods: [V3Method] {
        let name = "grpc.health.v1.Health"
        var check = V3Method.unary(name, "Check", body: self.check)
        var watch = V3Method.serverStream(name, "Watch", body: self.watch)
        check.isForLearners = true
        watch.isForLearners = true
        return [check, watch]
    }

    /// Whether clients should be sent here; true from the start.
    package func setServing(_ isServing: Bool) {
        let watchers = state.withLock { state in
            guard state.isServing != isServing else {
                return [NIOLoopBound<V3Call<HealthCheckResponse>>]()
            }
            state.isServing = isServing
            return Array(state.watchers.values)
        }
        let response = HealthCheckResponse(status: isServing ? .serving : .notServing)
        for watcher in watchers {
            watcher.eventLoop.execute { watcher.value.send(response) }
        }
    }

    private var status: HealthCheckResponse.ServingStatus {
        state.withLock { $0.isServing ? .serving : .notServing }
    }

    @Sendable private func check(
        _ request: HealthCheckRequest, _ call: V3Call<HealthCheckResponse>
    ) {
        guard request.service.isEmpty else {
            return call.fail(GRPCStatus(.notFound, "unknown service"))
        }
        call.respond(HealthCheckResponse(status: status))
    }

    /// Stays open until the client leaves.
    @Sendable private func watch(
        _ request: HealthCheckRequest, _ call: V3Call<HealthCheckResponse>
    ) {
        guard request.service.isEmpty else {
            return call.send(HealthCheckResponse(status: .serviceUnknown))
        }
        let bound = NIOLoopBound(call, eventLoop: call.eventLoop)
        let (number, isServing) = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = bound
            return (state.nextWatcher, state.isServing)
        }
        call.onClose = { self.state.withLock { $0.watchers[number] = nil } }
        call.send(HealthCheckResponse(status: isServing ? .serving : .notServing))
    }
}
