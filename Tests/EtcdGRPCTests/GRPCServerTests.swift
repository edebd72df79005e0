//  Calls as clients make them: methods found and not found, requests that cannot be read, limits,
//  deadlines, cancellation. The texts are those of gRPC for Go, which etcd's clients know.

import EtcdEdge
import EtcdProto
import EtcdServer
import NIOCore
import NIOEmbedded
import RuntimeCore
import Synchronization
import Testing

@testable import EtcdGRPC

/// Answers nothing by itself. Confined to one loop.
private final class Held {
    var calls: [V3Call<PutResponse>] = []
    var log: [String] = []
}

private final class EchoReceiver: V3Receiver {
    let call: V3Call<WatchResponse>
    let held: Held

    init(_ call: V3Call<WatchResponse>, _ held: Held) {
        self.call = call
        self.held = held
    }

    func receive(_ request: WatchRequest) {
        held.log.append("request")
        call.send(WatchResponse(watchID: request.request?.cancel?.watchID ?? 0))
    }

    func requestsEnded() {
        held.log.append("ended")
        call.finish()
    }

    func closed() { held.log.append("closed") }
}

@Suite("gRPC server", .timeLimit(.minutes(1)))
struct GRPCServerTests {
    private static let head = ":status: 200, content-type: application/grpc"
    private static let put = "/etcdserverpb.KV/Put"

    private func connect(
        facts: any MemberFacts = TestFacts()
    ) throws -> (CallConnection, NIOLoopBound<Held>) {
        // The connection brings its own loop; the box is made for it afterwards.
        let box = HeldBox()
        let connection = try CallConnection(
            [
                .unary("etcdserverpb.KV", "Put") {
                    (request: PutRequest, call: V3Call<PutResponse>) in
                    call.respond(PutResponse(prevKV: KeyValue(key: request.key)))
                },
                .unary("etcdserverpb.KV", "Hold") {
                    (request: PutRequest, call: V3Call<PutResponse>) in
                    let held = box.held
                    held.calls.append(call)
                    call.onClose = { held.log.append("closed") }
                },
                .unary("etcdserverpb.KV", "Fail") {
                    (request: PutRequest, call: V3Call<PutResponse>) in
                    call.fail(.keyNotProvided)
                },
                .stream("etcdserverpb.Watch", "Watch") { call in
                    EchoReceiver(call, box.held)
                },
            ], facts: facts)
        let bound = NIOLoopBound(Held(), eventLoop: connection.channel.eventLoop)
        box.fill(bound)
        return (connection, bound)
    }

    private static func refusal(_ code: GRPCStatus.Code, _ text: String) -> [String] {
        ["\(head), grpc-status: \(code.rawValue), grpc-message: \(text) end"]
    }

    // MARK: unary calls

    @Test("a unary call is answered with its message and success")
    func unary() throws {
        let (client, _) = try connect()
        let lines = try client.call(Self.put, [10, 3, 102, 111, 111])
        #expect(lines == [Self.head, "message 12050a03666f6f", "grpc-status: 0 end"])
    }

