//  The JSON gateway over a WebSocket, held against what etcd answers: 3.5.1 for streams; 3.4.23 for
//  calls with a single request, which 3.5 never answers.

import EtcdNet
import LoneMember
import NIOCore
import NIOEmbedded
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdGRPC

/// What the client of a socket would see.
private final class RecordingWriter: WebSocketWriter {
    let loop: EmbeddedEventLoop
    var eventLoop: any EventLoop { loop }
    var isOpen = true
    var isWritable = true
    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?
    private(set) var lines: [String] = []
    private(set) var isFinished = false

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func takeLines() -> [String] {
        defer { lines = [] }
        return lines
    }

    func send(text: ByteBuffer) {
        precondition(!isFinished, "a line after the end")
        lines.append(String(buffer: text))
    }

    func finish() {
        isOpen = false
        isFinished = true
    }

    func abort() { finish() }
}

@Suite struct GatewaySocketTests {
    private static let fields = [
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]

    private func head(
        _ path: String, _ fields: [(String, String)] = GatewaySocketTests.fields,
        method: String = "GET"
    ) -> HTTPRequestHead {
        var head = GatewayFixture.head(method, path, fields)
        head.asksForWebSocket = true
        return head
    }

    private func open(_ fixture: GatewayFixture, _ path: String) throws -> (
        RecordingWriter, any HTTPBodySink
    ) {
        let responder = RecordingResponder(fixture.member.loop)
        let plan = fixture.gateway.plan(for: head(path), responder: responder)
        guard case .webSocket(let plan) = plan else { throw NotAccepted() }
        let writer = RecordingWriter(fixture.member.loop)
        return (writer, plan.open(writer))
    }

    private struct NotAccepted: Error {}

    private func header(_ revision: Int) -> String {
        "{\"cluster_id\":\"193\",\"member_id\":\"42\",\"revision\":\"\(revision)\","
            + "\"raft_term\":\"2\"}"
    }

    private func error(_ code: Int, _ text: String) -> String {
        "{\"error\":\"\(text)\",\"code\":\(code),\"message\":\"\(text)\"}"
    }

    @Test("a single request is answered by a line, and then the socket is closed")
    func single() throws {
        let fixture = try GatewayFixture()
        let (put, sink) = try open(fixture, "/v3beta/kv/put?method=GET")
        _ = sink.receive(ByteBuffer(string: ""))
        _ = sink.receive(ByteBuffer(string: "{\"key\":\"Zm9v\","))
        fixture.member.run()
        #expect(put.lines == [])
        _ = sink.receive(ByteBuffer(string: "\"value\":\"YmFy\"}{\"key\":\"AA==\"}"))
        _ = sink.receive(ByteBuffer(string: "{\"key\":\"AA==\"}"))
        fixture.member.run()
        #expect(put.lines == ["{\"header\":\(header(2))}"])
        #expect(put.isFinished)
        sink.fail(HTTPBodyError.connectionClosed)
        #expect(fixture.member.revision == 2)
    }

    @Test(
        "refusals are lines too",
        arguments: [
            ("/v3/kv/put", "{}", 3, "etcdserver: key is not provided"),
            ("/v3/kv/range", "null", 3, "etcdserver: key is not provided"),
            (
                "/v3/kv/range", "{x", 3,
                "invalid character 'x' looking for beginning of object key string"
            ),
            (
                "/v3/kv/range", "12", 3,
                "json: cannot unmarshal number into Go value of type map[string]json.RawMessage"
            ),
            (
                "/v3/watch", "{x", 2,
                "invalid character 'x' looking for beginning of object key string"
            ),
            (
                "/v3/watch", "12", 2,
                "json: cannot unmarshal number into Go value of type map[string]json.RawMessage"
            ),
            ("/v3/election/leader", "{\"name\":\"bm9uZQ==\"}", 2, "election: no leader"),
        ])
    func refusals(path: String, message: String, code: Int, text: String) throws {
        let fixture = try GatewayFixture()
        let (client, sink) = try open(fixture, path)
        _ = sink.receive(ByteBuffer(string: message))
        fixture.member.run()
        #expect(client.lines == [error(code, text)])
        #expect(client.isFinished)
    }

    @Test("what the gateway does not serve is said in a line")
    func unknown() throws {
        let (client, _) = try open(GatewayFixture(), "/v3/kv/nosuch")
        #expect(client.lines == ["Not Found"])
        #expect(client.isFinished)
    }

