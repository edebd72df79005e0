//  What the peer port answers, compared with what etcd 3.4.23 answered to the same requests.

import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdTransport
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Raft
import RuntimeCore
import Testing

/// The headers of an honest peer.
private let honest = [
    "X-Server-From": "b", "X-Server-Version": "3.5.33", "X-Min-Cluster-Version": "3.0.0",
    "X-Etcd-Cluster-ID": "c1", "X-Raft-To": "a",
]

struct Refusal: Sendable, CustomTestStringConvertible {
    var method = "GET"
    let path: String
    var changes: [String: String?] = [:]
    var body: [UInt8] = []
    let status: Int
    let text: String
    var testDescription: String { "\(method) \(path) \(changes) -> \(status) \(text)" }
}

private func bytes(_ message: Message) -> [UInt8] {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    return bytes
}

private func framed(_ message: Message) -> [UInt8] {
    var bytes: [UInt8] = []
    MessageCodec.encode(message, into: &bytes)
    return bytes
}

private let snapshotMessage = Message(
    .snapshot, to: localID, from: remoteID, term: 2,
    snapshot: Snapshot(
        metadata: SnapshotMetadata(index: 5, term: 2), data: Bytes("{\"Root\":{}}")))

private let version = "X-Server-Version"
private let refusals: [Refusal] = [
    Refusal(path: "/", status: 404, text: "404 page not found\n"),
    Refusal(path: "/raft/", status: 404, text: "404 page not found\n"),
    Refusal(path: "/leases/", status: 404, text: "404 page not found\n"),
    Refusal(path: "/members/promote/7", status: 405, text: "Method Not Allowed\n"),
    Refusal(path: "/raft", status: 405, text: "Method Not Allowed\n"),
    Refusal(path: "/raft/snapshot", status: 405, text: "Method Not Allowed\n"),
    Refusal(method: "POST", path: "/members", status: 405, text: "Method Not Allowed\n"),
    Refusal(method: "HEAD", path: "/version", status: 405, text: "Method Not Allowed\n"),
    Refusal(
        method: "POST", path: "/raft/stream/message/b", status: 405, text: "Method Not Allowed\n"),
    Refusal(path: "/raft/stream/foo/b", status: 404, text: "invalid path\n"),
    Refusal(path: "/raft/stream/", status: 404, text: "invalid path\n"),
    Refusal(path: "/raft/stream/message", status: 404, text: "invalid path\n"),
    Refusal(path: "/raft/stream/message/x/b", status: 404, text: "invalid path\n"),
    Refusal(path: "/raft/stream/message/zzz", status: 404, text: "invalid from\n"),
    Refusal(path: "/raft/stream/message/", status: 404, text: "invalid from\n"),
    Refusal(path: "/raft/stream/msgapp/dead", status: 410, text: "removed member\n"),
    Refusal(path: "/raft/stream/msgapp/99", status: 404, text: "error sender not found\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: ["X-Raft-To": "99"], status: 412,
        text: "to field mismatch\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: ["X-Raft-To": nil], status: 412,
        text: "to field mismatch\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: [version: nil], status: 412,
        text: "incompatible version\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: [version: "2.3.8"], status: 412,
        text: "incompatible version\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: ["X-Min-Cluster-Version": "4.0.0"], status: 412,
        text: "incompatible version\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: [version: "junk"], status: 412,
        text: "incompatible version\n"),
    Refusal(
        path: "/raft/stream/msgapp/b", changes: ["X-Etcd-Cluster-ID": "c2"], status: 412,
        text: "cluster ID mismatch\n"),
    Refusal(
        method: "POST", path: "/raft", changes: ["X-Etcd-Cluster-ID": nil], status: 412,
        text: "cluster ID mismatch\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot", changes: [version: nil], status: 412,
        text: "incompatible version\n"),
    Refusal(
        method: "POST", path: "/raft", body: Array("junk".utf8), status: 400,
        text: "error unmarshalling raft message\n"),
    Refusal(
        method: "POST", path: "/raft",
        body: bytes(Message(.heartbeat, to: localID, from: removedID, term: 1)), status: 403,
        text: "{\"message\":\"cannot process message from removed member\"}"),
    Refusal(
        method: "POST", path: "/raft", body: bytes(Message(.heartbeat, to: 9, from: remoteID)),
        status: 403, text: "{\"message\":\"cannot process message to mismatch member\"}"),
    Refusal(
        method: "POST", path: "/raft",
        body: bytes(Message(.heartbeat, to: localID, from: remoteID, term: 3)), status: 204,
        text: ""),
    Refusal(
        method: "POST", path: "/raft", body: bytes(snapshotMessage), status: 400,
        text: "wrong raft message type\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot", status: 400,
        text: "failed to decode raft message (EOF)\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot", body: Array("junkjunkjunk".utf8), status: 400,
        text: "failed to decode raft message (rafthttp: error limit exceeded)\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot",
        body: Array(framed(snapshotMessage).dropLast()), status: 400,
        text: "failed to decode raft message (unexpected EOF)\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot",
        body: framed(Message(.heartbeat, to: localID, from: remoteID)), status: 400,
        text: "wrong raft message type\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot", changes: ["Content-Length": "1"],
        body: framed(snapshotMessage), status: 500,
        text: "failed to save KV snapshot (no database follows the message)\n"),
    Refusal(
        method: "POST", path: "/raft/snapshot",
        body: framed(snapshotMessage) + [UInt8](repeating: 7, count: 5_000), status: 204, text: ""),
    Refusal(path: "/version", status: 200, text: "{\"etcdserver\":\"3.5.33\"}"),
    Refusal(
        path: "/raft/probing", status: 200,
        text: "{\"OK\":true,\"Now\":\"2023-11-14T22:13:20.123456789Z\"}\n"),
    Refusal(
        path: "/members?x=1", status: 200,
        text: "[{\"id\":11,\"peerURLs\":[\"http://127.0.0.1:1\"]}]\n"),
]

