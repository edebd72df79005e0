//  Transactions that would write a key twice: the same verdict as by comparing everything with
//  everything, and in a time that large ones do not make long.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdServer

@Suite("Keys written twice", .timeLimit(.minutes(1)))
struct KeyUsesTests {
    private static func put(_ key: String) -> RequestOp {
        RequestOp(request: .put(PutRequest(key: Bytes(key), value: Bytes("v"))))
    }

    private static func delete(_ key: String, _ end: String = "") -> RequestOp {
        RequestOp(
            request: .deleteRange(DeleteRangeRequest(key: Bytes(key), rangeEnd: Bytes(end))))
    }

    private static func nested(_ success: [RequestOp], _ failure: [RequestOp] = []) -> RequestOp {
        RequestOp(request: .txn(TxnRequest(success: success, failure: failure)))
    }

    @Test(
        "are found across levels, but not across branches that exclude each other",
        arguments: [
            ([put("a"), put("b")], false), ([put("a"), put("a")], true),
            ([put("a"), delete("a")], true), ([delete("a"), delete("a")], false),
            ([delete("a", "c"), put("b")], true), ([delete("a", "c"), put("c")], false),
            ([delete("a", "b"), delete("b", "d"), put("c")], true),
            ([delete("a", "z"), delete("b", "c"), put("y")], true),
            ([delete("c", "a"), put("b")], false), ([delete("a", "\0"), put("b")], false),
            ([nested([put("a")], [put("a")])], false), ([nested([put("a")]), put("a")], true),
            ([nested([put("a")]), nested([put("a")])], true),
            ([nested([delete("a", "c")]), nested([put("b")])], true),
            ([nested([nested([nested([delete("b")])])]), put("b")], true),
            ([nested([put("b")]), delete("b")], true),
        ])
    func table(_ operations: [RequestOp], _ isRefused: Bool) {
        #expect((KeyUses.collect(operations) == nil) == isRefused)
    }

    // MARK: a naive model

    /// What a branch writes, put by put and deletion by deletion.
    private struct Uses {
        var puts: [Bytes] = []
        var deletes: [(Bytes, Bytes)] = []

        func meets(_ key: Bytes) -> Bool {
            puts.contains(key)
                || deletes.contains { start, end in
                    end.isEmpty ? key == start : key >= start && key < end
                }
        }
    }

    private static func naive(_ operations: [RequestOp]) -> Uses? {
        var uses = Uses()
        for case .deleteRange(let delete)? in operations.map(\.request) {
            uses.deletes.append((delete.key, delete.rangeEnd))
        }
        for case .txn(let inner)? in operations.map(\.request) {
            guard let success = naive(inner.success), let failure = naive(inner.failure),
                !(success.puts + failure.puts).contains(where: uses.meets)
            else { return nil }
            uses.puts += success.puts + failure.puts
            uses.deletes += success.deletes + failure.deletes
        }
        for case .put(let put)? in operations.map(\.request) {
            if uses.meets(put.key) { return nil }
            uses.puts.append(put.key)
        }
        return uses
    }

    private static func operations(_ random: inout RandomSource, depth: Int) -> [RequestOp] {
        func key() -> String { String(repeating: "k", count: 1 + random.below(12)) }
        return (0..<random.below(4)).map { _ in
            switch random.below(depth > 0 ? 4 : 3) {
            case 0: put(key())
            case 1: delete(key())
            case 2: delete(key(), key())
            default:
                nested(
                    operations(&random, depth: depth - 1), operations(&random, depth: depth - 1))
            }
        }
    }

    @Test("as comparing everything with everything finds them", arguments: 0..<200)
    func model(seed: Int) {
        var random = RandomSource(seed: UInt64(seed))
        for _ in 0..<20 {
            let operations = Self.operations(&random, depth: 3)
            #expect((KeyUses.collect(operations) == nil) == (Self.naive(operations) == nil))
        }
    }

    @Test("a request full of deletions and puts is looked at once")
    func large() {
        // Comparing each of these puts with each of these deletions would take minutes.
        func level(_ leaf: (Int) -> RequestOp) -> RequestOp {
            var number = 0
            return Self.nested(
                (0..<40).map { _ in
                    Self.nested(
                        (0..<40).map { _ in
                            Self.nested(
                                (0..<40).map { _ in
                                    number += 1
                                    return leaf(number)
                                })
                        })
                })
        }
        let deletes = level { number in
            number % 2 == 0 ? Self.delete("a") : Self.delete("b\(number)", "b\(number)x")
        }
        let puts = level { Self.put("c\($0)") }
        #expect(KeyUses.collect([deletes, puts]) != nil)
        #expect(KeyUses.collect([deletes, puts, Self.put("c64000")]) == nil)
    }
}