    @Test("a watch stream takes requests from any number of messages until the client leaves")
    func watch() throws {
        let fixture = try GatewayFixture()
        let (client, sink) = try open(fixture, "/v3/watch")
        let create = "{\"create_request\":{\"key\":\"Zm9v\"}}"
        for part in [create + create, "{\"create_request\":", "{\"key\":\"YmFy\"}}"] {
            _ = sink.receive(ByteBuffer(string: part))
            fixture.member.run()
        }
        #expect(
            client.takeLines() == [
                "{\"result\":{\"header\":\(header(1)),\"created\":true}}",
                "{\"result\":{\"header\":\(header(1)),\"watch_id\":\"1\",\"created\":true}}",
                "{\"result\":{\"header\":\(header(1)),\"watch_id\":\"2\",\"created\":true}}",
            ])
        fixture.post("/v3/kv/put", "{\"key\":\"YmFy\",\"value\":\"MQ==\"}")
        #expect(
            client.takeLines() == [
                "{\"result\":{\"header\":\(header(2)),\"watch_id\":\"2\",\"events\":[{\"kv\":{"
                    + "\"key\":\"YmFy\",\"create_revision\":\"2\",\"mod_revision\":\"2\","
                    + "\"version\":\"1\",\"value\":\"MQ==\"}}]}}"
            ])
        // Ends the requests without a word; the watches go on.
        _ = sink.receive(ByteBuffer(string: "[]"))
        _ = sink.receive(ByteBuffer(string: create))
        fixture.post("/v3/kv/put", "{\"key\":\"YmFy\",\"value\":\"MQ==\"}")
        #expect(client.takeLines().count == 1)
        #expect(!client.isFinished)
        #expect(fixture.member.openStreams == 1)
        client.onClose?()
        sink.fail(HTTPBodyError.connectionClosed)
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
    }

    @Test("events wait for a client that is slow to take them")
    func slowReader() throws {
        let fixture = try GatewayFixture()
        let (client, sink) = try open(fixture, "/v3/watch")
        _ = sink.receive(ByteBuffer(string: "{\"create_request\":{\"key\":\"Zm9v\"}}"))
        fixture.member.run()
        #expect(client.takeLines().count == 1)
        client.isWritable = false
        for _ in 0..<3 { fixture.post("/v3/kv/put", "{\"key\":\"Zm9v\",\"value\":\"MQ==\"}") }
        #expect(client.lines == [])
        client.isWritable = true
        client.onWritable?()
        fixture.member.run()
        let text = client.takeLines().joined()
        #expect(text.ranges(of: "\"mod_revision\"").count == 3)
    }

    @Test("bytes that are no UTF-8 do not harm the reader")
    func notUTF8() throws {
        let fixture = try GatewayFixture()
        let (client, sink) = try open(fixture, "/v3/watch")
        var message = ByteBuffer(string: "{\"x")
        message.writeInteger(UInt8(0xFF))
        message.writeString("\":1,\"create_request\":{\"key\":\"AA==\"}}")
        _ = sink.receive(message)
        fixture.member.run()
        #expect(client.lines == ["{\"result\":{\"header\":\(header(1)),\"created\":true}}"])
    }

    @Test(
        "improper handshakes are refused, and paths that lead elsewhere redirected",
        arguments: [
            ("POST", "/v3/watch", "13", 405, "Method Not Allowed\n"),
            ("GET", "/v3/watch", "12", 400, "Bad Request\n"),
            ("GET", "/v3/nosuch", "12", 400, "Bad Request\n"),
            ("GET", "/v3//watch", "13", 301, "<a href=\"/v3/watch\">Moved Permanently</a>.\n\n"),
            ("GET", "/v3", "13", 301, "<a href=\"/v3/\">Moved Permanently</a>.\n\n"),
        ])
    func improper(method: String, path: String, version: String, status: Int, body: String) throws {
        let fixture = try GatewayFixture()
        let responder = RecordingResponder(fixture.member.loop)
        var fields = Self.fields
        fields[2].1 = version
        let head = head(path, fields, method: method)
        guard case .ignore = fixture.gateway.plan(for: head, responder: responder) else {
            Issue.record("accepted")
            return
        }
        fixture.gateway.handle(head, body: ByteBuffer(), responder: responder)
        #expect(responder.status == status)
        #expect(responder.body == body)
        #expect(
            responder.headers["Sec-Websocket-Version"] == (status == 301 ? [] : ["13"]))
    }

    @Test(
        "the token is a subprotocol or a cookie, which wins",
        arguments: [
            ([], nil, nil),
            ([("Authorization", "a.1")], nil, nil),
            ([("Sec-WebSocket-Protocol", "Bearer, a.1")], "a.1", "Bearer"),
            ([("sec-websocket-protocol", "Bearer,a.1")], "a.1", "Bearer"),
            ([("Sec-WebSocket-Protocol", "chat, Bearer, a.1")], "a.1", nil),
            ([("Sec-WebSocket-Protocol", "chat")], "", nil),
            ([("Sec-WebSocket-Protocol", "Bearer")], "", "Bearer"),
            ([("Cookie", "token=a.1")], "a.1", nil),
            ([("Cookie", "x=y;  token=\"a.1\" ; token=b.2")], "a.1", nil),
            ([("Cookie", "Token=c; token"), ("Cookie", "token=a.1")], "a.1", nil),
            ([("Cookie", "token=a\\1")], nil, nil),
            (
                [("Sec-WebSocket-Protocol", "Bearer, b.2"), ("Cookie", "token=a.1")], "a.1",
                "Bearer"
            ),
        ] as [([(String, String)], String?, String?)])
    func tokens(fields: [(String, String)], token: String?, subprotocol: String?) throws {
        let head = head("/v3/watch", Self.fields + fields)
        let inner = GatewayHandshake.innerRequest(of: head)
        #expect(inner.method == "POST")
        #expect(!inner.asksForWebSocket)
        #expect(try CallMetadata(gateway: inner).token == token)
        #expect(GatewayHandshake.subprotocol(head.headers) == subprotocol)
    }
}
