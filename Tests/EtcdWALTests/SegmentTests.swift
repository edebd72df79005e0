//  Segments: names, cutting, preparing, recycling, purging; and a disk that is full or broken.

import EtcdProto
import Raft
import RuntimeCore
import Testing

@testable import EtcdWAL

@Suite struct SegmentTests {
    /// 40 entries over several segments.
    static func filled(_ fixture: LogFixture, prepares: Bool = false) throws -> WAL {
        let wal = try fixture.create()
        for number in 1...40 as ClosedRange<UInt64> {
            if prepares { while try wal.prepareNextSegment() {} }
            try wal.append(
                entries: [entry(number, bytes: 90)], hardState: state(1, commit: number),
                mustSync: true)
        }
        return wal
    }

    @Test(
        arguments: [
            ("0000000000000003-00000000000000ff.wal", SegmentName(sequence: 3, firstIndex: 255)),
            ("0000000000000003-00000000000000ff.wal.broken", nil), ("0.tmp", nil),
            ("3-ff.wal", nil), ("000000000000000+-00000000000000ff.wal", nil),
            ("0000000000000003_00000000000000ff.wal", nil),
        ] as [(String, SegmentName?)])
    func names(text: String, name: SegmentName?) {
        #expect(SegmentName(text) == name)
        if let name { #expect(name.text == text) }
    }

    @Test(arguments: [false, true])
    func aFullSegmentIsFinishedAndTheNextBegun(prepares: Bool) throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try SegmentTests.filled(fixture, prepares: prepares)
        let names = fixture.segments.map { SegmentName($0)! }
        #expect(names.map(\.sequence) == Array(0..<UInt64(names.count)) && names.count > 4)
        for name in fixture.segments.dropLast() {
            let content = fixture.node(name).durable
            #expect(content.count >= 1_000 && frameOffsets(content).last == content.count)
        }
        #expect(fixture.tail.count == 1_000)
        let file = try fixture.fileSystem.open(
            "\(LogFixture.directory)/\(fixture.segments[2])", .read, permissions: 0)
        var reader = try LogReader([("2", file)])
        var kinds: [WALRecord.Kind] = []
        while let record = try reader.next(), kinds.count < 4 {
            kinds.append(record.kind)
            if record.kind == .entry {
                #expect(try Entry(decoding: record.data).index == names[2].firstIndex)
            }
        }
        #expect(kinds == [.crc, .metadata, .state, .entry])
        #expect(try fixture.contents().entries == entries(1...40, bytes: 90))
        wal.close()
    }

    @Test func aReadySegmentIsUsedAndAnUnfinishedOneToo() throws {
        let large = SegmentPreparation.stepBytes * 2
        let fixture = LogFixture(segmentBytes: large)
        let wal = try fixture.create()
        let temporary = "\(LogFixture.directory)/0.tmp"
        var steps = 0
        while fixture.fileSystem.nodes[temporary] == nil {
            #expect(try wal.prepareNextSegment())
            steps += 1
        }
        #expect(steps == 3)
        let prepared = fixture.fileSystem.nodes[temporary]!
        try wal.append(entries: [entry(1, bytes: large)], hardState: nil, mustSync: true)
        #expect(fixture.segments.count == 2)
        #expect(fixture.node(fixture.segments[1]) === prepared)
        #expect(prepared.content.count == large)
        // What was missing is made up for in place.
        #expect(try wal.prepareNextSegment())
        while try wal.prepareNextSegment() {}
        #expect(fixture.fileSystem.nodes["\(LogFixture.directory)/1.tmp"] != nil)
        wal.close()
        #expect(try fixture.fileSystem.list(LogFixture.directory) == fixture.segments)
    }

