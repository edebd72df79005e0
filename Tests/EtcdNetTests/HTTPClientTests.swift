//  The HTTP client against servers that behave, misbehave and go away.

import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import EtcdNet

private func ok(_ body: String, _ headers: String = "") -> String {
    "HTTP/1.1 200 OK\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

@Suite("HTTP client", .timeLimit(.minutes(1)))
struct HTTPClientTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client: HTTPClient

    init() { client = HTTPClient(loops: loop) }

    func get(
        _ server: RawServer, method: String = "GET", body: String = "", limit: Int = 1_000,
        timeout: TimeAmount = .seconds(20), isRepeatable: Bool? = nil
    ) async throws -> HTTPClientResponse {
        try await client.execute(
            HTTPClientRequest(
                method: method, origin: server.origin, target: "/x?y=1",
                headers: ["X-Test": "1"], body: ByteBuffer(string: body),
                isRepeatable: isRepeatable),
            on: loop, timeout: timeout, maximumBody: limit
        ).get()
    }

    func failure(_ server: RawServer, method: String = "GET", body: String = "") async
        -> HTTPClientError?
    {
        do {
            _ = try await get(server, method: method, body: body)
            return nil
        } catch {
            return error as? HTTPClientError
        }
    }

    @Test("the request is as HTTP/1.1 wants it")
    func request() async throws {
        let server = try await RawServer { _, _, text in .send(ok(text)) }
        let text = String(buffer: try await get(server).body)
        #expect(text.hasPrefix("GET /x?y=1 HTTP/1.1\r\n"))
        #expect(text.contains("\r\nHost: 127.0.0.1:\(server.port)\r\n"))
        #expect(text.contains("\r\nX-Test: 1\r\n") && !text.contains("Content-Length"))
        let post = String(
            buffer: try await get(server, method: "POST", body: "hello<end>").body)
        #expect(post.contains("\r\nContent-Length: 10\r\n") && post.hasSuffix("hello<end>"))
        let empty = String(buffer: try await get(server, method: "POST").body)
        #expect(empty.contains("\r\nContent-Length: 0\r\n"))
        try await server.stop()
    }

    @Test(
        "bodies with a length, in chunks, or up to the end of the connection",
        arguments: [
            RawReaction.send(ok("hello")),
            .sendAndClose("HTTP/1.1 200 OK\r\n\r\nhello"),
            .sendAndClose("HTTP/1.0 200 OK\r\n\r\nhello"),
            .sendParts([
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun", "ked\r\n\r\n2\r\nhe\r\n3", "\r\nllo",
                "\r\n0\r\n\r\n",
            ]),
        ])
    func bodies(reaction: RawReaction) async throws {
        let server = try await RawServer { _, _, _ in reaction }
        let response = try await get(server)
        #expect(response.status == 200)
        #expect(String(buffer: response.body) == "hello")
        try await server.stop()
    }

    @Test("a kept connection is used again, and not after the server said close")
    func keepAlive() async throws {
        let server = try await RawServer { connection, request, _ in
            .send(ok("\(connection).\(request)", request == 1 ? "Connection: close\r\n" : ""))
        }
        var seen: [String] = []
        for _ in 0..<4 { seen.append(String(buffer: try await get(server).body)) }
        #expect(seen == ["0.0", "0.1", "1.0", "1.1"])
        try await server.stop()
    }

    @Test("a stale connection is replaced for requests that may be repeated, once")
    func stale() async throws {
        let server = try await RawServer { connection, request, _ in
            request == 0 ? .send(ok("\(connection)")) : .close
        }
        #expect(String(buffer: try await get(server).body) == "0")
        #expect(String(buffer: try await get(server).body) == "1")
        #expect(await failure(server, method: "POST", body: "<end>")?.kind == .closed)
        try await server.stop()
    }

    @Test(
        "a request's own word on being repeated counts more than its method",
        arguments: [("PUT", nil, true), ("PUT", false, false), ("POST", true, true)]
            as [(String, Bool?, Bool)])
    func ownWord(method: String, isRepeatable: Bool?, arrives: Bool) async throws {
        let server = try await RawServer { connection, request, _ in
            request == 0 ? .send(ok("\(connection)")) : .close
        }
        #expect(String(buffer: try await get(server).body) == "0")
        let answer = try? await get(
            server, method: method, body: "<end>", isRepeatable: isRepeatable)
        #expect((answer != nil) == arrives)
        try await server.stop()
    }

    @Test(
        "what is no answer is an error",
        arguments: [
            (RawReaction.close, HTTPClientError.Kind.closed),
            (.send("nonsense\r\n\r\n"), .malformed),
            (.sendAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), .malformed),
            (.send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"), .tooLarge),
            (
                .send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n"
                        + String(repeating: "x", count: 2_000)), .tooLarge
            ),
        ] as [(RawReaction, HTTPClientError.Kind)])
    func errors(reaction: RawReaction, kind: HTTPClientError.Kind) async throws {
        let server = try await RawServer { _, _, _ in reaction }
        #expect(await failure(server)?.kind == kind)
        try await server.stop()
    }

    @Test("the kernel looks after connections that are silent")
    func probes() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        let address = try HTTPClientAddress(origin: server.origin)
        let options = loop.makePromise(of: [SocketOptionValue].self)
        loop.execute { [loop] in
            let pool = HTTPClientPool(loop: loop, tls: nil)
            pool.connect(address, timeout: .seconds(20)) { result in
                options.completeWith(
                    Result {
                        let channel = try result.get().channel
                        defer { channel.close(promise: nil) }
                        return try TCPOptions.all.compactMap {
                            try channel.syncOptions?.getOption($0.option)
                        }
                    })
                pool.close()
            }
        }
        #expect(try await options.futureResult.get() == [1, 1, 30, 30])
        try await server.stop()
    }

    @Test("a silent server runs into the time limit")
    func timeout() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        let error = await #expect(throws: HTTPClientError.self) {
            _ = try await get(server, timeout: .milliseconds(50))
        }
        #expect(error?.kind == .timeout)
        try await server.stop()
    }

    @Test("nobody listening is a failure to connect")
    func refused() async throws {
        let server = try await RawServer { _, _, _ in .silence }
        try await server.stop()
        #expect(await failure(server)?.kind == .connect)
    }

    @Test(
        "bad addresses",
        arguments: [
            "", "localhost:80", "ftp://localhost:80", "https://", "http://", "http://:80",
            "http://a:0",
            "http://a:65536", "http://a:+80", "http://a:b", "http://a/b", "http://u@a:80",
            "http://[::1",
            "http://[::1]80", "http://a b:80", "unix://", "http://a:80\r\nX: y",
        ])
    func badAddresses(origin: String) {
        #expect(throws: HTTPClientError.self) { try HTTPClientAddress(origin: origin) }
    }

    @Test(
        "good addresses",
        arguments: [
            ("http://a:80", "a"), ("http://a", "a"), ("http://a:2380/", "a:2380"),
            ("http://[::1]:2380", "[::1]:2380"), ("unix:///run/x", "localhost"),
            ("https://a", "a"), ("https://a:443", "a"), ("https://a:80", "a:80"),
            ("unixs:///run/x", "localhost"),
        ])
    func goodAddresses(origin: String, host: String) throws {
        #expect(try HTTPClientAddress(origin: origin).hostHeader == host)
    }

    @Test("targets with spaces or line ends are refused")
    func badTarget() async throws {
        for target in ["", "x", "/a b", "/a\r\nX: y"] {
            let error = await #expect(throws: HTTPClientError.self) {
                _ = try await client.execute(
                    HTTPClientRequest(origin: "http://127.0.0.1:1", target: target), on: loop,
                    timeout: .seconds(1), maximumBody: 0
                ).get()
            }
            #expect(error?.kind == .badAddress)
        }
    }
}