@Suite("peer port", .timeLimit(.minutes(1)))
struct PeerHTTPHandlerTests {
    let group = MultiThreadedEventLoopGroup.singleton
    let delegate = RecordingDelegate()

    /// Asks on a loop, with the body in two chunks if it is streamed.
    func ask(_ request: Refusal, logger: Logger = quiet) async throws -> Answer {
        let loop = group.next()
        let transport = makeTransport(
            members: makeDirectory([Member(id: remoteID, peerURLs: ["http://127.0.0.1:1"])]),
            loop: loop, client: HTTPClient(loops: loop), delegate: delegate, logger: logger)
        transport.add(Member(id: remoteID, peerURLs: ["http://127.0.0.1:1"]))
        defer { transport.stop() }
        let handler = PeerHTTPHandler(
            transport: transport, versionJSON: { Array("{\"etcdserver\":\"3.5.33\"}".utf8) },
            services: FakeServices())
        var headers = honest
        for (name, value) in request.changes { headers[name] = value }
        let head = EtcdNet.HTTPRequestHead(
            method: request.method, target: request.path,
            headers: HTTPHeaders(headers.map { ($0.key, $0.value) }), version: .http11,
            connection: ConnectionFacts(remoteAddress: "", localAddress: ""))
        let responder = try await loop.submit {
            let responder = FakeResponder(eventLoop: loop)
            switch handler.plan(for: head, responder: responder) {
            case .collect(let maximum):
                #expect(maximum >= request.body.count)
                handler.handle(head, body: ByteBuffer(bytes: request.body), responder: responder)
            case .ignore:
                handler.handle(head, body: ByteBuffer(), responder: responder)
            case .stream(let sink):
                let middle = request.body.count / 2
                _ = sink.receive(ByteBuffer(bytes: request.body[..<middle]))
                _ = sink.receive(ByteBuffer(bytes: request.body[middle...]))
                sink.complete()
            case .webSocket:
                Issue.record("peers do not speak WebSocket")
            }
            return NIOLoopBound(responder, eventLoop: loop)
        }.get()
        // Some answers come from elsewhere; the time limit ends a wait for ever.
        while true {
            let answer = try await loop.submit {
                let responder = responder.value
                return Answer(
                    status: responder.status, body: String(buffer: responder.body),
                    headers: Dictionary(
                        responder.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
            }.get()
            if answer.status != nil { return answer }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    @Test("answers as etcd does", arguments: refusals)
    func answers(_ refusal: Refusal) async throws {
        let answer = try await ask(refusal)
        #expect(answer.status == refusal.status)
        #expect(answer.body == refusal.text)
        if refusal.text.hasSuffix("\n"), refusal.status >= 400 {
            #expect(answer.headers["Content-Type"] == "text/plain; charset=utf-8")
            #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
        }
        if refusal.status == 405 {
            #expect(answer.headers["Allow"] == (refusal.method == "GET" ? "POST" : "GET"))
        }
        let isRefusedStream = refusal.path.hasPrefix("/raft/stream") && refusal.status != 405
        #expect(answer.headers["X-Server-Version"] == (isRefusedStream ? "3.5.33" : nil))
        if isRefusedStream || refusal.status == 204 || refusal.status == 412 {
            #expect(answer.headers["X-Etcd-Cluster-Id"] == "c1")
        }
    }

    @Test("remembers an unknown sender, but none of another cluster or release")
    func unknownSender() async throws {
        let stranger: [String: String?] = [
            "X-Server-From": "99", "X-PeerURLs": "http://127.0.0.1:1",
        ]
        let others: [([String: String?], Int)] = [
            ([:], 1), (["X-Etcd-Cluster-ID": "c2"], 0), ([version: "2.3.8"], 0),
        ]
        for path in ["/raft", "/raft/snapshot"] {
            for (changes, count) in others {
                let log = RecordedLog()
                _ = try await ask(
                    Refusal(
                        method: "POST", path: path, changes: stranger.merging(changes) { $1 },
                        status: 0, text: ""), logger: log.logger)
                let lines = log.fields(of: "added remote for a member that is not known yet")
                #expect(lines.count == count, "\(path) \(changes)")
            }
        }
    }

    @Test("hands posted messages on, but none that a member sends to itself, and no bare snapshot")
    func delivers() async throws {
        let heartbeat = Message(.heartbeat, to: localID, from: remoteID, term: 3)
        for message in [heartbeat, Message(.hup, to: localID, from: remoteID), snapshotMessage] {
            let request = Refusal(
                method: "POST", path: "/raft", body: bytes(message),
                status: message.kind == .snapshot ? 400 : 204, text: "")
            #expect(try await ask(request).status == request.status)
        }
        _ = try await ask(
            Refusal(
                method: "POST", path: "/raft/snapshot", body: framed(snapshotMessage) + [7, 7],
                status: 204, text: ""))
        #expect(delegate.record.messages == [heartbeat, snapshotMessage])
    }
}
