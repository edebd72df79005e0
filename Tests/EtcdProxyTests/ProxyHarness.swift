//  A proxy between clients and members that do what their path says, all on loopback.

import EtcdNet
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import EtcdProxy

let quiet = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }

/// A member: what it saw, and clients that left.
final class PretendMember: EtcdNet.HTTPHandler {
    let seen = Mutex<[String]>([])
    let left = Mutex(0)
    /// Bytes handed over of an endless answer.
    let poured = Mutex(0)
    var remoteCalls: (any RemoteCallHandler)? { nil }

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .collect(maximum: 1 << 20)
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        let fields = head.headers.map { "\($0.name): \($0.value)" }.sorted()
        let text = "\(head.method) \(head.target) \(fields) \(String(buffer: body))"
        seen.withLock { $0.append(text) }
        responder.onClose = { self.left.withLock { $0 += 1 } }
        let path = String(RequestTarget(head.target).rawPath)
        switch path {
        case "/drip":
            responder.start(status: 200, headers: ["X-Kind": "drip"])
            drip(responder, 0)
        case "/wait": responder.start(status: 200, headers: [:])
        case "/break":
            responder.start(status: 200, headers: [:])
            responder.write(ByteBuffer(string: "half"))
            responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
                responder.abort()
            }
        case "/pour":
            responder.start(status: 200, headers: [:])
            responder.onWritable = { self.pour(responder) }
            pour(responder)
        case "/long":
            responder.start(
                status: 200, headers: ["Content-Length": "100000"])
            responder.write(ByteBuffer(repeating: 0x61, count: 100_000))
            responder.finish()
        default:
            responder.respond(
                status: path == "/none" ? 404 : 200, headers: ["X-Kind": "short"],
                body: ByteBuffer(string: text))
        }
    }

    private func drip(_ responder: any HTTPResponder, _ count: Int) {
        guard count < 3 else { return responder.finish() }
        responder.write(ByteBuffer(string: "drop\(count) "))
        responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
            self.drip(responder, count + 1)
        }
    }

    /// Writes as long as the transport takes it.
    private func pour(_ responder: any HTTPResponder) {
        let part = ByteBuffer(repeating: 0x62, count: 64 << 10)
        while responder.isOpen, responder.isWritable {
            responder.write(part)
            poured.withLock { $0 += part.readableBytes }
            if poured.withLock({ $0 }) > 1 << 30 { return responder.finish() }
        }
    }
}

/// One proxy with `members` behind it.
struct ProxyHarness {
    let loops: EventLoops
    let director: ProxyDirector
    let metrics = ProxyMetrics()
    let proxy: Listener
    let client: HTTPClient
    let forwarding: HTTPClient
    private let listeners: [Listener]

    var origin: String { "http://\(proxy.localAddress)" }

    init(
        _ members: [PretendMember], others: [String] = [], isReadOnly: Bool = false,
        exchangesMax: Int = 100, read: TimeAmount? = nil
    ) async throws {
        loops = EventLoops(count: 2)
        var listeners: [Listener] = []
        for member in members {
            listeners.append(
                try await Listener.bind(
                    .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: member))
        }
        self.listeners = listeners
        director = ProxyDirector(failureWait: .minutes(1), timers: loops.next(), logger: quiet)
        director.replace(listeners.map { "http://\($0.localAddress)" } + others)
        forwarding = HTTPClient(loops: loops, idleConnectionsMax: 128)
        client = HTTPClient(loops: loops)
        proxy = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops,
            handler: ProxyHandler(
                settings: ProxyHandler.Settings(
                    isReadOnly: isReadOnly, crossOrigins: ["http://ok"], bodyBytesMax: 1_000,
                    exchangesMax: exchangesMax,
                    limits: HTTPClientRelayLimits(
                        dial: .seconds(10), write: .seconds(10), read: read)),
                director: director, metrics: metrics, client: forwarding, logger: quiet,
                metricsPage: { Array("page".utf8) }))
    }

    func ask(
        _ method: String = "GET", _ target: String, headers: HTTPHeaders = [:], body: String = ""
    ) async throws -> HTTPClientResponse {
        try await client.execute(
            HTTPClientRequest(
                method: method, origin: origin, target: target, headers: headers,
                body: ByteBuffer(string: body)),
            on: loops.next(), timeout: .seconds(20), maximumBody: 1 << 20
        ).get()
    }

    func close() async throws {
        await proxy.drain(graceMilliseconds: 0)
        for listener in listeners { await listener.drain(graceMilliseconds: 0) }
        forwarding.shutdown()
        client.shutdown()
        try await loops.shutdown()
    }
}

/// Waits for what other threads do.
func eventually(_ check: () -> Bool) async throws -> Bool {
    for _ in 0..<1_000 {
        if check() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return check()
}
