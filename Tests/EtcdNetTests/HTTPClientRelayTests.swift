//  Relayed exchanges: connections that are used again, times, pauses.

import EtcdNet
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

/// Writes down the calls; confined to its loop.
private final class RelayLog: HTTPClientStreamDelegate {
    private var lines: [String] = []
    private var text = ""
    private let done: EventLoopPromise<[String]>
    var relay: (any HTTPClientRelay)?
    /// Pause for a moment at the head of the response.
    var pauses = false

    init(done: EventLoopPromise<[String]>) { self.done = done }

    func started(status: Int, headers: HTTPHeaders) {
        lines.append("started \(status)")
        guard pauses, let relay else { return }
        relay.pause()
        done.futureResult.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(30)) {
            self.lines.append("resumed")
            relay.resume()
        }
    }

    func received(_ part: ByteBuffer) { text += String(buffer: part) }

    func ended(_ error: HTTPClientError?) {
        lines.append(text)
        lines.append(error.map { "ended \($0.kind)" } ?? "ended")
        relay = nil
        done.succeed(lines)
    }
}

@Suite("HTTP client relays", .timeLimit(.minutes(1)))
struct HTTPClientRelayTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client: HTTPClient

    init() { client = HTTPClient(loops: loop, idleConnectionsMax: 2) }

    func run(
        _ origin: String, method: String = "GET", headers: HTTPHeaders = [:],
        write: TimeAmount? = nil, read: TimeAmount? = nil, pauses: Bool = false
    ) async throws -> [String] {
        let done = loop.makePromise(of: [String].self)
        let client = self.client
        let loop = self.loop
        try await loop.submit {
            let log = RelayLog(done: done)
            log.pauses = pauses
            log.relay = client.relay(
                HTTPClientRequest(method: method, origin: origin, target: "/r", headers: headers),
                on: loop,
                limits: HTTPClientRelayLimits(dial: .seconds(20), write: write, read: read),
                delegate: log)
        }.get()
        return try await done.futureResult.get()
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test("a connection is used again; one that the server closed is replaced where that is safe")
    func keptConnections() async throws {
        let server = try await RawServer { connection, request, text in
            if request == 1 { return .close }
            return .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(connection)")
        }
        #expect(try await run(server.origin) == ["started 200", "0", "ended"])
        // The server closes instead of answering: asked again over a new connection.
        #expect(try await run(server.origin) == ["started 200", "1", "ended"])
        #expect(try await run(server.origin, method: "POST") == ["", "ended closed"])
        #expect(try await run(server.origin, method: "POST") == ["started 200", "2", "ended"])
        try await server.stop()
    }

    @Test("the caller's Host is kept")
    func host() async throws {
        let server = try await RawServer { _, _, text in
            let lines = text.split(separator: "\r\n").filter { $0.hasPrefix("Host:") }
            let body = lines.joined(separator: "|")
            return .send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        let lines = try await run(server.origin, headers: ["Host": "elsewhere"])
        #expect(lines == ["started 200", "Host: elsewhere", "ended"])
        try await server.stop()
    }

    @Test("silence is waited for unless there is a limit")
    func times() async throws {
        let silent = try await RawServer { _, _, _ in .silence }
        #expect(try await run(silent.origin, read: .milliseconds(30)) == ["", "ended timeout"])
        let half = try await RawServer { _, _, _ in
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        }
        #expect(
            try await run(half.origin, write: .seconds(20), read: .milliseconds(30))
                == ["started 200", "o", "ended timeout"])
        try await silent.stop()
        try await half.stop()
        #expect(try await run(half.origin) == ["", "ended connect"])
        #expect(try await run("nowhere") == ["", "ended badAddress"])
    }

    @Test("a pause does not count as silence, and nothing is lost by it")
    func pause() async throws {
        let server = try await RawServer { _, _, _ in .send(Self.ok) }
        let lines = try await run(server.origin, read: .seconds(20), pauses: true)
        #expect(lines.contains("ok") && lines.first == "started 200" && lines.last == "ended")
        try await server.stop()
    }
}
