//  The log role on a simulated disk: what is durable when, and how it ends.

import EtcdProto
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

/// A role with an empty log.
private final class LogBench {
    private static let directory = DataDirectory(root: "/data", walDirectory: "")
    /// What goes beyond one segment needs more room on the disk.
    private static let segmentBytes = 4_096

    /// How long the role has been at work.
    var milliseconds: UInt64 = 0
    let disk = SimulatedDisk()
    private(set) var role: LogRole

    init() throws {
        let opened = try Bootstrap.create(
            LogBench.directory, in: disk, localID: 1, clusterID: 7, founders: [],
            segmentBytes: LogBench.segmentBytes)
        role = Fixture().replica.makeLogRole(wal: opened.wal, snapshotter: opened.snapshotter)
    }

    func run(_ inputs: [LogInput]) -> [String] {
        var outputs: [LogOutput] = []
        let start = StandingClock().moment
        let now = Moment(
            monotonic: start.monotonic.advanced(byMilliseconds: milliseconds), wall: start.wall)
        role.run(inputs, now: now, outputs: &outputs)
        return outputs.map { output -> String in
            switch output {
            case .persisted(let number): "persisted \(number)"
            case .snapshotSaved(let metadata): "saved \(metadata.index)"
            case .storageFull(let reason): reason == nil ? "room" : "full"
            case .failed: "failed"
            case .closed: "closed"
            }
        }
    }

    /// The numbers of the segments.
    func segments() throws -> [UInt64] {
        try disk.list(LogBench.directory.log).filter { $0.hasSuffix(".wal") }
            .compactMap { UInt64($0.prefix(16), radix: 16) }
    }

    /// From now on the disk has only that much room.
    func fill(leaving bytes: Int) { disk.capacity = disk.usedBytes + bytes }

    /// What a start finds after a loss of power.
    func reopened() throws -> OpenedLog {
        var random = RandomSource(seed: 1)
        disk.crash(.drop, random: &random)
        return try Bootstrap.open(
            LogBench.directory, in: disk, segmentBytes: LogBench.segmentBytes)
    }
}

@Suite("Log role")
struct LogRoleTests {
    /// An entry that is not known to be committed.
    private func append(_ number: UInt64, bytes count: Int, commit: LogIndex = 0) -> LogInput {
        let entry = Entry(
            term: 1, index: LogIndex(number), data: Bytes([UInt8](repeating: 7, count: count)))
        return .append(
            LogRequest(
                number: number, entries: [entry],
                hardState: HardState(term: 1, vote: 1, commit: commit), mustSync: true))
    }

    // MARK: snapshots

