//  Long request bodies: sent as they come, held back, given up, and answered before their end.

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import EtcdNet

/// Gives parts until the list ends, then fails or ends.
private final class ListSource: HTTPClientBodySource {
    struct Broken: Error {}

    let loop: any EventLoop
    var parts: [String]
    let fails: Bool
    /// What was not asked for may not be made.
    let waitsForEver: Bool

    init(_ loop: any EventLoop, _ parts: [String], fails: Bool = false, waits: Bool = false) {
        self.loop = loop
        self.parts = parts
        self.fails = fails
        waitsForEver = waits
    }

    func nextPart() -> EventLoopFuture<ByteBuffer?> {
        if !parts.isEmpty {
            return loop.makeSucceededFuture(ByteBuffer(string: parts.removeFirst()))
        }
        if waitsForEver {
            let promise = loop.makePromise(of: ByteBuffer?.self)
            loop.scheduleTask(in: .seconds(50)) { promise.succeed(nil) }
            return promise.futureResult
        }
        return fails
            ? loop.makeFailedFuture(Broken()) : loop.makeSucceededFuture(nil)
    }
}

@Suite("HTTP client upload", .timeLimit(.minutes(1)))
struct HTTPClientUploadTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client: HTTPClient

    init() { client = HTTPClient(loops: loop) }

    private func upload(
        _ origin: String, _ parts: [String], length: Int, fails: Bool = false,
        waits: Bool = false, stall: TimeAmount = .seconds(20), answer: TimeAmount = .seconds(20),
        limit: Int = 1_000, cancels: Bool = false
    ) async throws -> HTTPClientResponse {
        let (loop, client) = (loop, client)
        return try await loop.flatSubmit {
            let call = client.upload(
                HTTPClientRequest(
                    method: "POST", origin: origin, target: "/up", headers: ["X-Test": "1"]),
                length: length, body: ListSource(loop, parts, fails: fails, waits: waits),
                on: loop, stallTimeout: stall, answerTimeout: answer, maximumBody: limit)
            if cancels { call.cancel() }
            return call.response
        }.get()
    }

    private func failure(
        _ origin: String, _ parts: [String], length: Int, fails: Bool = false,
        waits: Bool = false, stall: TimeAmount = .seconds(20), answer: TimeAmount = .seconds(20),
        limit: Int = 1_000, cancels: Bool = false
    ) async -> HTTPClientError.Kind? {
        do {
            _ = try await upload(
                origin, parts, length: length, fails: fails, waits: waits, stall: stall,
                answer: answer, limit: limit, cancels: cancels)
            return nil
        } catch {
            return (error as? HTTPClientError)?.kind
        }
    }

    @Test("parts leave as one body of the announced length")
    func parts() async throws {
        let server = try await RawServer { _, _, text in
            .send("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
        }
        let response = try await upload(server.origin, ["hel", "lo", "<end>"], length: 10)
        let text = String(buffer: response.body)
        #expect(response.status == 200)
        #expect(text.hasPrefix("POST /up HTTP/1.1\r\n") && text.contains("\r\nX-Test: 1\r\n"))
        #expect(text.contains("\r\nContent-Length: 10\r\n"))
        #expect(text.hasSuffix("\r\n\r\nhello<end>"))
        try await server.stop()
    }

    @Test("a source that breaks its word cuts the connection")
    func lies() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        #expect(await failure(server.origin, ["hello"], length: 10) == .source)
        #expect(await failure(server.origin, ["hello"], length: 3) == .source)
        #expect(await failure(server.origin, ["hello"], length: 10, fails: true) == .source)
        try await server.stop()
    }

    @Test("an answer before the end ends the sending")
    func earlyAnswer() async throws {
        // The server answers as soon as it has seen the mark, with most of the body to come.
        let server = try await RawServer { _, _, _ in
            .send("HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\nno")
        }
        let response = try await upload(
            server.origin, ["<end>"], length: 1_000, waits: true, stall: .seconds(40))
        #expect(response.status == 412 && String(buffer: response.body) == "no")
        try await server.stop()
    }

    @Test("what does not move, or is not answered, is given up")
    func timeouts() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        let short = TimeAmount.milliseconds(20)
        #expect(
            await failure(server.origin, ["x"], length: 9, waits: true, stall: short) == .timeout)
        #expect(await failure(server.origin, ["x"], length: 1, answer: short) == .timeout)
        try await server.stop()
    }

    @Test("cancelling, a closing server, a long answer and a bad address end it")
    func ends() async throws {
        let closing = try await RawServer { _, _, _ in .close }
        #expect(await failure(closing.origin, ["<end>"], length: 9, waits: true) == .closed)
        #expect(await failure(closing.origin, ["x"], length: 9, cancels: true) == .cancelled)
        #expect(await failure("https://x", ["x"], length: 1) == .badAddress)
        try await closing.stop()
        let wordy = try await RawServer { _, _, _ in
            .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nverbosely")
        }
        #expect(await failure(wordy.origin, ["<end>"], length: 5, limit: 3) == .tooLarge)
        try await wordy.stop()
    }

    @Test("a server that does not read holds the source back")
    func backPressure() async throws {
        let loop = loop
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let source = NIOLoopBoundBox.makeEmptyBox(valueType: EndlessSource.self, eventLoop: loop)
        let client = client
        await #expect(throws: HTTPClientError.self) {
            try await loop.flatSubmit {
                let endless = EndlessSource(loop)
                source.value = endless
                return client.upload(
                    HTTPClientRequest(
                        method: "POST", origin: "http://127.0.0.1:\(port)", target: "/up"),
                    length: 1 << 40, body: endless, on: loop, stallTimeout: .milliseconds(200),
                    answerTimeout: .seconds(20), maximumBody: 10
                ).response
            }.get()
        }
        // All that the kernel buffers for a connection, and the two parts.
        let given = try await loop.submit { source.value?.given ?? .max }.get()
        #expect(given < 32 << 20)
        try await server.close().get()
    }
}

/// Counts what it gave.
private final class EndlessSource: HTTPClientBodySource {
    let loop: any EventLoop
    var given = 0

    init(_ loop: any EventLoop) { self.loop = loop }

    func nextPart() -> EventLoopFuture<ByteBuffer?> {
        given += 256 << 10
        return loop.makeSucceededFuture(ByteBuffer(repeating: 0, count: 256 << 10))
    }
}
