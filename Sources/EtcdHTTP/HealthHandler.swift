//  /health, /livez and /readyz: is this member able to serve (spec http-v2 section 8).

import EtcdEdge
import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdServer
import NIOCore
import Raft
import RuntimeCore

/// One question that /livez and /readyz ask.
enum HealthCheck: String, CaseIterable, Sendable {
    case dataCorruption = "data_corruption"
    case serializableRead = "serializable_read"
    case linearizableRead = "linearizable_read"
    case nonLearner = "non_learner"

    static let liveness: [HealthCheck] = [.serializableRead]
    static let readiness: [HealthCheck] = [
        .dataCorruption, .serializableRead, .linearizableRead, .nonLearner,
    ]
}

struct HealthHandler: Sendable {
    let handler: RequestHandler
    let edges: HTTPEdges
    let metrics: HTTPMetrics

    // MARK: /health

    func serveHealth(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        let excluded = exchange.queryValues("exclude")
        for alarm in handler.v3.alarms.list(.none) where !excluded.contains(alarm.alarm.name) {
            respondHealth(exchange, fault: "ALARM \(alarm.alarm.name)")
            return
        }
        // A member whose disk is full refuses writes, which is what this alarm means to others.
        if handler.status.isStorageFull, !excluded.contains("NOSPACE") {
            respondHealth(exchange, fault: "ALARM NOSPACE")
            return
        }
        if exchange.queryValues("serializable").first == "true" {
            respondHealth(exchange, fault: localReadFault.map { "QGET ERROR:" + $0.text })
            return
        }
        if handler.status.leader == .none {
            respondHealth(exchange, fault: "RAFT NO LEADER")
            return
        }
        passBarrier(on: exchange.eventLoop) { failure in
            self.respondHealth(exchange, fault: failure.map { "QGET ERROR:" + $0.text })
        }
    }

    private func respondHealth(_ exchange: Exchange, fault: String?) {
        guard let fault else {
            metrics.healthSuccesses.add()
            exchange.respond(
                status: 200, contentType: ContentType.text,
                body: Array("{\"health\":\"true\",\"reason\":\"\"}".utf8))
            return
        }
        metrics.healthFailures.add()
        exchange.respondPlain(status: 503, text: "{\"health\":\"false\",\"reason\":\"\(fault)\"}")
    }

    // MARK: /livez, /readyz

    /// - Parameter page: `livez` or `readyz`, for the metrics.
    func serve(_ exchange: Exchange, page: String, checks: [HealthCheck]) {
        guard exchange.allows(["GET"]) else { return }
        let excluded = exchange.queryValues("exclude")
        let wanted = checks.filter { !excluded.contains($0.rawValue) }
        guard wanted.contains(.linearizableRead) else {
            respond(exchange, page: page, wanted, readFailure: nil)
            return
        }
        passBarrier(on: exchange.eventLoop) { failure in
            self.respond(exchange, page: page, wanted, readFailure: failure)
        }
    }

    private func respond(
        _ exchange: Exchange, page: String, _ checks: [HealthCheck], readFailure: ServerError?
    ) {
        var lines = ""
        var isHealthy = true
        for check in checks {
            let fault = fault(of: check, readFailure: readFailure)
            metrics.record(page: page, check: check, succeeded: fault == nil)
            if let fault {
                isHealthy = false
                lines += "[-]\(check.rawValue) failed: \(fault)\n"
            } else {
                lines += "[+]\(check.rawValue) ok\n"
            }
        }
        if !isHealthy {
            exchange.respondPlain(status: 503, text: lines)
            return
        }
        let isVerbose = !exchange.queryValues("verbose").isEmpty
        exchange.respondPlain(status: 200, text: (isVerbose ? lines : "") + "ok")
    }

    private func fault(of check: HealthCheck, readFailure: ServerError?) -> String? {
        switch check {
        case .dataCorruption: handler.v3.alarms.isCorrupt ? "alarm activated: CORRUPT" : nil
        case .serializableRead: localReadFault.map { "range error: " + $0.text }
        case .linearizableRead: readFailure.map { "range error: " + $0.text }
        case .nonLearner:
            handler.isLearner ? "not supported for learner" : nil
        }
    }

    /// A local read needs nothing but a running member.
    private var localReadFault: ServerError? { handler.status.isStopping ? .stopped : nil }

    /// Does what a linearizable read waits for; `nil` for success.
    private func passBarrier(
        on loop: any EventLoop, _ finish: @escaping (ServerError?) -> Void
    ) {
        let edge = edges.edge(of: loop)
        let waiter = BarrierWaiter(edge: edge, handler: handler, finish: finish)
        let token = edge.register(
            waiter, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        switch handler.linearizableBarrier(address: ReplyAddress(edge: edge, token: token)) {
        case .success(let id): waiter.id = id
        case .failure(let error):
            edge.cancel(token)
            finish(error)
        }
    }
}

private final class BarrierWaiter: EdgeWaiter {
    private let edge: HTTPEdge
    private let handler: RequestHandler
    private let finish: (ServerError?) -> Void
    var id: RequestID?

    init(edge: HTTPEdge, handler: RequestHandler, finish: @escaping (ServerError?) -> Void) {
        self.edge = edge
        self.handler = handler
        self.finish = finish
    }

    func receive(_ reply: Reply, token: UInt64) {
        edge.cancel(token)
        switch reply {
        case .barrier: finish(nil)
        case .failed(let error): finish(error)
        default: finish(.unknownMethod)
        }
    }

    func timedOut(token: UInt64) {
        if let id { handler.forget(id) }
        finish(handler.errorAfterFullTimeout())
    }
}