    @Test("an error without a message is one block")
    func error() throws {
        let (client, _) = try connect()
        #expect(
            try client.call("/etcdserverpb.KV/Fail", [])
                == Self.refusal(.invalidArgument, "etcdserver: key is not provided"))
    }

    @Test(
        "paths that lead nowhere say what is missing",
        arguments: [
            ("/etcdserverpb.KV/Nope", "unknown method Nope for service etcdserverpb.KV"),
            ("/etcdserverpb.KV/Put?x=1", "unknown method Put?x=1 for service etcdserverpb.KV"),
            ("/foo.Bar/Nope", "unknown service foo.Bar"),
            ("/a/b/c", "unknown service a/b"),
            ("/foo", "malformed method name: \"/foo\""),
            ("/", "malformed method name: \"/\""),
        ])
    func unknown(path: String, text: String) throws {
        let (client, _) = try connect()
        try client.open(path, stream: 1, ends: true)
        #expect(try client.answers() == Self.refusal(.unimplemented, text))
    }

    @Test("other types and methods are refused with a status of HTTP")
    func notACall() throws {
        let (client, _) = try connect()
        try client.open(Self.put, stream: 1, type: "application/grpc-web", ends: true)
        #expect(
            try client.answers() == [
                ":status: 415, content-type: application/grpc, grpc-status: 3, grpc-message: "
                    + "invalid gRPC request content-type \"application/grpc-web\" end"
            ])
        try client.open(Self.put, stream: 3, method: "GET", ends: true)
        #expect(
            try client.answers() == [
                ":status: 405, content-type: application/grpc, grpc-status: 13, grpc-message: "
                    + "Received a HEADERS frame with :method \"GET\" which should be POST end"
            ])
    }

    @Test("a content type may name its codec")
    func subtype() throws {
        let (client, _) = try connect()
        try client.open(Self.put, stream: 1, type: "application/grpc+proto")
        try client.data(CallConnection.framed([]), stream: 1, ends: true)
        #expect(
            try client.answers().first == ":status: 200, content-type: application/grpc+proto")
    }

    @Test("a unary call has exactly one request")
    func cardinality() throws {
        let (client, _) = try connect()
        let text = "request message"
        try client.open(Self.put, stream: 1, ends: true)
        #expect(
            try client.answers()
                == Self.refusal(
                    .internal,
                    "cardinality violation: received no \(text) from non-client-streaming RPC"))
        try client.open(Self.put, stream: 3)
        try client.data(
            CallConnection.framed([]) + CallConnection.framed([]), stream: 3, ends: true)
        #expect(
            try client.answers()
                == Self.refusal(
                    .internal,
                    "cardinality violation: received multiple \(text)s for "
                        + "non-client-streaming RPC"))
    }

    @Test("requests that are no message, too long or cut off end the call")
    func malformed() throws {
        let (client, _) = try connect()
        #expect(
            try client.call(Self.put, [10, 9, 102])
                == Self.refusal(
                    .internal, "grpc: error unmarshalling request: unexpected EOF"))
        try client.open(Self.put, stream: 3)
        try client.data([0] + CallConnection.number(525_289), stream: 3, ends: true)
        #expect(
            try client.answers()
                == Self.refusal(
                    .resourceExhausted,
                    "grpc: received message larger than max (525289 vs. 525288)"))
        try client.open(Self.put, stream: 5)
        try client.data([0, 0, 0, 0, 9, 1], stream: 5, ends: true)
        #expect(try client.answers() == Self.refusal(.internal, "unexpected EOF"))
    }

    // MARK: encodings

    /// `printf '\x0a\x03foo' | gzip -9n`
    private static let gzipped: [UInt8] = [
        0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0xE3, 0x62, 0x4E, 0xCB, 0xCF, 7, 0, 0x61, 0xFC, 0x15,
        0xED, 5, 0, 0, 0,
    ]

    @Test("a compressed request is read if its encoding was announced")
    func gzip() throws {
        let (client, _) = try connect()
        try client.open(Self.put, stream: 1, fields: [("grpc-encoding", "gzip")])
        try client.data(CallConnection.framed(Self.gzipped, flags: 1), stream: 1, ends: true)
        #expect(try client.answers()[1] == "message 12050a03666f6f")
        try client.open(Self.put, stream: 3)
        try client.data(CallConnection.framed(Self.gzipped, flags: 1), stream: 3, ends: true)
        #expect(
            try client.answers()
                == Self.refusal(
                    .internal, "grpc: compressed flag set with identity or empty encoding"))
        #expect(
            try client.call(Self.put, [], stream: 5, fields: [("grpc-encoding", "snappy")])
                == Self.refusal(
                    .unimplemented,
                    "grpc: Decompressor is not installed for grpc-encoding \"snappy\"")
                + ["reset 0"])
        try client.open(Self.put, stream: 7)
        try client.data(CallConnection.framed([], flags: 2), stream: 7, ends: true)
        #expect(
            try client.answers()
                == Self.refusal(.internal, "grpc: received unexpected payload format 2"))
    }

    // MARK: time limits and cancellation

    @Test(
        "time limits that cannot be read are refused",
        arguments: [
            ("5", "transport: timeout string is too short: \"5\""),
            ("5x", "transport: timeout unit is not recognized: \"5x\""),
            ("123456789S", "transport: timeout string is too long: \"123456789S\""),
            ("-5S", "strconv.ParseUint: parsing \"-5\": invalid syntax"),
        ])
    func badTimeout(text: String, reason: String) throws {
        let (client, _) = try connect()
        try client.open(Self.put, stream: 1, fields: [("grpc-timeout", text)], ends: true)
        #expect(
            try client.answers() == [
                ":status: 400, content-type: application/grpc, grpc-status: 13, grpc-message: "
                    + "malformed grpc-timeout: \(reason) end"
            ])
    }

    @Test("units of time limits")
    func timeouts() throws {
        let limits: [(String, UInt64)] = [
            ("2H", 7_200_000), ("3M", 180_000), ("4S", 4_000), ("5m", 5), ("6000u", 6),
            ("999999n", 1), ("0S", 0), ("99999999H", 359_999_996_400_000),
        ]
        for (text, expected) in limits {
            #expect(try CallTimeout.milliseconds(text) == expected)
        }
    }

    @Test("a call ends with its time limit, and the service learns of it")
    func deadline() throws {
        let (client, held) = try connect()
        let lines = try client.call(
            "/etcdserverpb.KV/Hold", [], fields: [("grpc-timeout", "300m")])
        #expect(lines.isEmpty)
        client.loop.advanceTime(by: .milliseconds(250))
        #expect(try client.answers().isEmpty)
        client.loop.advanceTime(by: .milliseconds(250))
        #expect(
            try client.answers()
                == Self.refusal(.deadlineExceeded, "context deadline exceeded"))
        #expect(held.value.log == ["closed"])
        held.value.calls[0].respond(PutResponse())
        #expect(try client.answers().isEmpty)
    }

    @Test("a limit that has passed on arrival leaves no time to serve the call")
    func noTime() throws {
        let (client, _) = try connect()
        #expect(
            try client.call(Self.put, [], fields: [("grpc-timeout", "0S")])
                == Self.refusal(.deadlineExceeded, "context deadline exceeded"))
    }

    @Test("an answer in time disarms the limit")
    func inTime() throws {
        let (client, held) = try connect()
        _ = try client.call("/etcdserverpb.KV/Hold", [], fields: [("grpc-timeout", "300m")])
        held.value.calls[0].respond(PutResponse())
        #expect(try client.answers().last == "grpc-status: 0 end")
        client.loop.advanceTime(by: .seconds(1))
        #expect(held.value.log.isEmpty)
        #expect(try client.answers().isEmpty)
    }

    @Test("a client that resets its call or goes away is told to the service once")
    func cancelled() throws {
        let (client, held) = try connect()
        _ = try client.call("/etcdserverpb.KV/Hold", [])
        try client.reset(1)
        #expect(held.value.log == ["closed"])
        #expect(!held.value.calls[0].isOpen)
        held.value.calls[0].respond(PutResponse())
        _ = try client.call("/etcdserverpb.KV/Hold", [], stream: 3)
        try client.channel.close().wait()
        #expect(held.value.log == ["closed", "closed"])
    }

    // MARK: streams

    @Test("a stream answers as it is asked and ends when the client is done")
    func stream() throws {
        let (client, held) = try connect()
        try client.open("/etcdserverpb.Watch/Watch", stream: 1)
        try client.data(CallConnection.framed([18, 2, 8, 7]), stream: 1)
        #expect(try client.answers() == [Self.head, "message 1007"])
        try client.data(CallConnection.framed([18, 2, 8, 9]), stream: 1, ends: true)
        #expect(try client.answers() == ["message 1009", "grpc-status: 0 end"])
        #expect(held.value.log == ["request", "request", "ended"])
    }

    @Test("a request that cannot be read ends the stream and its service")
    func streamMalformed() throws {
        let (client, held) = try connect()
        try client.open("/etcdserverpb.Watch/Watch", stream: 1)
        try client.data(CallConnection.framed([10, 9]), stream: 1)
        #expect(
            try client.answers()
                == Self.refusal(
                    .internal, "grpc: failed to unmarshal the received message: unexpected EOF")
                + ["reset 0"])
        #expect(held.value.log == ["closed"])
        try client.open("/etcdserverpb.Watch/Watch", stream: 3)
        try client.data([0, 0, 0, 0, 9], stream: 3, ends: true)
        #expect(try client.answers() == Self.refusal(.internal, "unexpected EOF"))
        #expect(held.value.log == ["closed", "closed"])
    }

    // MARK: leader and learner

    @Test("a learner serves little")
    func learner() throws {
        let (client, _) = try connect(facts: TestFacts(isLearner: true))
        let text = "etcdserver: rpc not supported for learner"
        #expect(try client.call(Self.put, []) == Self.refusal(.unavailable, text))
        try client.open("/etcdserverpb.Watch/Watch", stream: 3)
        #expect(try client.answers() == Self.refusal(.unavailable, text) + ["reset 0"])
    }

    @Test("who insists on a leader is refused without one")
    func noLeader() throws {
        let (client, _) = try connect(facts: TestFacts(knowsLeader: false))
        let fields = [("hasleader", "true")]
        #expect(
            try client.call(Self.put, [], fields: fields)
                == Self.refusal(.unavailable, "etcdserver: no leader"))
        #expect(try client.call(Self.put, [], stream: 3).last == "grpc-status: 0 end")
        #expect(
            try client.call(Self.put, [], stream: 5, fields: [("hasleader", "1")]).last
                == "grpc-status: 0 end")
    }

    @Test("a stream that insists on a leader ends after three election timeouts without one")
    func leaderLost() throws {
        let facts = ChangingFacts()
        let (client, held) = try connect(facts: facts)
        try client.open(
            "/etcdserverpb.Watch/Watch", stream: 1, fields: [("hasleader", "true")])
        try client.open("/etcdserverpb.Watch/Watch", stream: 3)
        facts.leader.store(false, ordering: .relaxed)
        client.loop.advanceTime(by: .milliseconds(2_500))
        #expect(try client.answers().isEmpty)
        facts.leader.store(true, ordering: .relaxed)
        client.loop.advanceTime(by: .milliseconds(1_500))
        facts.leader.store(false, ordering: .relaxed)
        client.loop.advanceTime(by: .milliseconds(2_000))
        #expect(held.value.log.isEmpty)
        client.loop.advanceTime(by: .milliseconds(2_000))
        #expect(
            try client.answers()
                == Self.refusal(.unavailable, "etcdserver: no leader") + ["reset 0"])
        #expect(held.value.log == ["closed"])
    }

    // MARK: counters

    @Test("every method counts its calls by how they ended")
    func counters() throws {
        let (client, held) = try connect()
        _ = try client.call(Self.put, [])
        _ = try client.call(Self.put, [10, 9], stream: 3)
        _ = try client.call("/etcdserverpb.KV/Fail", [], stream: 5)
        _ = try client.call("/etcdserverpb.KV/Hold", [], stream: 7)
        try client.reset(7)
        #expect(held.value.log == ["closed"])
        let counters = client.table.endpoints.map(\.counters)
        #expect(counters.map(\.startedCalls) == [1, 1, 1, 0])
        #expect(counters[0].endedCalls(.ok) == 1)
        #expect(counters[0].sentMessages == 1)
        #expect(counters[0].receivedMessages == 1)
        #expect(counters[1].endedCalls(.canceled) == 1)
        #expect(counters[2].endedCalls(.invalidArgument) == 1)
    }
}

/// Filled once the connection has made its loop.
private final class HeldBox: Sendable {
    private let content = Mutex<NIOLoopBound<Held>?>(nil)

    func fill(_ bound: NIOLoopBound<Held>) { content.withLock { $0 = bound } }
    var held: Held { content.withLock { $0! }.value }
}