    @Test("a snapshot is usable although the commit index was not sent for writing yet")
    func commitBeforeSnapshot() throws {
        let bench = try LogBench()
        let snapshot = Snapshot(metadata: SnapshotMetadata(index: 1, term: 1), data: Bytes("{}"))
        #expect(
            bench.run([append(1, bytes: 10), .saveSnapshot(snapshot)]) == [
                "persisted 1", "saved 1",
            ])
        let opened = try bench.reopened()
        #expect(opened.snapshot == snapshot)
        #expect(opened.hardState == HardState(term: 1, vote: 1, commit: 1))
    }

    // MARK: groups

    @Test("one number tells that all of a group is durable")
    func lastNumber() throws {
        let bench = try LogBench()
        #expect(bench.run((1...3).map { append($0, bytes: 10) }) == ["persisted 3"])
        let snapshot = Snapshot(metadata: SnapshotMetadata(index: 3, term: 1), data: Bytes("{}"))
        let outputs = bench.run([
            append(4, bytes: 10), .saveSnapshot(snapshot), append(5, bytes: 10, commit: 3),
        ])
        #expect(outputs == ["persisted 4", "saved 3", "persisted 5"])
        #expect(try bench.reopened().entries.map(\.index) == [4, 5])
    }

    @Test("what there is room for is written, although the rest of the backlog finds none")
    func partOfBacklog() throws {
        let bench = try LogBench()
        let bytes = Limits.walGroupBytesMax * 2 / 3
        bench.fill(leaving: bytes * 3 / 2)
        let backlog = (1...2).map { append($0, bytes: bytes) }
        #expect(bench.run(backlog) == ["persisted 1", "full"])
        #expect(bench.run([append(3, bytes: 10)]).isEmpty)
        bench.disk.capacity = .max
        bench.milliseconds += 500
        #expect(bench.run([]) == ["persisted 3", "room"])
    }

    // MARK: room

    /// So many segments before the present one; a snapshot makes all but the last superfluous.
    private func fillSegments(_ bench: LogBench, count: UInt64) {
        for number in 1...count {
            #expect(bench.run([append(number, bytes: 5_000)]) == ["persisted \(number)"])
        }
        let last = SnapshotMetadata(index: LogIndex(count), term: 1)
        let outputs = bench.run([.saveSnapshot(Snapshot(metadata: last, data: Bytes("{}")))])
        #expect(outputs == ["saved \(count)"])
    }

    @Test("old segments go when it is time, although there is always something to write")
    func purgesUnderLoad() throws {
        let bench = try LogBench()
        fillSegments(bench, count: 8)
        #expect(try bench.segments() == Array(0...8))
        bench.milliseconds += Limits.purgeMilliseconds
        #expect(bench.run([append(9, bytes: 10, commit: 8)]) == ["persisted 9"])
        #expect(try bench.segments() == Array(4...8))
    }

    @Test("a full disk gets the room of old segments before a write is put off")
    func purgesForRoom() throws {
        let bench = try LogBench()
        fillSegments(bench, count: 8)
        bench.fill(leaving: 0)
        #expect(bench.run([append(9, bytes: 9_000, commit: 8)]) == ["persisted 9"])
        #expect(try bench.segments().first == 4)
    }

    @Test("so it does when the only old segment is to be the next one")
    func usesPreparedSegment() throws {
        let bench = try LogBench()
        fillSegments(bench, count: 5)
        bench.fill(leaving: 0)
        // The first still finds room in the present segment.
        for number in UInt64(6)...7 {
            let outputs = bench.run([append(number, bytes: 3_000, commit: 5)])
            #expect(outputs == ["persisted \(number)"])
        }
        #expect(try bench.segments() == Array(1...6))
        #expect(try bench.reopened().entries.map(\.index) == [6, 7])
    }

    // MARK: closing

    @Test("a log on a full disk closes without what was never acknowledged")
    func closesOnFullDisk() throws {
        let bench = try LogBench()
        bench.disk.capacity = 0
        #expect(bench.run([append(1, bytes: 10)]) == ["persisted 1"])
        #expect(bench.run([append(2, bytes: 9_000)]) == ["full"])
        #expect(bench.run([append(3, bytes: 10)]).isEmpty)
        #expect(bench.run([.close]) == ["closed"])
        #expect(bench.role.wakeAt == nil)
        #expect(try bench.reopened().entries.map(\.index) == [1])
    }

    @Test("a disk that is full when the log is to be closed keeps nobody waiting")
    func fullWhileClosing() throws {
        let bench = try LogBench()
        bench.disk.capacity = 0
        #expect(bench.run([append(1, bytes: 9_000), .close]) == ["closed"])
        #expect(try bench.reopened().entries.isEmpty)
    }

    @Test("what waited for room is written before the log closes, if there is room by then")
    func closesWithRoom() throws {
        let bench = try LogBench()
        bench.disk.capacity = 0
        #expect(bench.run([append(1, bytes: 9_000)]) == ["full"])
        bench.disk.capacity = .max
        #expect(bench.run([.close]) == ["persisted 1", "closed", "room"])
        #expect(try bench.reopened().entries.map(\.index) == [1])
    }

    // MARK: the next segment

    @Test("a segment for which there is no room is not asked for all the time")
    func preparesLater() throws {
        let bench = try LogBench()
        bench.disk.capacity = 0
        let later = StandingClock().now().monotonic.advanced(
            byMilliseconds: Limits.segmentRetryMilliseconds)
        for number in UInt64(1)...3 {
            #expect(bench.run([append(number, bytes: 10)]) == ["persisted \(number)"])
            // First come the zeros of the present one, which need no room.
            for _ in 0..<2 { #expect(bench.run([]).isEmpty) }
            #expect(bench.role.wakeAt == later)
        }
    }

    @Test("a log whose disk fails while it is to be closed says both")
    func failsWhileClosing() throws {
        let bench = try LogBench()
        bench.disk.syncsBeforeFailure = 0
        #expect(bench.run([append(1, bytes: 10), .close]) == ["failed", "closed"])
    }
}
