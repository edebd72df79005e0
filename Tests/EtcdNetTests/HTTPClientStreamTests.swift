//  Long-lived responses: what the delegate hears, and in which order.

import EtcdNet
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

/// Writes down the calls; confined to its loop.
private final class StreamLog: HTTPClientStreamDelegate {
    private(set) var lines: [String] = []
    private let done: EventLoopPromise<[String]>
    var stream: (any HTTPClientStream)?
    /// Give the stream up after this many parts.
    var partsMax = Int.max
    private var parts = 0

    init(done: EventLoopPromise<[String]>) { self.done = done }

    func started(status: Int, headers: HTTPHeaders) { lines.append("started \(status)") }

    func received(_ part: ByteBuffer) {
        lines.append(String(buffer: part))
        parts += 1
        if parts == partsMax {
            stream?.cancel()
            done.succeed(lines + ["cancelled"])
        }
    }

    func ended(_ error: HTTPClientError?) {
        lines.append(error.map { "ended \($0.kind)" } ?? "ended")
        done.succeed(lines)
    }
}

@Suite("HTTP client streams", .timeLimit(.minutes(1)))
struct HTTPClientStreamTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    func run(
        _ origin: String, timeout: TimeAmount = .seconds(20), partsMax: Int = .max
    ) async throws -> [String] {
        let done = loop.makePromise(of: [String].self)
        let loop = self.loop
        try await loop.submit {
            let log = StreamLog(done: done)
            log.partsMax = partsMax
            log.stream = HTTPClient(loops: loop).openStream(
                HTTPClientRequest(origin: origin, target: "/s"), on: loop,
                connectTimeout: timeout, delegate: log)
            #expect(log.lines.isEmpty)
        }.get()
        return try await done.futureResult.get()
    }

    private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test("parts come as they are sent, then the end")
    func parts() async throws {
        let server = try await RawServer { _, _, _ in
            .sendParts([Self.head, "1\r\na\r\n", "2\r\nbc\r\n", "0\r\n\r\n"])
        }
        let lines = try await run(server.origin)
        #expect(lines.first == "started 200" && lines.last == "ended")
        #expect(lines.dropFirst().dropLast().joined() == "abc")
        try await server.stop()
    }

    @Test("a connection that breaks ends with an error")
    func broken() async throws {
        let server = try await RawServer { _, _, _ in .sendAndClose(Self.head + "1\r\na\r\n") }
        let lines = try await run(server.origin)
        #expect(lines.first == "started 200" && lines.last != "ended")
        #expect(lines.last?.hasPrefix("ended") == true)
        try await server.stop()
    }

    @Test("a failure to connect, a bad address or silence is the only thing that is heard")
    func failures() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        #expect(
            try await run(server.origin, timeout: .milliseconds(50)) == ["ended timeout"])
        #expect(try await run("nowhere") == ["ended badAddress"])
        try await server.stop()
        #expect(try await run(server.origin) == ["ended connect"])
    }

    @Test("after cancelling nothing more is heard")
    func cancel() async throws {
        let server = try await RawServer { _, _, _ in
            .sendParts([Self.head, "1\r\na\r\n", "1\r\nb\r\n", "0\r\n\r\n"])
        }
        let lines = try await run(server.origin, partsMax: 1)
        #expect(lines.first == "started 200" && lines.last == "cancelled" && lines.count == 3)
        try await server.stop()
    }
}
