//  Rules of single requests that the recorded answers do not show.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

@Suite("The store")
struct StoreTests {
    @Test("a transaction makes one revision, with sub revisions in the order of execution")
    func subRevisions() throws {
        let fixture = try StoreFixture()
        try fixture.put("d1")
        try fixture.put("d2")
        let inner = TxnRequest(success: [.put("b", "2"), .delete("d1", "d9")])
        let response = try fixture.txn(
            TxnRequest(success: [
                .put("a", "1"), RequestOp(request: .txn(inner)), .put("c", "3"), .range("a", "z"),
            ]))
        #expect(
            response.lines == [
                "true r4", "  put r4 new", "  true r0", "    put r4 new",
                "    delete r4 2 [d1=v c2 m2 v1, d2=v c3 m3 v1]", "  put r4 new",
                "  range r4 [a=1 c4 m4 v1, b=2 c4 m4 v1, c=3 c4 m4 v1]",
            ])
        #expect(
            fixture.records == ["2.0", "3.0", "4.0", "4.1", "4.2t", "4.3t", "4.4"])
        let events = fixture.store.takeEvents()
        #expect(events.map(\.key.text) == ["a", "b", "d1", "d2", "c"])
        #expect(events.map(\.isDelete) == [false, false, true, true, false])
        #expect(events.map(\.createRevision) == [4, 4, 0, 0, 4])
        #expect(fixture.store.takeEvents().isEmpty)
    }

    @Test("answers inside a transaction carry the old revision until something has changed")
    func revisionsInside() throws {
        let fixture = try StoreFixture()
        try fixture.put("a")
        let response = try fixture.txn(
            TxnRequest(success: [
                .range("a"), .delete("nothing"), .put("b", "1"), .delete("nothing"), .range("b"),
            ]))
        #expect(
            response.lines == [
                "true r3", "  range r2 [a=v c2 m2 v1]", "  delete r2 0 []", "  put r3 new",
                "  delete r3 0 []", "  range r3 [b=1 c3 m3 v1]",
            ])
    }

    @Test("a transaction that is refused writes nothing, wherever the refused operation stands")
    func refusals() throws {
        let fixture = try StoreFixture()
        try fixture.put("a")
        try fixture.put("b")
        try fixture.compact(3)
        let refused: [(RequestOp, MVCCError)] = [
            (.range("a", at: 4), .futureRevision), (.range("a", at: 2), .compacted),
            // As etcd: inside transactions a negative revision is a compacted one.
            (.range("a", at: -5), .compacted),
            (.put("x", "", lease: 9), .leaseNotFound),
            (.put("x", "", ignoreValue: true), .keyNotFound),
        ]
        for (operation, error) in refused {
            let nested = TxnRequest(success: [operation])
            for last in [operation, RequestOp(request: .txn(nested))] {
                #expect(throws: error) {
                    try fixture.txn(TxnRequest(success: [.put("x", "1"), last]))
                }
            }
            // On the path not taken it does not matter.
            let response = try fixture.txn(TxnRequest(failure: [operation]))
            #expect(response.lines == ["true r3"])
        }
        #expect(fixture.reader.currentRevision == 3)
        #expect(fixture.records == ["2.0", "3.0"])
        #expect(fixture.store.takeEvents().isEmpty)
    }

    @Test("unknown orders, targets and comparisons are passed over")
    func unknownNumbers() throws {
        let fixture = try StoreFixture()
        for key in ["b", "a", "c"] { try fixture.put(key) }
        for (order, target) in [(9, 0), (1, 9), (9, 9), (0, 9)] as [(Int32, Int32)] {
            let request = RangeRequest(
                key: [0], rangeEnd: [0], limit: 2,
                sortOrder: RangeRequest.SortOrder(rawValue: order),
                sortTarget: RangeRequest.SortTarget(rawValue: target))
            let response = try fixture.reader.range(request)
            #expect(response.kvs.map(\.key.text) == ["a", "b"])
            #expect(response.more && response.count == 3)
        }
        let compare = Compare(
            result: Compare.CompareResult(rawValue: 9),
            target: Compare.CompareTarget(rawValue: 9), key: Bytes("a"))
        #expect(try fixture.txn(TxnRequest(compare: [compare])).succeeded)
    }

    @Test("the keys of a lease go in ascending order within one revision")
    func deleteKeys() throws {
        let fixture = try StoreFixture()
        for key in ["c", "a", "b"] { try fixture.put(key, lease: 2) }
        let keys = ["c", "gone", "a", "b"].map { Bytes($0) }
        #expect(try fixture.store.deleteKeys(keys, leases: fixture.leases) == 3)
        #expect(fixture.store.takeEvents().map(\.key.text) == ["a", "b", "c"])
        #expect(fixture.records.suffix(3) == ["5.0t", "5.1t", "5.2t"])
        #expect(fixture.leases.attached.isEmpty)
        #expect(try fixture.store.deleteKeys(keys, leases: fixture.leases) == 0)
        #expect(fixture.reader.currentRevision == 5)
    }

    @Test("a put moves its key from lease to lease, and to none")
    func leases() throws {
        let fixture = try StoreFixture()
        try fixture.put("a", lease: 1)
        #expect(fixture.leases.attached == [Bytes("a"): 1])
        try fixture.put("a", lease: 2)
        #expect(fixture.leases.attached == [Bytes("a"): 2])
        try fixture.reopen()
        #expect(fixture.leases.attached == [Bytes("a"): 2])
        try fixture.put("a")
        #expect(fixture.leases.attached.isEmpty)
        #expect(throws: MVCCError.leaseNotFound) { try fixture.put("a", lease: 99) }
    }

    @Test("large keys and values, and keys that are prefixes of each other")
    func sizes() throws {
        let fixture = try StoreFixture()
        let long = String(repeating: "k", count: 70_000)
        let value = String(repeating: "v", count: 1_500_000)
        for length in [1, 2, 511, 512, 513, 70_000] {
            try fixture.put(String(long.prefix(length)), "\(length)")
        }
        try fixture.put("large", value)
        for _ in 0..<2 {
            #expect(
                try fixture.get("k", "l").map { $0.split(separator: "=")[1] } == [
                    "1 c2 m2 v1", "2 c3 m3 v1", "511 c4 m4 v1", "512 c5 m5 v1", "513 c6 m6 v1",
                    "70000 c7 m7 v1",
                ])
            #expect(try fixture.get(long).count == 1)
            #expect(try fixture.get("large") == ["large=\(value) c8 m8 v1"])
            try fixture.reopen()
        }
    }

    @Test("many keys are counted at any revision, whatever has become of them since")
    func manyKeys() throws {
        let fixture = try StoreFixture()
        for number in 1_000..<6_000 { try fixture.put("k\(number)") }
        for number in 1_000..<6_000 where number % 3 > 0 { try fixture.put("k\(number)") }
        try fixture.delete("k2", "k5")
        let table: [(String, String, Int64, Int64)] = [
            ("k", "l", 5_001, 5_000), ("k", "l", 4_001, 4_000), ("k", "l", 2, 1), ("k", "l", 1, 0),
            ("k1500", "k4501", 5_001, 3_001), ("k2", "\0", 0, 1_000), ("k", "l", 0, 2_000),
            ("k2", "k5", 0, 0), ("k2", "k5", 5_001, 3_000), ("k1999", "k2001", 0, 1),
        ]
        for (key, end, revision, expected) in table {
            let request = RangeRequest(
                key: Bytes(key), rangeEnd: Bytes(end), revision: revision, countOnly: true)
            #expect(try fixture.reader.range(request).count == expected)
        }
    }

    @Test("what was not committed is gone after a crash, and is written again as before")
    func crash() throws {
        let fixture = try StoreFixture()
        try fixture.put("a", "1")
        try fixture.backend.commit()
        try fixture.put("a", "2")
        try fixture.delete("a")
        let hash = try fixture.reader.hashKV(at: 0)
        try fixture.crash()
        #expect(fixture.reader.currentRevision == 2)
        #expect(try fixture.get("a") == ["a=1 c2 m2 v1"])
        try fixture.put("a", "2")
        try fixture.delete("a")
        #expect(try fixture.reader.hashKV(at: 0) == hash)
    }

    @Test("a received database takes the place of the old one behind the same reader")
    func replacement() throws {
        let sender = try StoreFixture()
        for number in 0..<5 { try sender.put("k\(number)", "sent") }
        try sender.backend.commit()
        let receiver = try StoreFixture()
        try receiver.put("old")
        let reader = receiver.reader
        receiver.store.willReplace()
        try receiver.backend.replaceFile(with: sender.copyDatabase(beside: receiver))
        // The index still names the old record, which the new file does not have as it was.
        try receiver.store.restore()
        #expect(reader.currentRevision == 6)
        #expect(try reader.range(RangeRequest(key: Bytes("k"), rangeEnd: [0])).count == 5)
        #expect(try reader.range(RangeRequest(key: Bytes("old"))).count == 0)
        try receiver.put("k1", "mine")
        #expect(try receiver.get("k1") == ["k1=mine c3 m7 v2"])
    }
}
