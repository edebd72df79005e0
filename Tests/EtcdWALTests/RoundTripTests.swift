//  What was written comes back: batches, replaced entries, segments, snapshots; then at random.

import EtcdProto
import EtcdWAL
import Raft
import RuntimeCore
import Testing

@Suite struct RoundTripTests {
    @Test func aNewLogHasItsHeadAndNothingElse() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        #expect(fixture.segments == ["0000000000000000-0000000000000000.wal"])
        #expect(fixture.tail.count == fixture.segmentBytes)
        #expect(WAL.exists(fileSystem: fixture.fileSystem, directory: LogFixture.directory))
        #expect(throws: WALError.self) { try fixture.create() }
        wal.close()
        let contents = try fixture.contents()
        #expect(contents.metadata == LogFixture.metadata)
        #expect(contents.hardState == .initial && contents.entries.isEmpty)
        #expect(try fixture.validSnapshots() == [WALSnapshot(index: 0, term: 0)])
    }

    private func put(_ name: String, in fixture: LogFixture) throws {
        let path = "\(LogFixture.directory)/\(name)"
        try fixture.fileSystem.createDirectory(LogFixture.directory, permissions: 0o700)
        let file = try fixture.fileSystem.open(path, .replace, permissions: 0o600)
        try file.write([1], at: 0)
        file.close()
    }

    @Test func aNewLogTakesThePlaceOfLeftoversOnly() throws {
        let fixture = LogFixture()
        try fixture.fileSystem.createDirectory(LogFixture.directory, permissions: 0o700)
        for name in ["0.tmp", "1.tmp", "0000000000000000-0000000000000000.wal.broken"] {
            try put(name, in: fixture)
        }
        try fixture.fileSystem.createDirectory(
            LogFixture.directory + "/lost+found", permissions: 0o700)
        try put("x", in: fixture)
        for name in ["a", "b.txt", "c.wal2", "d", "e"] { try put(name, in: fixture) }
        let before = try fixture.fileSystem.list(LogFixture.directory)
        let error = #expect(throws: WALError.self) { try fixture.create() }
        #expect(error?.kind == .occupied)
        #expect(
            error?.description.hasPrefix(
                "\(LogFixture.directory) holds files that are not a log's "
                    + "(a, b.txt, c.wal2, d, e and more)") == true)
        #expect(try fixture.fileSystem.list(LogFixture.directory) == before)
        for name in ["a", "b.txt", "c.wal2", "d", "e", "x"] {
            try fixture.fileSystem.remove("\(LogFixture.directory)/\(name)")
        }
        _ = try fixture.create()
        #expect(try fixture.fileSystem.list(LogFixture.directory) == fixture.segments)
    }

    @Test func aBatchIsOneWriteAndOneSync() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        let (writes, syncs) = (fixture.fileSystem.writes, fixture.fileSystem.syncs)
        try wal.append(entries: entries(1...10), hardState: state(1, commit: 3), mustSync: true)
        #expect(fixture.fileSystem.writes == writes + 1)
        #expect(fixture.fileSystem.syncs == syncs + 1)
        try wal.append(entries: [], hardState: state(1, commit: 4), mustSync: false)
        #expect(fixture.fileSystem.syncs == syncs + 1)
        let contents = try fixture.contents()
        #expect(contents.entries == entries(1...10))
        #expect(contents.hardState == state(1, commit: 4))
    }

    @Test func aLaterEntryReplacesWhatFollows() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...9), hardState: state(1, commit: 3), mustSync: true)
        try wal.append(entries: entries(5...6, term: 2), hardState: nil, mustSync: true)
        #expect(try fixture.contents().entries == entries(1...4) + entries(5...6, term: 2))
    }

    @Test func entriesReplacedBeforeTheSnapshotTakeLaterOnesWithThem() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...9), hardState: state(1, commit: 3), mustSync: true)
        try wal.append(
            entries: entries(5...6, term: 2), hardState: state(2, commit: 6), mustSync: true)
        try wal.saveSnapshot(WALSnapshot(index: 6, term: 2))
        let contents = try fixture.contents(at: 6, term: 2)
        #expect(contents.entries.isEmpty)
        #expect(contents.hardState == state(2, commit: 6))
    }

    @Test func aReceivedSnapshotReplacesWhatStandsBehindIt() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(
            entries: entries(1...9, term: 3), hardState: state(3, commit: 2), mustSync: true)
        try wal.saveSnapshot(WALSnapshot(index: 5, term: 5))
        try wal.append(entries: [], hardState: state(5, commit: 5), mustSync: true)
        wal.close()
        let survey = try WAL.survey(
            fileSystem: fixture.fileSystem, directory: LogFixture.directory)
        #expect(survey.lastIndex == 5 && survey.lastTerm == 5 && survey.findings.isEmpty)
        let (again, contents) = try fixture.open(at: 5, term: 5)
        #expect(contents.entries.isEmpty)
        #expect(contents.hardState == state(5, commit: 5))
        try again.append(entries: [entry(6, term: 5)], hardState: nil, mustSync: true)
        #expect(try fixture.contents(at: 5, term: 5).entries == [entry(6, term: 5)])
    }

    @Test func aSnapshotOfItsOwnReplacesNothing() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(
            entries: entries(1...9, term: 3), hardState: state(3, commit: 5), mustSync: true)
        try wal.saveSnapshot(WALSnapshot(index: 5, term: 3))
        #expect(try fixture.contents(at: 5, term: 3).entries == entries(6...9, term: 3))
    }

    @Test func snapshotsBeyondTheCommitAreNotValid() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...9), hardState: state(1, commit: 5), mustSync: true)
        let noted = WALSnapshot(index: 5, term: 1, confState: ConfState(voters: [1, 2]))
        try wal.saveSnapshot(noted)
        try wal.saveSnapshot(WALSnapshot(index: 20, term: 2))
        #expect(try fixture.validSnapshots() == [WALSnapshot(index: 0, term: 0), noted])
    }

    @Test func aRaisedCommitMakesASnapshotValid() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(
            entries: entries(1...9, term: 2), hardState: state(2, commit: 5, vote: 3),
            mustSync: true)
        try wal.raiseCommit(to: 8)
        try wal.saveSnapshot(WALSnapshot(index: 8, term: 2))
        let writes = fixture.fileSystem.writes
        try wal.raiseCommit(to: 7)
        #expect(fixture.fileSystem.writes == writes)
        fixture.fileSystem.losePower()
        #expect(
            try fixture.validSnapshots() == [
                WALSnapshot(index: 0, term: 0), WALSnapshot(index: 8, term: 2),
            ])
        #expect(try fixture.contents(at: 8, term: 2).hardState == state(2, commit: 8, vote: 3))
    }

    @Test(arguments: [
        (LogIndex(4), Term(1), WALError.Kind.snapshotNotFound), (5, 2, .corrupt),
    ])
    func openingNeedsTheSnapshotRecord(index: LogIndex, term: Term, kind: WALError.Kind) throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        try wal.append(entries: entries(1...9), hardState: state(1, commit: 5), mustSync: true)
        try wal.saveSnapshot(WALSnapshot(index: 5, term: 1))
        let error = #expect(throws: WALError.self) {
            try fixture.contents(at: index, term: term)
        }
        #expect(error?.kind == kind)
        #expect(error?.description.contains(LogFixture.directory) == true)
    }

    @Test func twoProcessesCannotOpenALog() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        let error = #expect(throws: WALError.self) { try fixture.open() }
        #expect(error?.kind == .locked)
        wal.close()
        _ = try fixture.open()
    }

    @Test func aClosedLogRefuses() throws {
        let fixture = LogFixture()
        let wal = try fixture.create()
        wal.close()
        wal.close()
        let error = #expect(throws: WALError.self) {
            try wal.append(entries: entries(1...1), hardState: nil, mustSync: true)
        }
        #expect(error?.kind == .unusable)
    }

    @Test(arguments: 0..<60) func anySequenceComesBack(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let fixture = LogFixture(segmentBytes: [600, 2_000, 20_000][random.below(3)])
        var wal = try fixture.create()
        var expected: [Entry] = []
        var hard = HardState.initial
        var start = WALSnapshot(index: 0, term: 0)
        for _ in 0..<80 {
            switch random.below(12) {
            case 0:
                wal.close()
                let contents: WALContents
                (wal, contents) = try fixture.open(at: start.index, term: start.term)
                #expect(contents.entries == expected.filter { $0.index > start.index })
                #expect(contents.hardState == hard)
            case 1 where hard.commit > start.index:
                let term = expected[Int(hard.commit.rawValue) - 1].term
                start = WALSnapshot(index: hard.commit, term: term)
                try wal.saveSnapshot(start)
                wal.releaseSegments(upTo: start.index)
            case 2: _ = try wal.purge(keeping: 1 + random.below(3))
            case 3, 4: _ = try wal.prepareNextSegment()
            case 5:
                hard.commit = LogIndex(
                    hard.commit.rawValue
                        + UInt64(random.below(expected.count - Int(hard.commit.rawValue) + 1)))
                if hard.commit == 0 { continue }
                try wal.append(entries: [], hardState: hard, mustSync: false)
            default:
                let kept = Int(hard.commit.rawValue)
                let first = kept + random.below(expected.count - kept + 1)
                let base = random.oneIn(4) ? first : expected.count
                if base < expected.count { hard.term = hard.term.next }
                if hard.term == 0 { hard.term = 1 }
                expected.removeLast(expected.count - base)
                let new = (0..<1 + random.below(5)).map {
                    entry(
                        UInt64(base + $0 + 1), term: hard.term.rawValue,
                        bytes: random.below(random.oneIn(5) ? 900 : 40))
                }
                expected += new
                try wal.append(entries: new, hardState: hard, mustSync: true)
            }
        }
        let contents = try fixture.contents(at: start.index, term: start.term)
        #expect(contents.entries == expected.filter { $0.index > start.index })
        #expect(contents.hardState == hard)
        #expect(try fixture.validSnapshots().contains(start))
    }
}
