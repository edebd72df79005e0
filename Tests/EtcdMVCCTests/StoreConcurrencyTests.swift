//  Readers on other threads while the owner writes, commits and compacts.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Synchronization
import Testing

@Suite("Reads from other threads")
struct StoreConcurrencyTests {
    /// What the owner's task shares with the readers.
    private final class Stage: Sendable {
        let reader = Mutex<StoreReader?>(nil)
        let isOver = Atomic<Bool>(false)
    }

    @Test("a read sees whole writes only, and never misses a record")
    func readersAndWriter() async throws {
        let stage = Stage()
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                try await Self.write(stage)
                return 0
            }
            for seed in 1...3 as ClosedRange<UInt64> {
                group.addTask { try await Self.read(stage, seed: seed) }
            }
            var reads = 0
            for try await count in group { reads += count }
            #expect(reads > 0)
        }
    }

    /// Every transaction writes its number to sixteen keys, two of which come and go.
    private static func write(_ stage: Stage) async throws {
        defer { stage.isOver.store(true, ordering: .releasing) }
        let fixture = try StoreFixture()
        var random = RandomSource(seed: 9)
        for number in 0..<800 {
            await Task.yield()
            var operations = (0..<14).map { RequestOp.put("k\(10 + $0)", "\(number)") }
            operations.append(
                number % 2 == 0 ? .put("k90", "\(number)") : .delete("k90"))
            operations.append(.put("k91", "\(number)"))
            _ = try fixture.txn(TxnRequest(success: operations))
            if number == 0 { stage.reader.withLock { $0 = fixture.reader } }
            if random.oneIn(40) { try fixture.backend.commit() }
            if random.oneIn(25), !fixture.store.hasCompaction {
                let back = Int64(random.below(3))
                let revision = fixture.reader.currentRevision - back
                if revision > fixture.reader.compactRevision {
                    try fixture.store.beginCompaction(at: revision)
                }
            }
            if fixture.store.hasCompaction { _ = fixture.store.compactStep(limit: 40) }
        }
    }

    private static func read(_ stage: Stage, seed: UInt64) async throws -> Int {
        var random = RandomSource(seed: seed)
        var reads = 0
        var newest: Int64 = 0
        while !stage.isOver.load(ordering: .acquiring) {
            // The pool of threads may be smaller than the number of tasks.
            await Task.yield()
            guard let reader = stage.reader.withLock({ $0 }) else { continue }
            let request = RangeRequest(
                key: Bytes("k"), rangeEnd: Bytes("l"),
                sortOrder: random.oneIn(2) ? .descend : .none)
            let now = try reader.range(request)
            let revision = try #require(now.header?.revision)
            #expect(revision >= newest)
            newest = revision
            check(now, at: revision)
            reads += 1
            let back = max(revision - Int64(random.below(3)), 2)
            do throws(MVCCError) {
                check(
                    try reader.range(
                        RangeRequest(key: Bytes("k"), rangeEnd: Bytes("l"), revision: back)),
                    at: back)
                _ = try reader.hashKV(at: back)
            } catch {
                #expect(error == .compacted)
            }
            let txn = try reader.readTxn(TxnRequest(success: [.range("k10"), .range("k91")]))
            let pair = txn.responses.compactMap { $0.response?.range?.kvs.first?.modRevision }
            #expect(pair.count == 2 && pair[0] == pair[1])
        }
        return reads
    }

    /// Revision 2 is the first transaction, with number 0.
    private static func check(_ response: RangeResponse, at revision: Int64) {
        let number = "\(revision - 2)"
        #expect(response.count == (revision % 2 == 0 ? 16 : 15))
        #expect(response.kvs.count == Int(response.count))
        #expect(response.kvs.allSatisfy { $0.value.text == number && $0.modRevision == revision })
    }
}
