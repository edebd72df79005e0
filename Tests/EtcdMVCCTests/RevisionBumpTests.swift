//  A raised revision hides everything before it and keeps every key.

import EtcdBackend
import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("A raised revision")
struct RevisionBumpTests {
    private let fixture: StoreFixture

    init() throws {
        fixture = try StoreFixture()
        try fixture.put("a", "1")
        try fixture.put("a", "2")
        try fixture.put("b", "1")
        try fixture.delete("b")
        #expect(try RevisionBump.apply(1_000, to: fixture.backend) == 1_005)
        try fixture.backend.commit()
        try fixture.reopen()
    }

    @Test("is the current and the compact revision, before and after the compaction")
    func revisions() throws {
        #expect(fixture.reader.currentRevision == 1_005)
        #expect(fixture.reader.compactRevision == 1_005)
        #expect(fixture.store.hasCompaction)
        while !fixture.store.compactStep(limit: 10) {}
        try fixture.backend.commit()
        // As with etcd, the record that stands for the revision is never compacted.
        #expect(fixture.records == ["3.0", "1005.0"])
        try fixture.reopen()
        #expect(fixture.reader.currentRevision == 1_005)
        #expect(!fixture.store.hasCompaction)
    }

    @Test("leaves every key readable, and nothing else")
    func keys() throws {
        #expect(throws: MVCCError.compacted) { try fixture.get("a", at: 1_004) }
        #expect(try fixture.get("\0", "\0").count == 1)
        #expect(try fixture.put("c").header?.revision == 1_006)
        #expect(try fixture.get("\0", "\0").count == 2)
    }

    @Test("can be raised again, and not without end")
    func again() throws {
        #expect(try RevisionBump.apply(5, to: fixture.backend) == 1_010)
        let room = UInt64(Int64.max / 2 - 1_010)
        for amount in [room, UInt64(Int64.max), .max] {
            #expect(throws: MVCCError.self) { try RevisionBump.apply(amount, to: fixture.backend) }
        }
        #expect(try RevisionBump.apply(room - 1, to: fixture.backend) == Int64.max / 2 - 1)
        try fixture.reopen()
        #expect(try fixture.put("c").header?.revision == Int64.max / 2)
    }
}
