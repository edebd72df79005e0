//  The JSON gateway over a lone member, held against what etcd 3.5.1 answers.

import EtcdNet
import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Protobuf
import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite struct GatewayTests {
    private static let header =
        "{\"cluster_id\":\"193\",\"member_id\":\"42\",\"revision\":\"REV\",\"raft_term\":\"2\"}"

    private func header(_ revision: Int) -> String {
        Self.header.split(separator: "REV").joined(separator: String(revision))
    }

    private let putFoo = "{\"key\":\"Zm9v\",\"value\":\"YmFy\"}"

    @Test("answers unary calls", arguments: ["/v3", "/v3beta", "/v3alpha"])
    func answersUnaryCalls(prefix: String) throws {
        let fixture = try GatewayFixture()
        let put = fixture.post(prefix + "/kv/put", putFoo)
        #expect(put.status == 200)
        #expect(put.body == "{\"header\":\(header(2))}")
        #expect(put.headers["Content-Type"] == ["application/json"])
        #expect(put.headers["Grpc-Metadata-Content-Type"] == ["application/grpc"])
        let range = fixture.post(prefix + "/kv/r%61nge?x=y", "{\"key\":\"Zm9v\"} rest")
        #expect(
            range.body == "{\"header\":\(header(2)),\"kvs\":[{\"key\":\"Zm9v\","
                + "\"create_revision\":\"2\",\"mod_revision\":\"2\",\"version\":\"1\","
                + "\"value\":\"YmFy\"}],\"count\":\"1\"}")
    }

    @Test(
        "words refusals as etcd does",
        arguments: [
            ("/v3/kv/range", "", 400, 3, "etcdserver: key is not provided"),
            ("/v3/kv/range", "null", 400, 3, "etcdserver: key is not provided"),
            ("/v3/kv/range", "  ", 400, 3, "etcdserver: key is not provided"),
            (
                "/v3/kv/range", "{\"key\":\"YQ==\",\"revision\":99}", 400, 11,
                "etcdserver: mvcc: required revision is a future revision"
            ),
            ("/v3/kv/range", "{\"key\":", 400, 3, "unexpected EOF"),
            (
                "/v3/kv/range", "[]", 400, 3,
                "json: cannot unmarshal array into Go value of type map[string]json.RawMessage"
            ),
            ("/v3/election/leader", "{\"name\":\"bm9uZQ==\"}", 500, 2, "election: no leader"),
            (
                "/v3/watch", "xx", 500, 2,
                "invalid character 'x' looking for beginning of value"
            ),
        ])
    func wordsRefusals(
        path: String, body: String, status: Int, code: Int, message: String
    ) throws {
        let answer = try GatewayFixture().post(path, body)
        #expect(answer.status == status)
        #expect(
            answer.body == "{\"error\":\"\(message)\",\"code\":\(code),\"message\":\"\(message)\"}"
        )
        #expect(answer.headers["Content-Type"] == ["application/json"])
        #expect(!answer.headers.contains(name: "Grpc-Metadata-Content-Type"))
    }

    @Test("knows its paths and its only method")
    func knowsPaths() throws {
        let fixture = try GatewayFixture()
        for (path, isServed) in [
            ("/v3/kv/range", true), ("/v3beta/x", true), ("/v3alpha/", true), ("/v3", true),
            ("/v3gamma/kv/range", false), ("/v2/keys", false), ("/version", false),
        ] {
            #expect(fixture.gateway.serves(path: path) == isServed, "\(path)")
        }
        let unknown = fixture.post("/v3/kv/nosuch", "{}")
        #expect(unknown.status == 404)
        #expect(unknown.body == "Not Found\n")
        #expect(unknown.headers["X-Content-Type-Options"] == ["nosniff"])
        #expect(fixture.post("/v3/kv/range/", "{}").status == 404)
        let get = fixture.post("/v3/kv/range", "", method: "GET")
        #expect(get.status == 405)
        #expect(get.body == "Method Not Allowed\n")
        #expect(fixture.post("/v3/nosuch", "", method: "GET").status == 404)
        #expect(fixture.post("/v3gamma", "{}").body == "404 page not found\n")
        let unclean = fixture.post("/v3/kv//range", "{}")
        #expect(unclean.status == 301)
        #expect(unclean.headers["Location"] == ["/v3/kv/range"])
        #expect(unclean.body == "")
        let bare = fixture.post("/v3?a=b&c", "", method: "GET")
        #expect(bare.status == 301)
        #expect(bare.headers["Location"] == ["/v3/?a=b&c"])
        #expect(bare.body == "<a href=\"/v3/?a=b&amp;c\">Moved Permanently</a>.\n\n")
    }

    @Test("reads the header fields that concern the call")
    func readsFields() throws {
        func metadata(_ fields: [(String, String)]) throws(GRPCStatus) -> CallMetadata {
            try CallMetadata(gateway: GatewayFixture.head("POST", "/v3/kv/range", fields))
        }
        let plain = try metadata([])
        #expect(plain.token == nil)
        #expect(plain.isFromGateway)
        #expect(plain.timeoutMilliseconds == nil)
        let named = CallMetadata(
            isFromGateway: true,
            connection: ConnectionFacts(
                remoteAddress: "127.0.0.1:1", localAddress: "127.0.0.1:2379", commonName: "root"))
        #expect(named.context.commonName == nil)
        let full = try metadata([
            ("Authorization", "Bearer abc"), ("Grpc-Metadata-Hasleader", "true"),
            ("Grpc-Timeout", "5S"), ("grpc-metadata-client-api-version", "3.5"),
        ])
        #expect(full.token == "abc")
        #expect(full.requiresLeader)
        #expect(full.timeoutMilliseconds == 5_000)
        #expect(full.clientAPIVersion == "3.5")
        #expect(
            try metadata([("Authorization", "a"), ("Grpc-Metadata-Token", "b")]).token == "b")
    }

    @Test(
        "reads time limits",
        arguments: [
            ("5S", 5_000), ("1H", 3_600_000), ("2M", 120_000), ("7m", 7), ("7000u", 7),
            ("1n", 0), ("-5S", 0), ("0S", nil), ("+1S", 1_000), ("9223372036854775807H", nil),
        ] as [(String, UInt64?)])
    func readsTimeLimits(text: String, milliseconds: UInt64?) throws {
        #expect(try GatewayTimeout.milliseconds(text) == milliseconds)
    }

    @Test("refuses time limits that are none", arguments: ["x", "S", "", "5", "1.5S"])
    func refusesTimeLimits(text: String) throws {
        let answer = try GatewayFixture().post(
            "/v3/kv/range", "{\"key\":\"YQ==\"}", [("Grpc-Timeout", text)])
        #expect(answer.status == 400)
        #expect(answer.body.hasPrefix("{\"error\":\"invalid grpc-timeout: \(text)\",\"code\":3,"))
        #expect(
            try GatewayFixture().post("/v3/watch", "", [("Grpc-Timeout", text)]).status == 400)
    }

    @Test("ends calls whose time is up")
    func endsLateCalls() throws {
        let fixture = try GatewayFixture()
        let late = fixture.post("/v3/kv/put", putFoo, [("Grpc-Timeout", "1n")])
        #expect(late.status == 504)
        #expect(fixture.member.revision == 1)
        let watch = fixture.post(
            "/v3/watch", "{\"create_request\":{\"key\":\"Zm9v\"}}", [("Grpc-Timeout", "200m")])
        #expect(watch.body.hasSuffix("\"created\":true}}\n"))
        fixture.member.loop.advanceTime(by: .seconds(1))
        #expect(
            watch.body.hasSuffix(
                "\n{\"error\":{\"grpc_code\":4,\"http_code\":504,"
                    + "\"message\":\"context deadline exceeded\","
                    + "\"http_status\":\"Gateway Timeout\"}}"))
        #expect(watch.isFinished)
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
    }

    @Test("streams watch events while requests still come")
    func streamsWatches() throws {
        let fixture = try GatewayFixture()
        let (responder, sink) = try #require(fixture.open("/v3/watch"))
        _ = sink.receive(ByteBuffer(string: " {\"create_request\":{\"ke"))
        fixture.member.run()
        #expect(responder.status == nil)
        _ = sink.receive(ByteBuffer(string: "y\":\"Zm9v\"}}"))
        fixture.member.run()
        #expect(responder.body == "{\"result\":{\"header\":\(header(1)),\"created\":true}}\n")
        #expect(responder.headers["Grpc-Metadata-Content-Type"] == ["application/grpc"])
        fixture.post("/v3/kv/put", putFoo)
        #expect(responder.body.hasSuffix("\"value\":\"YmFy\"}}]}}\n"))
        _ = sink.receive(
            ByteBuffer(
                string: "{\"cancel_request\":{}} {\"create_request\":{\"key\":\"Zm9v\"}} nonsense"))
        sink.complete()
        fixture.member.run()
        #expect(responder.body.contains("\"canceled\":true}}\n"))
        #expect(responder.body.hasSuffix("\"watch_id\":\"1\",\"created\":true}}\n"))
        #expect(!responder.isFinished)
        #expect(fixture.member.openStreams == 1)
        responder.close()
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
    }

    @Test("waits for readers who are slow")
    func waitsForSlowReaders() throws {
        let fixture = try GatewayFixture()
        let watch = fixture.post("/v3/watch", "{\"create_request\":{\"key\":\"Zm9v\"}}")
        let before = watch.body
        watch.isWritable = false
        for _ in 0..<3 { fixture.post("/v3/kv/put", putFoo) }
        #expect(watch.body == before)
        watch.becomeWritable()
        #expect(watch.body.split(separator: "\n").count == 4)
    }

    @Test("ends the call with a body that breaks off")
    func endsWithBrokenBody() throws {
        let fixture = try GatewayFixture()
        let (responder, sink) = try #require(fixture.open("/v3/watch"))
        _ = sink.receive(ByteBuffer(string: "{\"create_request\":{\"key\":\"Zm9v\"}}"))
        fixture.member.run()
        #expect(fixture.member.openStreams == 1)
        sink.fail(ChannelError.eof)
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
        #expect(responder.onClose == nil)
    }

    @Test("hands over one request after the other when the service asks for that")
    func holdsRequests() throws {
        let echo = SlowEcho()
        let fixture = try GatewayFixture([echo.method])
        let (responder, sink) = try #require(fixture.open("/v3/echo"))
        let accepted = sink.receive(
            ByteBuffer(string: "{\"name\":\"YQ==\"}{\"name\":\"Yg==\"}"))
        let isAccepted = NIOLoopBoundBox(false, eventLoop: fixture.member.loop)
        accepted.whenComplete { _ in isAccepted.value = true }
        sink.complete()
        #expect(echo.received == ["a"])
        #expect(!isAccepted.value)
        echo.answer()
        #expect(echo.received == ["a", "b"])
        #expect(!isAccepted.value)
        #expect(!responder.isFinished)
        echo.answer()
        fixture.member.run()
        #expect(isAccepted.value)
        #expect(
            responder.body
                == "{\"result\":{\"key\":\"YQ==\"}}\n{\"result\":{\"key\":\"Yg==\"}}\n")
        #expect(responder.isFinished)
    }

    @Test("ends a stream without messages as one")
    func endsEmptyStreams() throws {
        let answer = try GatewayFixture([SlowEcho().method]).post("/v3/echo", "")
        #expect(answer.status == 200)
        #expect(answer.body == "")
        #expect(answer.isFinished)
        #expect(!answer.headers.contains(name: "Grpc-Metadata-Content-Type"))
    }
}

/// Answers a request with its name when told to; takes the next one afterwards.
private final class SlowEcho: Sendable {
    // Everything happens on the test's thread.
    nonisolated(unsafe) private(set) var received: [String] = []
    nonisolated(unsafe) private var call: V3Call<LockResponse>?
    nonisolated(unsafe) private var pending: LockRequest?

    var method: V3Method {
        .stream("test.Echo", "Echo", gateway: "/v3/echo") { call in
            self.call = call
            return Receiver(echo: self)
        }
    }

    func answer() {
        guard let request = pending else { return }
        pending = nil
        call?.send(LockResponse(key: request.name))
        call?.resumeRequests()
    }

    private final class Receiver: V3Receiver {
        private let echo: SlowEcho

        init(echo: SlowEcho) { self.echo = echo }

        func receive(_ request: LockRequest) {
            echo.received.append(request.name.text)
            echo.pending = request
            echo.call?.holdRequests()
        }

        func requestsEnded() { echo.call?.finish() }
        func closed() {}
    }
}
