//  What compactions remove and keep, and what interrupts them.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

@Suite("Compaction")
struct CompactionTests {
    /// a: put 2, put 3, delete 4; b: put 5, put 6; a: put 7.
    private func makeStore() throws -> StoreFixture {
        let fixture = try StoreFixture()
        try fixture.put("a", "1")
        try fixture.put("a", "2")
        try fixture.delete("a")
        try fixture.put("b", "1")
        try fixture.put("b", "2")
        try fixture.put("a", "3")
        return fixture
    }

    @Test(
        "at each revision the newest record of a key stays, a deletion only at that very revision",
        arguments: [
            (2, "2.0 3.0 4.0t 5.0 6.0 7.0"), (3, "3.0 4.0t 5.0 6.0 7.0"), (4, "4.0t 5.0 6.0 7.0"),
            (5, "5.0 6.0 7.0"), (6, "6.0 7.0"), (7, "6.0 7.0"),
        ])
    func kept(revision: Int64, records: String) throws {
        let fixture = try makeStore()
        let answers = try (revision...7).map { try fixture.get("a", "z", at: $0) }
        try fixture.compact(revision)
        for _ in 0..<2 {
            #expect(fixture.records.joined(separator: " ") == records)
            #expect(fixture.reader.compactRevision == revision)
            #expect(try (revision...7).map { try fixture.get("a", "z", at: $0) } == answers)
            #expect(throws: MVCCError.compacted) {
                try fixture.get("a", "z", at: revision - 1)
            }
            try fixture.reopen()
        }
        try fixture.compact(7 + (revision == 7 ? try fixture.bump() : 0))
        #expect(fixture.records.prefix(2) == ["6.0", "7.0"])
    }

    @Test("the revision must lie above the last compaction and not in the future")
    func refusals() throws {
        let fixture = try makeStore()
        #expect(throws: MVCCError.futureRevision) { try fixture.store.beginCompaction(at: 8) }
        try fixture.store.beginCompaction(at: 5)
        for revision in [5, 4, 0, -7] as [Int64] {
            #expect(throws: MVCCError.compacted) {
                try fixture.store.beginCompaction(at: revision)
            }
        }
        #expect(fixture.store.hasCompaction)
    }

    @Test("old revisions are unreadable at once, the rest stays readable at every step")
    func steps() throws {
        let fixture = try makeStore()
        for number in 0..<200 { try fixture.put("hot", "\(number)") }
        let answer = try fixture.get("a", "z", at: 100)
        let hash = try fixture.reader.hashKV(at: 100).hash
        try fixture.store.beginCompaction(at: 100)
        let hashes = try fixture.reader.hashKV(at: 100)
        #expect(hashes.hash != hash)
        var steps = 0
        while !fixture.store.compactStep(limit: 3) {
            steps += 1
            #expect(throws: MVCCError.compacted) { try fixture.get("hot", at: 99) }
            #expect(try fixture.get("a", "z", at: 100) == answer)
            #expect(try fixture.reader.hashKV(at: 100) == hashes)
        }
        #expect(steps > 30)
        #expect(try fixture.reader.hashKV(at: 100) == hashes)
        #expect(!fixture.store.hasCompaction)
        #expect(fixture.store.compactStep(limit: 3))
    }

    @Test("a crash at any step leaves a compaction that the next start finishes")
    func resumption() throws {
        let complete = try makeStore()
        try complete.compact(6)
        let hash = try complete.reader.hashKV(at: 0)
        for crashAfter in 0..<12 {
            for commits in [true, false] {
                let fixture = try makeStore()
                try fixture.backend.commit()
                try fixture.store.beginCompaction(at: 6)
                for _ in 0..<crashAfter { _ = fixture.store.compactStep(limit: 1) }
                if commits { try fixture.backend.commit() }
                try fixture.crash()
                guard commits else {
                    #expect(fixture.reader.compactRevision == -1)
                    #expect(!fixture.store.hasCompaction)
                    #expect(fixture.records.count == 6)
                    continue
                }
                #expect(fixture.reader.compactRevision == 6)
                while !fixture.store.compactStep(limit: 1) {}
                #expect(fixture.records == complete.records)
                #expect(try fixture.reader.hashKV(at: 0) == hash)
                try fixture.reopen()
                #expect(!fixture.store.hasCompaction)
            }
        }
    }

    @Test("a compaction takes over what an unfinished earlier one has found")
    func overtaking() throws {
        for stepsBefore in 0..<8 {
            let fixture = try makeStore()
            try fixture.store.beginCompaction(at: 4)
            for _ in 0..<stepsBefore { _ = fixture.store.compactStep(limit: 1) }
            try fixture.store.beginCompaction(at: 6)
            while !fixture.store.compactStep(limit: 1) {}
            #expect(fixture.records == ["6.0", "7.0"])
        }
    }

    @Test("a store whose newest records were compacted away keeps its revision")
    func emptyStore() throws {
        let fixture = try StoreFixture()
        try fixture.put("a")
        try fixture.delete("a")
        try fixture.delete("a")
        try fixture.put("b")
        try fixture.delete("b")
        try fixture.compact(5)
        #expect(fixture.records == ["5.0t"])
        try fixture.reopen()
        #expect(fixture.reader.currentRevision == 5)
        try fixture.put("c")
        try fixture.delete("c")
        try fixture.compact(7)
        try fixture.reopen()
        #expect(fixture.records == ["7.0t"])
        #expect(fixture.reader.currentRevision == 7)
        #expect(try fixture.get("a", "z").isEmpty)
        try fixture.put("a")
        #expect(try fixture.get("a") == ["a=v c8 m8 v1"])
    }

    @Test("the schedule alone makes the revision, when all records below it are gone")
    func scheduleMakesRevision() throws {
        let fixture = try StoreFixture()
        let revision = RevisionKey(Revision(main: 9, sub: 0)).bytes
        fixture.backend.put(
            StoreBuckets.meta, key: Bytes("scheduledCompactRev"), value: revision)
        try fixture.reopen()
        #expect(fixture.reader.currentRevision == 9)
        #expect(fixture.reader.compactRevision == 9)
        #expect(fixture.store.hasCompaction)
    }

    @Test("watchers that start at the compact revision see a deletion there")
    func historyFromCompactRevision() throws {
        let fixture = try makeStore()
        try fixture.compact(4)
        var seen: [String] = []
        let covered = fixture.reader.events(from: 4, through: 7, maxRevisions: 3) {
            seen.append("\($0.key.text) \($0.modRevision) \($0.isDelete)")
        }
        #expect(seen == ["a 4 true", "b 5 false", "b 6 false"])
        #expect(covered == 6)
        #expect(fixture.reader.previousValue(of: Bytes("a"), before: 4) == nil)
        #expect(fixture.reader.previousValue(of: Bytes("b"), before: 6) != nil)
    }
}

extension StoreFixture {
    /// One more revision, so that there is something above the newest to compact at.
    fileprivate func bump() throws -> Int64 {
        try put("z")
        return 1
    }
}
