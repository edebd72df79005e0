//  Requests through a proxy: what members see, and what clients get.

import EtcdNet
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import EtcdProxy

@Suite("Requests through a proxy", .timeLimit(.minutes(2)))
struct ProxyHandlerTests {
    @Test("method, target, fields and body arrive as they were sent, and the answer comes back")
    func forwarding() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        let answer = try await harness.ask(
            "PUT", "/v2/keys/a%2Fb?x=%20&y",
            headers: ["Host": "shown:1", "Connection": "X", "X": "1"],
            body: "value=1")
        #expect(answer.status == 200 && answer.headers["X-Kind"] == ["short"])
        let seen = try #require(member.seen.withLock { $0.first })
        #expect(
            seen == "PUT /v2/keys/a%2Fb?x=%20&y "
                + #"["Content-Length: 7", "Host: shown:1", "X-Forwarded-For: 127.0.0.1"] value=1"#)
        #expect(String(buffer: answer.body) == seen)
        #expect(try await harness.ask("GET", "/none").status == 404)
        let head = try await harness.ask("HEAD", "/long")
        #expect(head.headers["Content-Length"] == ["100000"] && head.body.readableBytes == 0)
        let long = try await harness.ask("GET", "/long")
        #expect(long.headers["Content-Length"] == ["100000"])
        #expect(long.body.readableBytes == 100_000)
        try await harness.close()
    }

    @Test("the body of a TRACE does not become a request of its own")
    func traceBody() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        let wire = try await ClientBootstrap(group: harness.loops.next())
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: harness.proxy.port!)).get()
        let inner = "PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        try await wire.writeAndFlush(
            ByteBuffer(
                string: "TRACE /v2/keys/t HTTP/1.1\r\nHost: x\r\nContent-Length: "
                    + "\(inner.utf8.count)\r\n\r\n\(inner)"))
        #expect(try await eventually { !member.seen.withLock { $0.isEmpty } })
        #expect(try await harness.ask("GET", "/v2/keys/after").status == 200)
        let seen = member.seen.withLock { $0 }
        #expect(seen.count == 2 && seen[0].hasPrefix("TRACE"), "\(seen)")
        try await wire.close()
        try await harness.close()
    }

    @Test("what a proxy answers itself")
    func ownAnswers() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        #expect(String(buffer: try await harness.ask("POST", "/metrics").body) == "page")
        let list = try await harness.ask("GET", "/v2/config/local/proxy?x")
        let endpoint = try #require(harness.director.available.first).origin
        #expect(String(buffer: list.body) == "{\"endpoints\":[\"\(endpoint)\"]}\n")
        let refused = try await harness.ask("PUT", "/v2/config/local/proxy")
        #expect(refused.status == 405 && refused.headers["Allow"] == ["GET"])
        let options = try await harness.ask(
            "OPTIONS", "/v2/keys", headers: ["Origin": "http://ok"])
        #expect(options.status == 200)
        #expect(options.headers["Access-Control-Allow-Origin"] == ["http://ok"])
        let large = try await harness.ask(
            "PUT", "/v2/keys/a", body: String(repeating: "a", count: 1_001))
        #expect(large.status == 413)
        #expect(member.seen.withLock { $0 }.isEmpty)
        try await harness.close()
    }

    @Test("a request that names no resource is refused, and no member is blamed for it")
    func noResource() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        let answer = Answer()
        let wire = try await ClientBootstrap(group: harness.loops.next())
            .channelInitializer { $0.pipeline.addHandler(answer) }
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: harness.proxy.port!)).get()
        try await wire.writeAndFlush(
            ByteBuffer(string: "GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        try await wire.closeFuture.get()
        let text = answer.text.withLock { $0 }
        #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(text)")
        #expect(text.hasSuffix("\r\n\r\n400 Bad Request\n"), "\(text)")
        #expect(harness.director.available.count == 1)
        #expect(try await harness.ask("GET", "/v2/keys/a").status == 200)
        #expect(member.seen.withLock { $0 }.count == 1)
        try await harness.close()
    }

    @Test("a read-only proxy lets nothing but GET through")
    func readOnly() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member], isReadOnly: true)
        for method in ["PUT", "POST", "DELETE", "HEAD", "OPTIONS"] {
            let answer = try await harness.ask(method, "/v2/keys/a", body: "x")
            #expect(answer.status == 501 && answer.body.readableBytes == 0, "\(method)")
        }
        let read = try await harness.ask("GET", "/v2/keys/a")
        #expect(read.status == 200, "\(read)")
        #expect(try await harness.ask("POST", "/metrics").status == 200)
        #expect(member.seen.withLock { $0 }.count == 1)
        try await harness.close()
    }

    @Test("without endpoints: 503; with endpoints that are all dead: 502, and then 503")
    func noEndpoints() async throws {
        let empty = try await ProxyHarness([])
        let answer = try await empty.ask("GET", "/v2/keys/a")
        #expect(answer.status == 503)
        #expect(answer.headers["Content-Type"] == ["application/json"])
        #expect(
            String(buffer: answer.body)
                == #"{"message":"httpproxy: zero endpoints currently available"}"#)
        try await empty.close()
        // Port 1 of loopback: nobody listens there.
        let dead = try await ProxyHarness([], others: ["http://127.0.0.1:1", "http://127.0.0.2:1"])
        let failed = try await dead.ask("PUT", "/v2/keys/a", body: "x")
        #expect(failed.status == 502)
        #expect(
            String(buffer: failed.body)
                == #"{"message":"httpproxy: unable to get response from 2 endpoint(s)"}"#)
        #expect(try await dead.ask("GET", "/v2/keys/a").status == 503)
        try await dead.close()
    }

    @Test("a dead endpoint costs nothing but a look at the next, body included")
    func nextEndpoint() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness(
            [member], others: ["http://127.0.0.1:1", "http://127.0.0.2:1", "nonsense"])
        for number in 0..<8 {
            let answer = try await harness.ask("POST", "/v2/keys/q", body: "value=\(number)")
            #expect(answer.status == 200)
            #expect(String(buffer: answer.body).hasSuffix("value=\(number)"))
        }
        #expect(member.seen.withLock { $0 }.count == 8)
        try await harness.close()
    }

    @Test("an answer that takes its time comes as it is made; one that breaks, breaks")
    func streaming() async throws {
        let harness = try await ProxyHarness([PretendMember()])
        let answer = try await harness.ask("GET", "/drip")
        #expect(answer.headers["X-Kind"] == ["drip"])
        #expect(String(buffer: answer.body) == "drop0 drop1 drop2 ")
        await #expect(throws: HTTPClientError.self) { try await harness.ask("GET", "/break") }
        try await harness.close()
    }

    @Test("a client that leaves ends the exchange with the member")
    func clientLeaves() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        let stream = try await ClientBootstrap(group: harness.loops.next())
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: harness.proxy.port!)).get()
        try await stream.writeAndFlush(
            ByteBuffer(string: "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect(try await eventually { member.seen.withLock { $0.count } == 1 })
        try await stream.close()
        #expect(try await eventually { member.left.withLock { $0 } == 1 })
        try await harness.close()
    }

    @Test("requests beyond the bound are refused, and let in again when others have ended")
    func bound() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member], exchangesMax: 1)
        let wire = try await ClientBootstrap(group: harness.loops.next())
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: harness.proxy.port!)).get()
        try await wire.writeAndFlush(ByteBuffer(string: "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect(try await eventually { member.seen.withLock { $0.count } == 1 })
        let refused = try await harness.ask("GET", "/v2/keys/a")
        #expect(refused.status == 503)
        #expect(String(buffer: refused.body).contains("too many requests under way"))
        try await wire.close()
        #expect(try await eventually { member.left.withLock { $0 } == 1 })
        var status = 0
        for _ in 0..<500 where status != 200 {
            status = try await harness.ask("GET", "/v2/keys/a").status
        }
        #expect(status == 200)
        for _ in 0..<5 { #expect(try await harness.ask("GET", "/v2/keys/a").status == 200) }
        try await harness.close()
    }

    @Test("an answer is read no faster than the client takes it")
    func backPressure() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member])
        let stream = try await ClientBootstrap(group: harness.loops.next())
            .channelOption(.autoRead, value: false)
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: harness.proxy.port!)).get()
        try await stream.writeAndFlush(
            ByteBuffer(string: "GET /pour HTTP/1.1\r\nHost: x\r\n\r\n"))
        var last = -1
        // Until nothing moves any more: buffers of kernel and program are full.
        #expect(
            try await eventually {
                let now = member.poured.withLock { $0 }
                defer { last = now }
                return now > 0 && now == last
            })
        try await Task.sleep(for: .milliseconds(300))
        #expect(member.poured.withLock { $0 } < 200 << 20)
        try await stream.close()
        #expect(try await eventually { member.left.withLock { $0 } == 1 })
        try await harness.close()
    }

    @Test("a member that falls silent fails after the read timeout, if there is one")
    func readTimeout() async throws {
        let member = PretendMember()
        let harness = try await ProxyHarness([member], read: .milliseconds(50))
        do {
            // So short a time may pass before the head of the answer is there, too.
            #expect(try await harness.ask("GET", "/wait").status == 502)
        } catch {
            #expect(error is HTTPClientError)
        }
        #expect(try await eventually { member.left.withLock { $0 } == 1 })
        try await harness.close()
    }
}

/// Keeps the bytes that arrive on a connection.
private final class Answer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let text = Mutex("")

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = String(buffer: unwrapInboundIn(data))
        text.withLock { $0 += part }
    }
}
