//  HashKV beyond the recorded values, and records that are none.

import EtcdBackend
import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("HashKV and damaged databases")
struct HashTests {
    @Test("future and compacted revisions have no hash; the compact revision has one")
    func bounds() throws {
        let fixture = try StoreFixture()
        for _ in 0..<5 { try fixture.put("a") }
        try fixture.compact(4)
        #expect(throws: MVCCError.compacted) { try fixture.reader.hashKV(at: 3) }
        #expect(throws: MVCCError.futureRevision) { try fixture.reader.hashKV(at: 7) }
        let response = try fixture.reader.hashKV(at: 4)
        #expect(response.compactRevision == 4)
        #expect(response.hashRevision == 4)
        #expect(response.header?.revision == 6)
        #expect(try fixture.reader.hashKV(at: 0) == fixture.reader.hashKV(at: 6))
    }

    @Test("a deletion at the compact revision never counts: old releases do not keep it")
    func deletionAtCompactRevision() throws {
        let fixture = try StoreFixture()
        try fixture.put("a")
        try fixture.put("b")
        try fixture.delete("a")
        try fixture.compact(4)
        #expect(fixture.records == ["3.0", "4.0t"])
        #expect(try fixture.reader.hashKV(at: 0).hash == hash(of: fixture, ["3.0"]))
        try fixture.delete("b")
        try fixture.compact(5)
        #expect(fixture.records == ["5.0t"])
        #expect(try fixture.reader.hashKV(at: 0).hash == hash(of: fixture, []))
    }

    @Test("without any key left the hash does not tell how far a compaction is")
    func compactionOfNothing() throws {
        let fixture = try StoreFixture()
        for key in ["a", "b", "c"] {
            try fixture.put(key)
            try fixture.put(key)
        }
        try fixture.delete("a")
        try fixture.delete("b", "d")
        #expect(fixture.records.last == "9.1t")
        try fixture.store.beginCompaction(at: 8)
        let left = ["5.0", "7.0", "9.0t", "9.1t"]
        let expected = hash(of: fixture, left)
        var isFinished = false
        while !isFinished {
            #expect(try fixture.reader.hashKV(at: 0).hash == expected)
            isFinished = fixture.store.compactStep(limit: 1)
        }
        #expect(fixture.records == ["5.0", "7.0", "8.0t", "9.0t", "9.1t"])
        #expect(try fixture.reader.hashKV(at: 0).hash == expected)
        #expect(hash(of: fixture, left) == expected)
    }

    @Test("a damaged page does not make a shorter history")
    func damagedPage() throws {
        let fixture = try StoreFixture()
        for number in 0..<200 { try fixture.put("key\(number)") }
        try fixture.backend.commit()
        _ = try fixture.reader.hashKV(at: 0)
        try fixture.damageRecords()
        func isDamage(_ error: any Error) -> Bool {
            guard case .corrupt(let reason) = error as? MVCCError else { return false }
            return reason.contains("page")
        }
        #expect { _ = try fixture.reader.hashKV(at: 0) } throws: { isDamage($0) }
        #expect { try fixture.crash() } throws: { isDamage($0) }
    }

