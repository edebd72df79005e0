//  A log cut short, zeroed or flipped at every place: repaired exactly when a crash can have done
//  it, otherwise refused by name and place.

import EtcdProto
import Raft
import RuntimeCore
import Testing

@testable import EtcdWAL

@Suite struct DamageTests {
    /// Small entries, then one over three sectors, then a hard state.
    static func fixture() throws -> LogFixture {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...4), hardState: state(1, commit: 2), mustSync: true)
        try wal.append(entries: [entry(5, bytes: 1_100)], hardState: nil, mustSync: true)
        try wal.append(entries: [], hardState: state(1, commit: 2, vote: 2), mustSync: true)
        wal.close()
        return fixture
    }

    /// Entries that records before `offset` hold.
    static func entryCount(_ offsets: [Int], before offset: Int) -> Int {
        // Head: checksum, metadata, snapshot; entries 1...4, state, entry 5, state.
        let whole = offsets.dropFirst().filter { $0 <= offset }.count
        return [0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 5][whole]
    }

    @Test func aFileCutAnywhereIsRepaired() throws {
        let whole = try DamageTests.fixture().tail
        let offsets = frameOffsets(whole)
        #expect(offsets.count == 11)
        for cut in offsets[3]...offsets[10] {
            let fixture = try DamageTests.fixture()
            fixture.tail = Array(whole.prefix(cut))
            let isClean = offsets.contains(cut)
            let contents = try fixture.contents()
            #expect(contents.entries.count == DamageTests.entryCount(offsets, before: cut))
            let broken = fixture.fileSystem.nodes[
                "\(LogFixture.directory)/\(fixture.segments[0]).broken"]
            #expect((broken == nil) == isClean, "cut at \(cut)")
            if let broken { #expect(broken.durable == Array(whole.prefix(cut))) }
            // Repaired for good, and ready for more.
            fixture.fileSystem.losePower()
            let (wal, again) = try fixture.open()
            #expect(again.entries == contents.entries && again.hardState == contents.hardState)
            let next = entry(UInt64(again.entries.count) + 1, term: 2)
            try wal.append(entries: [next], hardState: nil, mustSync: true)
            #expect(try fixture.contents().entries == again.entries + [next])
        }
    }

    @Test func aLostSectorInsideTheLastRecordsIsRepaired() throws {
        let whole = try DamageTests.fixture().tail
        let offsets = frameOffsets(whole)
        for sector in (offsets[8] / 512 + 1)...(offsets[9] / 512) {
            let fixture = try DamageTests.fixture()
            var damaged = whole
            for position in sector * 512..<min((sector + 1) * 512, damaged.count) {
                damaged[position] = 0
            }
            fixture.tail = damaged
            #expect(try fixture.contents().entries == entries(1...4))
            #expect(fixture.tail.suffix(from: offsets[8]).allSatisfy { $0 == 0 })
        }
    }

    @Test func everyFlippedBitIsRefusedOrCutOffByTheRule() throws {
        let whole = try DamageTests.fixture().tail
        let offsets = frameOffsets(whole)
        for position in 0..<offsets[10] {
            let fixture = try DamageTests.fixture()
            fixture.tail[position] ^= 1 << (position % 8)
            let start = offsets.last { $0 <= position }!
            do {
                let contents = try fixture.contents()
                // Padding is not covered by anything; a larger length looks like a lost end.
                let isCut = contents.entries.count < 5 || contents.hardState.vote == 1
                let isPadding =
                    !isCut && contents.entries == entries(1...4) + [entry(5, bytes: 1_100)]
                #expect(isPadding || position - start < 8 || isSectorTail(offsets, position))
            } catch let error as WALError {
                #expect(error.kind == .corrupt || error.kind == .snapshotNotFound, "\(error)")
                #expect(error.description.contains(LogFixture.directory), "\(error)")
            }
        }
    }

    /// Whether the record at `position` ends with padding alone in its last sector.
    private func isSectorTail(_ offsets: [Int], _ position: Int) -> Bool {
        let end = offsets.first { $0 > position }!
        return end % 512 != 0 && end % 512 < 8
    }

    @Test func damageBeforeTheLastSegmentIsNeverRepaired() throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try fixture.create()
        for number in 1...40 as ClosedRange<UInt64> {
            try wal.append(
                entries: [entry(number, bytes: 90)], hardState: state(1, commit: number),
                mustSync: true)
        }
        wal.close()
        #expect(fixture.segments.count > 3)
        let name = fixture.segments[1]
        let content = fixture.node(name).content
        for cut in stride(from: content.count - 1, to: 8, by: -7) {
            fixture.node(name).content = Array(content.prefix(cut))
            let error = #expect(throws: WALError.self) { try fixture.contents() }
            #expect(error?.kind == .corrupt)
            #expect(throws: WALError.self) { try fixture.validSnapshots() }
            #expect(fixture.node(name).content.count == cut)
        }
        fixture.node(name).content = content
        #expect(try fixture.contents().entries.count == 40)
        fixture.fileSystem.nodes["\(LogFixture.directory)/\(name)"] = nil
        let gap = #expect(throws: WALError.self) { try fixture.contents() }
        #expect(gap?.kind == .missing)
        #expect(gap?.description.contains("0000000000000001") == true)
    }

    @Test func recordsBehindTheEndAreWipedBeforeWritingGoesOn() throws {
        let fixture = try DamageTests.fixture()
        let offsets = frameOffsets(fixture.tail)
        for position in offsets[6]..<offsets[6] + 8 { fixture.tail[position] = 0 }
        let (wal, contents) = try fixture.open()
        #expect(contents.entries == entries(1...3))
        #expect(fixture.tail.suffix(from: offsets[6]).allSatisfy { $0 == 0 })
        for number in 4...9 as ClosedRange<UInt64> {
            try wal.append(entries: [entry(number)], hardState: nil, mustSync: true)
            #expect(try fixture.contents().entries == entries(1...number))
            fixture.fileSystem.endProcess()
        }
    }

    @Test(
        arguments: [
            (UInt64(1) << 27, true),  // past the end: an unfinished write
            (UInt64(1) << 40, false),  // larger than any record
            (0x83 << 56 | 44, false),  // wrong padding for its size
            (0x05 << 56 | 40, false),  // padding without its mark
            (0x80 << 56, false),  // nothing in it
        ] as [(UInt64, Bool)])
    func lengths(word: UInt64, isRepaired: Bool) throws {
        let fixture = try DamageTests.fixture()
        let offset = frameOffsets(fixture.tail)[4]
        for byte in 0..<8 { fixture.tail[offset + byte] = UInt8(word >> (8 * byte) & 255) }
        if isRepaired {
            #expect(try fixture.contents().entries == entries(1...1))
        } else {
            let error = #expect(throws: WALError.self) { try fixture.contents() }
            #expect(error?.description.contains("at byte \(offset):") == true, "\(error!)")
        }
    }

    @Test func aLogThatEndsBeforeItsCommitIsRefused() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...2), hardState: state(1, commit: 7), mustSync: true)
        let error = #expect(throws: WALError.self) { try fixture.contents() }
        #expect(error?.kind == .corrupt)
    }

    @Test func aGapBetweenEntriesIsRefused() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(
            entries: [entry(1), entry(3)], hardState: state(1, commit: 1), mustSync: true)
        let error = #expect(throws: WALError.self) { try fixture.contents() }
        #expect(error?.description.contains("entry 3 follows entry 1") == true)
    }

    @Test func anEmptyDirectoryIsNoLog() throws {
        let fixture = LogFixture()
        #expect(!WAL.exists(fileSystem: fixture.fileSystem, directory: LogFixture.directory))
        #expect(throws: WALError.self) { try fixture.validSnapshots() }
        let error = #expect(throws: WALError.self) { try fixture.open() }
        #expect(error?.kind == .missing)
    }
}
