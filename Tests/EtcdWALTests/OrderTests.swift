//  The order of effects that crash safety rests on, and real files.

import EtcdProto
import Foundation
import Raft
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdWAL

@Suite struct OrderTests {
    @Test func aLogAppearsWholeOrNotAtAll() throws {
        let fixture = LogFixture()
        _ = try fixture.create()
        let directory = LogFixture.directory
        #expect(fixture.fileSystem.renames == ["\(directory).tmp \(directory)"])
        fixture.fileSystem.losePower()
        #expect(try fixture.open().1.metadata == LogFixture.metadata)
        // What a crash left of an earlier attempt is in nobody's way.
        let other = LogFixture()
        try other.fileSystem.createDirectory(directory + ".tmp", permissions: 0o700)
        _ = try other.fileSystem.open(directory + ".tmp/x", .replace, permissions: 0)
        try other.fileSystem.createDirectory(directory, permissions: 0o700)
        _ = try other.create()
        #expect(try other.fileSystem.list(directory) == other.segments)
    }

    @Test func aLogHasItsFirstEntriesAsSoonAsItIsThere() throws {
        let fixture = LogFixture()
        let wal = try WAL.create(
            fileSystem: fixture.fileSystem, directory: LogFixture.directory,
            metadata: LogFixture.metadata, entries: entries(1...3),
            hardState: state(1, commit: 3), segmentBytes: fixture.segmentBytes)
        try wal.append(entries: [entry(4)], hardState: nil, mustSync: false)
        fixture.fileSystem.losePower()
        let contents = try fixture.open().1
        #expect(contents.entries == entries(1...3))
        #expect(contents.hardState == state(1, commit: 3))
        // As if they had been appended.
        let other = LogFixture()
        try other.create().append(
            entries: entries(1...3), hardState: state(1, commit: 3), mustSync: true)
        #expect(fixture.tail == other.tail)
    }

    @Test func whatAKilledProcessWroteIsDurableBeforeItCounts() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...3), hardState: nil, mustSync: false)
        #expect(try fixture.contents().entries == entries(1...3))
        fixture.fileSystem.losePower()
        #expect(try fixture.open().1.entries == entries(1...3))
    }

    @Test func whatWasSyncedSurvivesPowerLossAtAnyTime() throws {
        for count in 1...30 as ClosedRange<UInt64> {
            let fixture = LogFixture(segmentBytes: 700)
            let wal = try fixture.create()
            for number in 1...count {
                if number % 3 == 0 { _ = try wal.prepareNextSegment() }
                try wal.append(
                    entries: [entry(number, bytes: 70)], hardState: nil, mustSync: true)
                try wal.append(
                    entries: [], hardState: state(1, commit: number), mustSync: false)
            }
            fixture.fileSystem.losePower()
            let contents = try fixture.open().1
            #expect(contents.entries == entries(1...count, bytes: 70))
            #expect(contents.hardState.commit <= LogIndex(count))
        }
    }

    @Test func tornWritesLoseOnlyWhatWasNotSynced() throws {
        for seed in 0..<300 as Range<UInt64> {
            var random = RandomSource(seed: seed)
            let fixture = LogFixture()
            let wal = try fixture.create()
            let synced = UInt64(1 + random.below(8))
            try wal.append(entries: entries(1...synced), hardState: nil, mustSync: true)
            try wal.append(
                entries: (0..<1 + random.below(5)).map {
                    entry(synced + UInt64($0) + 1, bytes: 1 + random.below(1_500))
                }, hardState: state(1, commit: synced), mustSync: false)
            // Some sectors reached the disk, others did not.
            let node = fixture.node(fixture.segments[0])
            let written = node.content
            for sector in 0..<(written.count + 511) / 512 where random.oneIn(2) {
                let range = sector * 512..<min(written.count, (sector + 1) * 512)
                if node.durable.count < range.upperBound { continue }
                node.durable.replaceSubrange(range, with: written[range])
            }
            fixture.fileSystem.losePower()
            let contents = try fixture.open().1
            #expect(contents.entries.prefix(Int(synced)) == entries(1...synced)[...])
        }
    }

    @Test func realFiles() throws {
        let root =
            FileManager.default.temporaryDirectory.path()
            + "/etcd-wal-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let fileSystem = PosixFileSystem()
        let directory = "\(root)/member/wal"
        let wal = try WAL.create(
            fileSystem: fileSystem, directory: directory, metadata: LogFixture.metadata,
            segmentBytes: 3 << 20)
        while try wal.prepareNextSegment() {}
        for number in 1...25 as ClosedRange<UInt64> {
            try wal.append(
                entries: [entry(number, bytes: 300_000)], hardState: state(1, commit: number),
                mustSync: true)
        }
        try wal.saveSnapshot(WALSnapshot(index: 25, term: 1))
        #expect(throws: WALError.self) {
            try WAL.open(
                fileSystem: fileSystem, directory: directory, at: WALSnapshot(index: 0, term: 0),
                segmentBytes: 3 << 20)
        }
        let names = try fileSystem.list(directory).filter { $0.hasSuffix(".wal") }
        #expect(names.count == 3)
        #expect(try fileSystem.info("\(directory)/\(names[0])")!.permissions & 0o777 == 0o600)
        wal.close()
        let contents = try WAL.open(
            fileSystem: fileSystem, directory: directory + "/", at: WALSnapshot(index: 0, term: 0),
            segmentBytes: 3 << 20
        ).1
        #expect(contents.entries == entries(1...25, bytes: 300_000))
        let (again, rest) = try WAL.open(
            fileSystem: fileSystem, directory: directory, at: WALSnapshot(index: 25, term: 1),
            segmentBytes: 3 << 20)
        #expect(rest.entries.isEmpty && rest.hardState == state(1, commit: 25))
        again.releaseSegments(upTo: 25)
        #expect(try again.purge(keeping: 1).count == 2)
        while try again.prepareNextSegment() {}
        again.close()
        #expect(try fileSystem.list(directory) == [names[2]])
    }
}
