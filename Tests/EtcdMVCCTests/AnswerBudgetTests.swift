//  Answers that would be too long: what is written is the same, whoever waits for whatever.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("Limits of answers")
struct AnswerBudgetTests {
    /// Writes one key, asks twice for another, and deletes a third with its value.
    private static var request: TxnRequest {
        let get = RequestOp(request: .range(RangeRequest(key: Bytes("large"))))
        let inner = TxnRequest(success: [get, get])
        return TxnRequest(success: [
            RequestOp(request: .put(PutRequest(key: Bytes("k"), value: Bytes("v"), prevKV: true))),
            RequestOp(request: .txn(inner)),
            RequestOp(
                request: .deleteRange(
                    DeleteRangeRequest(key: Bytes("old"), rangeEnd: Bytes("olf"), prevKV: true))),
        ])
    }

    private static func fixture() throws -> StoreFixture {
        let fixture = try StoreFixture()
        try fixture.put("large", String(repeating: "x", count: 1_000))
        try fixture.put("old", "value")
        try fixture.put("k", "before")
        return fixture
    }

    private static func state(of fixture: StoreFixture) throws -> [String] {
        try fixture.get("\0", "\0") + fixture.records
    }

    @Test("change nothing of what is written", arguments: [0, 1, 900, 1_500, 2_200, Int.max])
    func writes(bytesMax: Int) throws {
        let whole = try Self.fixture()
        let complete = try whole.txn(Self.request)
        let limited = try Self.fixture()
        do {
            let response = try limited.store.txn(
                Self.request, leases: limited.leases, answerBytesMax: bytesMax)
            #expect(bytesMax == 0 || response == complete)
        } catch {
            #expect(error == .answerTooLarge(bytesMax: bytesMax))
            #expect(bytesMax > 0 && bytesMax < 2_200)
        }
        #expect(try Self.state(of: limited) == Self.state(of: whole))
        #expect(limited.store.events.map(\.key) == whole.store.events.map(\.key))
    }

    @Test("nobody who waits gets no keys")
    func nobody() throws {
        let fixture = try Self.fixture()
        let response = try fixture.store.txn(
            Self.request, leases: fixture.leases, answerBytesMax: 0)
        #expect(response.succeeded)
        guard case .txn(let inner)? = response.responses[1].response,
            case .range(let range)? = inner.responses[0].response,
            case .deleteRange(let delete)? = response.responses[2].response
        else {
            Issue.record("\(response)")
            return
        }
        #expect(range.kvs.isEmpty && delete.prevKVs.isEmpty && delete.deleted == 1)
    }

    @Test("end reads, too, of one range and of several")
    func reads() throws {
        let fixture = try Self.fixture()
        let one = RangeRequest(key: [0], rangeEnd: [0])
        #expect(throws: MVCCError.answerTooLarge(bytesMax: 500)) {
            _ = try fixture.reader.range(one, answerBytesMax: 500)
        }
        var sorted = one
        sorted.sortTarget = .mod
        sorted.sortOrder = .descend
        #expect(throws: MVCCError.answerTooLarge(bytesMax: 500)) {
            _ = try fixture.reader.range(sorted, answerBytesMax: 500)
        }
        #expect(try fixture.reader.range(one, answerBytesMax: 2_000).kvs.count == 3)
        let get = RequestOp(request: .range(RangeRequest(key: Bytes("large"))))
        let two = TxnRequest(success: [get, RequestOp(request: .txn(TxnRequest(success: [get])))])
        #expect(throws: MVCCError.self) {
            _ = try fixture.reader.readTxn(two, answerBytesMax: 1_500)
        }
        #expect(try fixture.reader.readTxn(two, answerBytesMax: 3_000).responses.count == 2)
    }
}