    @Test func leftOverPreparationsAreRemovedAtTheStart() throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try SegmentTests.filled(fixture)
        while try wal.prepareNextSegment() {}
        #expect(try fixture.fileSystem.list(LogFixture.directory) != fixture.segments)
        _ = try fixture.contents()
        #expect(try fixture.fileSystem.list(LogFixture.directory) == fixture.segments)
    }

    @Test func onlyReleasedSegmentsArePurgedAndOneIsUsedAgain() throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try SegmentTests.filled(fixture)
        let before = fixture.segments
        #expect(try wal.purge(keeping: 1).isEmpty)
        let index = SegmentName(before[3])!.firstIndex
        try wal.saveSnapshot(WALSnapshot(index: index, term: 1))
        wal.releaseSegments(upTo: index)
        #expect(try wal.purge(keeping: 0).isEmpty)
        #expect(try wal.purge(keeping: before.count - 1).count == 1)
        let old = try #require(fixture.prepared)
        #expect(old.content.contains { $0 != 0 })
        let purged = try wal.purge(keeping: 1)
        #expect(purged == before[1...2].map { "\(LogFixture.directory)/\($0)" })
        #expect(fixture.segments == Array(before[3...]))
        #expect(try fixture.contents(at: index, term: 1).entries.last == entry(40, bytes: 90))
    }

    @Test(arguments: [false, true])
    func aRecycledSegmentShowsNothingOfItsPast(isReady: Bool) throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try SegmentTests.filled(fixture)
        try wal.saveSnapshot(WALSnapshot(index: 40, term: 1))
        wal.releaseSegments(upTo: 40)
        _ = try wal.purge(keeping: fixture.segments.count - 1)
        let old = try #require(fixture.prepared)
        while isReady, try wal.prepareNextSegment() {}
        try wal.append(entries: [entry(41, bytes: 990)], hardState: nil, mustSync: true)
        #expect(fixture.node(fixture.segments.last!) === old)
        let used = frameOffsets(fixture.tail).last!
        #expect(fixture.tail.count == 1_000)
        #expect(fixture.tail.suffix(from: used).allSatisfy { $0 == 0 })
        try wal.append(entries: [entry(42, bytes: 10)], hardState: nil, mustSync: true)
        #expect(try fixture.contents(at: 40, term: 1).entries.map(\.index) == [41, 42])
    }

    // MARK: a disk that refuses

    @Test func aBatchThatFindsNoRoomCanBeWrittenLater() throws {
        for room in stride(from: 0, to: 700, by: 13) {
            let fixture = LogFixture(segmentBytes: 1_000)
            let wal = try fixture.create()
            try wal.append(entries: entries(1...5), hardState: state(1, commit: 2), mustSync: true)
            let before = fixture.tail
            let batch = entries(6...8, bytes: 300)
            fixture.fileSystem.writableBytes = room
            let error = #expect(throws: WALError.self) {
                try wal.append(
                    entries: batch, hardState: state(2, commit: 5), mustSync: true)
            }
            #expect(error?.isNoSpace == true)
            let used = frameOffsets(before).last!
            #expect(frameOffsets(fixture.tail) == frameOffsets(before))
            #expect(fixture.tail.suffix(from: used).allSatisfy { $0 == 0 })
            fixture.fileSystem.writableBytes = Int.max
            try wal.append(entries: batch, hardState: state(2, commit: 5), mustSync: true)
            let contents = try fixture.contents()
            #expect(contents.entries == entries(1...5) + batch)
            #expect(contents.hardState == state(2, commit: 5))
        }
    }

    @Test func aFullDiskWhileCuttingFailsNothing() throws {
        for room in 0..<80 {
            let fixture = LogFixture(segmentBytes: 1_000)
            let wal = try fixture.create()
            let first = entry(1, bytes: 960)
            // Room for the batch, and for some of the next segment's head.
            fixture.fileSystem.writableBytes = 1_008 + room
            try wal.append(entries: [first], hardState: nil, mustSync: true)
            fixture.fileSystem.writableBytes = Int.max
            try wal.append(entries: entries(2...3), hardState: nil, mustSync: true)
            #expect(try fixture.contents().entries == [first] + entries(2...3))
            #expect(fixture.segments.count == 2)
            #expect(try fixture.fileSystem.list(LogFixture.directory) == fixture.segments)
        }
    }

    @Test func noPreparationOnAFullDisk() throws {
        let fixture = LogFixture(segmentBytes: 1_000)
        let wal = try fixture.create()
        #expect(try wal.prepareNextSegment())
        fixture.fileSystem.writableBytes = 10
        let error = #expect(throws: WALError.self) { try wal.prepareNextSegment() }
        #expect(error?.isNoSpace == true)
        #expect(try fixture.fileSystem.list(LogFixture.directory) == fixture.segments)
        fixture.fileSystem.writableBytes = Int.max
        try wal.append(entries: entries(1...3), hardState: nil, mustSync: true)
        #expect(try fixture.contents().entries == entries(1...3))
    }

    @Test func afterAFailedSyncNothingIsTakenAnyMore() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        fixture.fileSystem.failsSync = true
        for _ in 0..<2 {
            let error = #expect(throws: WALError.self) {
                try wal.append(entries: entries(1...1), hardState: nil, mustSync: true)
            }
            #expect(error?.kind == .unusable && error?.isNoSpace == false)
            fixture.fileSystem.failsSync = false
        }
        #expect(throws: WALError.self) { try wal.saveSnapshot(WALSnapshot(index: 1, term: 1)) }
        #expect(throws: WALError.self) { try wal.prepareNextSegment() }
    }
}