    private func hash(of fixture: StoreFixture, _ records: [String]) -> UInt32 {
        var crc = CRC32C.checksum(Bytes("key"))
        var position = 0
        let all = fixture.records
        fixture.backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, value in
            if records.contains(all[position]) {
                crc = CRC32C.extend(CRC32C.extend(crc, with: key), with: value)
            }
            position += 1
            return true
        }
        return crc
    }

    @Test("a bucket with anything but revisions and key values does not open")
    func damage() throws {
        let good = RevisionKey(Revision(main: 2, sub: 0)).bytes
        let record = KeyValueRecord.make(
            key: Bytes("a"), createRevision: 2, modRevision: 2, version: 1, value: Bytes("v"),
            lease: 0)
        let damaged: [(Bytes, Bytes)] = [
            (Bytes("short"), record), (Bytes(Array(good.array.dropLast())), record),
            (Bytes(good.array + [0x75]), record), (good, Bytes([0x0A, 0x7F])),
            (good, Bytes([0x10, 0x02])), (good, Bytes([0xFF])),
            (RevisionKey(Revision(main: 2, sub: 1 << 40)).bytes, record),
        ]
        for (key, value) in damaged {
            let fixture = try StoreFixture()
            fixture.backend.put(StoreBuckets.key, key: key, value: value)
            #expect { try fixture.reopen() } throws: { error in
                guard case .corrupt = error as? MVCCError else { return false }
                return true
            }
        }
        let fixture = try StoreFixture()
        fixture.backend.put(StoreBuckets.meta, key: Bytes("finishedCompactRev"), value: [1])
        #expect(throws: MVCCError.self) { try fixture.reopen() }
    }

    @Test("two records of one revision, and numbers that leave no room for more, do not open")
    func numbers() throws {
        let bound = Int64.max / 2
        let twice = try StoreFixture()
        write(2, to: twice)
        write(2, isTombstone: true, to: twice)
        #expect(throws: MVCCError.corrupt("revision 2, 0 stands behind revision 2, 0")) {
            try twice.reopen()
        }
        for number in [bound, Int64.max] {
            var fixture = try StoreFixture()
            write(number, to: fixture)
            #expect(throws: MVCCError.corrupt("revision \(number), 0 is too large")) {
                try fixture.reopen()
            }
            fixture = try StoreFixture()
            write(2, version: number, to: fixture)
            #expect(throws: MVCCError.corrupt("version \(number) of revision 2, 0 is too large")) {
                try fixture.reopen()
            }
            for name in ["finishedCompactRev", "scheduledCompactRev"] {
                fixture = try StoreFixture()
                let revision = RevisionKey(Revision(main: number, sub: 0)).bytes
                fixture.backend.put(StoreBuckets.meta, key: Bytes(name), value: revision)
                #expect(throws: MVCCError.corrupt("\(name) is too large: \(number)")) {
                    try fixture.reopen()
                }
            }
        }
        let last = try StoreFixture()
        write(bound - 1, version: bound - 1, to: last)
        try last.reopen()
        try last.put("a")
        #expect(try last.get("a") == ["a=v c\(bound - 1) m\(bound) v\(bound)"])
    }

    /// A record of the key `a` that no store has made.
    private func write(
        _ main: Int64, version: Int64 = 1, isTombstone: Bool = false, to fixture: StoreFixture
    ) {
        let key = RevisionKey(Revision(main: main, sub: 0), isTombstone: isTombstone).bytes
        let record =
            isTombstone
            ? KeyValueRecord.tombstone(key: Bytes("a"))
            : KeyValueRecord.make(
                key: Bytes("a"), createRevision: main, modRevision: main, version: version,
                value: Bytes("v"), lease: 0)
        fixture.backend.put(StoreBuckets.key, key: key, value: record)
    }

    @Test("a record that is gone is an error, not an empty answer")
    func missingRecord() throws {
        let fixture = try StoreFixture()
        try fixture.put("a")
        fixture.backend.delete(
            StoreBuckets.key, key: RevisionKey(Revision(main: 2, sub: 0)).bytes)
        #expect(throws: MVCCError.corrupt("no record of revision 2, 0")) {
            try fixture.get("a")
        }
        fixture.store.willReplace()
        #expect(throws: MVCCError.unavailable) { try fixture.get("a") }
    }

    @Test(
        "any bytes either are a key value or are refused", arguments: 1...4 as ClosedRange<UInt64>)
    func anyBytes(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let sound = KeyValueRecord.make(
            key: Bytes("key"), createRevision: 300, modRevision: -1, version: 1,
            value: Bytes("value"), lease: 1 << 40)
        for _ in 0..<5_000 {
            var bytes = sound.array
            if random.oneIn(3) { bytes.removeLast(random.below(bytes.count)) }
            for _ in 0..<random.below(4) where !bytes.isEmpty {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            let fields = bytes.withUnsafeBytes { KeyValueFields($0) }
            let decoded = try? KeyValue(decoding: Bytes(bytes))
            guard let fields else { continue }
            #expect(fields.key.upperBound <= bytes.count)
            #expect(fields.value.upperBound <= bytes.count)
            guard let decoded else { continue }
            #expect(KeyValue(Bytes(bytes), fields) == decoded)
        }
    }

    @Test("records are written as the messages are")
    func encoding() {
        for (version, value, lease) in [(1, "v", 0), (300, "", 7), (1 << 40, "x", -1)] {
            let message = KeyValue(
                key: Bytes("key"), createRevision: 2, modRevision: 1 << 50,
                version: Int64(version), value: Bytes(value), lease: Int64(lease))
            var expected: [UInt8] = []
            message.encode(into: &expected)
            let record = KeyValueRecord.make(
                key: message.key, createRevision: message.createRevision,
                modRevision: message.modRevision, version: message.version,
                value: message.value, lease: message.lease)
            #expect(record == Bytes(expected))
            #expect(KeyValueRecord.key(of: record) == message.key)
        }
    }
}
