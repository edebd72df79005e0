//  Answers that are longer than any may be: the call fails in the words of gRPC for Go, and nothing
//  of them is written.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite("answers that are too long", .timeLimit(.minutes(1)))
struct AnswerSizeTests {
    private static let head = ":status: 200, content-type: application/grpc"

    /// Its events share their memory.
    private static let long: WatchResponse = {
        let value = Bytes([UInt8](repeating: 0, count: 1 << 20))
        let event = Event(kv: KeyValue(key: Bytes("k"), value: value))
        return WatchResponse(events: Array(repeating: event, count: 2_048))
    }()

    private static func refusal(_ size: Int) -> String {
        "grpc: trying to send message larger than max (\(size) vs. 2147483647)"
    }

    private static let methods: [V3Method] = [
        .unary("test.Sizes", "Whole", gateway: "/v3/whole") {
            (_: PutRequest, call: V3Call<WatchResponse>) in
            call.respond(AnswerSizeTests.long)
        },
        .unary("test.Sizes", "Parts", gateway: "/v3/parts") {
            (_: PutRequest, call: V3Call<WatchResponse>) in
            call.send(size: Limits.answerBytesMax + 1) { _ in
                Issue.record("a message that cannot be sent was written")
            }
            call.finish()
        },
        .serverStream("test.Sizes", "Second", gateway: "/v3/second") {
            (_: PutRequest, call: V3Call<WatchResponse>) in
            call.send(WatchResponse(watchID: 7))
            call.send(AnswerSizeTests.long)
            call.send(WatchResponse(watchID: 8))
            call.finish()
        },
    ]

    @Test("over gRPC")
    func calls() throws {
        let client = try CallConnection(Self.methods)
        let whole = Self.refusal(Self.long.measure())
        #expect(
            try client.call("/test.Sizes/Whole", [])
                == ["\(Self.head), grpc-status: 8, grpc-message: \(whole) end"])
        let parts = Self.refusal(2_147_483_648)
        #expect(
            try client.call("/test.Sizes/Parts", [], stream: 3)
                == ["\(Self.head), grpc-status: 8, grpc-message: \(parts) end"])
        #expect(
            try client.call("/test.Sizes/Second", [], stream: 5)
                == [
                    Self.head, "message 1007", "grpc-status: 8, grpc-message: \(whole) end",
                ])
        let counters = client.table.endpoints.map(\.counters)
        #expect(counters.map { $0.endedCalls(.resourceExhausted) } == [1, 1, 1])
        #expect(counters.map(\.sentMessages) == [0, 0, 1])
    }

    @Test("over the gateway")
    func gateway() throws {
        let fixture = try GatewayFixture(Self.methods)
        let text = Self.refusal(Self.long.measure())
        let whole = fixture.post("/v3/whole", "{}")
        #expect(whole.status == 429)
        #expect(whole.body == "{\"error\":\"\(text)\",\"code\":8,\"message\":\"\(text)\"}")
        #expect(fixture.post("/v3/parts", "{}").status == 429)
        let second = fixture.post("/v3/second", "{}")
        #expect(second.status == 200)
        #expect(
            second.body == "{\"result\":{\"watch_id\":\"7\"}}\n"
                + "{\"error\":{\"grpc_code\":8,\"http_code\":429,\"message\":\"\(text)\","
                + "\"http_status\":\"Too Many Requests\"}}")
        #expect(second.isFinished)
    }

    @Test("the longest answer may just leave")
    func bound() throws {
        try GRPCStatus.check(answerBytes: 2_147_483_647)
        #expect(throws: GRPCStatus(.resourceExhausted, Self.refusal(2_147_483_648))) {
            try GRPCStatus.check(answerBytes: 2_147_483_648)
        }
    }
}
