//  The front door of a proxy: what it answers itself, and what it hands on to members.

package import EtcdNet
import EtcdServer
package import Logging
package import NIOCore
import Protobuf
import RuntimeCore
import Synchronization

import struct NIOHTTP1.HTTPHeaders

/// Serves the listeners of one proxy. Shared by all their connections.
package final class ProxyHandler: HTTPHandler {
    package struct Settings: Sendable {
        /// Anything but GET is refused.
        package var isReadOnly: Bool
        /// Web origins that browsers may come from; empty or with `*`: all.
        package var crossOrigins: [String]
        /// Bytes of one request's body, which is held in memory until a member has answered.
        package var bodyBytesMax: Int
        /// Requests under way, each of which may need a connection of its own to a member; one
        /// client can have many on one connection.
        package var exchangesMax: Int
        package var limits: HTTPClientRelayLimits

        package init(
            isReadOnly: Bool, crossOrigins: [String], bodyBytesMax: Int, exchangesMax: Int,
            limits: HTTPClientRelayLimits
        ) {
            self.isReadOnly = isReadOnly
            self.crossOrigins = crossOrigins
            self.bodyBytesMax = bodyBytesMax
            self.exchangesMax = exchangesMax
            self.limits = limits
        }
    }

    let settings: Settings
    let director: ProxyDirector
    let metrics: ProxyMetrics
    let client: HTTPClient
    let logger: Logger
    private let crossOrigins: CrossOrigins
    private let metricsPage: @Sendable () -> [UInt8]
    private let exchanges = Atomic<Int>(0)
    private let lastNotice = Mutex<NIODeadline?>(nil)

    /// - Parameter metricsPage: the whole page, `metrics` included.
    package init(
        settings: Settings, director: ProxyDirector, metrics: ProxyMetrics, client: HTTPClient,
        logger: Logger, metricsPage: @escaping @Sendable () -> [UInt8]
    ) {
        self.settings = settings
        self.director = director
        self.metrics = metrics
        self.client = client
        self.logger = logger
        self.metricsPage = metricsPage
        crossOrigins = CrossOrigins(settings.crossOrigins)
    }

    package var remoteCalls: (any RemoteCallHandler)? { nil }

    package func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        isForwarded(head) ? .collect(maximum: settings.bodyBytesMax) : .ignore
    }

    package func handle(
        _ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        if isRefused(head) {
            return responder.respond(status: 501, headers: [:], body: ByteBuffer())
        }
        switch path(of: head) {
        case "/metrics": ProxyHandler.respond(metricsPage(), to: responder)
        case "/v2/config/local/proxy" where head.method != "OPTIONS":
            respondEndpoints(head, responder)
        default:
            if head.method == "OPTIONS" {
                responder.respond(
                    status: 200, headers: HTTPHeaders(permissions(for: head)), body: ByteBuffer())
            } else if head.method == "CONNECT" {
                ProxyHandler.respondNotFound(responder)
            } else if isRemoteCall(head) {
                refuseRemoteCall(responder)
            } else if !namesResource(head) {
                ProxyHandler.respondPlain(400, "400 Bad Request", to: responder)
            } else {
                ProxyExchange(self, head: head, body: body, responder: responder).start()
            }
        }
    }

    // MARK: Which is which

    private func isForwarded(_ head: HTTPRequestHead) -> Bool {
        if isRefused(head) || ["OPTIONS", "CONNECT"].contains(head.method) || isRemoteCall(head)
            || !namesResource(head)
        {
            return false
        }
        let path = path(of: head)
        return path != "/metrics" && path != "/v2/config/local/proxy"
    }

    private func isRefused(_ head: HTTPRequestHead) -> Bool {
        settings.isReadOnly && head.method != "GET" && path(of: head) != "/metrics"
    }

    private func isRemoteCall(_ head: HTTPRequestHead) -> Bool {
        head.version == .http2
            && head.headers.first(name: "content-type")?.hasPrefix("application/grpc") == true
    }

    /// False for `*`, which no member could be asked for: none would be to blame.
    private func namesResource(_ head: HTTPRequestHead) -> Bool { head.target.hasPrefix("/") }

    private func path(of head: HTTPRequestHead) -> String {
        let target = RequestTarget(head.target)
        return (try? target.decodedPath().text) ?? String(target.rawPath)
    }

    func permissions(for head: HTTPRequestHead) -> [(String, String)] {
        crossOrigins.fields(for: head)
    }

    // MARK: Answers of its own

    private func respondEndpoints(_ head: HTTPRequestHead, _ responder: any HTTPResponder) {
        let permissions = permissions(for: head)
        guard head.method == "GET" else {
            let fields = [
                ("Allow", "GET"), ("Content-Type", "text/plain; charset=utf-8"),
                ("X-Content-Type-Options", "nosniff"),
            ]
            return responder.respond(
                status: 405, headers: HTTPHeaders(permissions + fields),
                body: ByteBuffer(string: "Method Not Allowed\n"))
        }
        var text = Array("{\"endpoints\":[".utf8)
        for (position, endpoint) in director.available.enumerated() {
            if position > 0 { text.append(UInt8(ascii: ",")) }
            JSONValue.writeString(Bytes(endpoint.origin), into: &text)
        }
        text += Array("]}\n".utf8)
        responder.respond(
            status: 200, headers: HTTPHeaders(permissions), body: ByteBuffer(bytes: text))
    }

    static func respond(_ metrics: [UInt8], to responder: any HTTPResponder) {
        responder.respond(
            status: 200,
            headers: [
                "Content-Type": "text/plain; version=0.0.4; charset=utf-8"
            ], body: ByteBuffer(bytes: metrics))
    }

    static func respondNotFound(_ responder: any HTTPResponder) {
        respondPlain(404, "404 page not found", to: responder)
    }

    private static func respondPlain(_ status: Int, _ text: String, to responder: any HTTPResponder)
    {
        responder.respond(
            status: status,
            headers: [
                "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff",
            ], body: ByteBuffer(string: text + "\n"))
    }

    private static let unimplemented = 12

    private func refuseRemoteCall(_ responder: any HTTPResponder) {
        responder.respond(
            status: 200,
            headers: [
                "Content-Type": "application/grpc",
                "Grpc-Status": "\(ProxyHandler.unimplemented)",
                "Grpc-Message": "proxy: this proxy supports v2 API only; for v3 use gateway start",
            ], body: ByteBuffer())
    }

    // MARK: Bounds

    /// False when there are as many exchanges as may be; otherwise `exchangeEnded` has to follow.
    func exchangeBegins() -> Bool {
        let count = exchanges.wrappingAdd(1, ordering: .relaxed).newValue
        if count <= settings.exchangesMax { return true }
        exchangeEnded()
        return false
    }

    func exchangeEnded() { exchanges.wrappingSubtract(1, ordering: .relaxed) }

    /// A failure that every request may meet is logged once a second at most.
    func noteFailure(_ message: Logger.Message, _ metadata: Logger.Metadata = [:]) {
        let now = NIODeadline.now()
        let isDue = lastNotice.withLock { last in
            if let last, now - last < .seconds(1) { return false }
            last = now
            return true
        }
        if isDue { logger.warning(message, metadata: metadata) }
    }
}

/// Serves a listener for metrics alone.
package struct ProxyMetricsHandler: HTTPHandler {
    private let page: @Sendable () -> [UInt8]

    package init(page: @escaping @Sendable () -> [UInt8]) { self.page = page }

    package var remoteCalls: (any RemoteCallHandler)? { nil }

    package func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    package func handle(
        _ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        if RequestTarget(head.target).rawPath == "/metrics" {
            ProxyHandler.respond(page(), to: responder)
        } else {
            ProxyHandler.respondNotFound(responder)
        }
    }
}
