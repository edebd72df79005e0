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
        role.run(inputs, now: StandingClock().now(), outputs: &outputs)
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
    private func append(_ number: UInt64, bytes count: Int) -> LogInput {
        let entry = Entry(
            term: 1, index: LogIndex(number), data: Bytes([UInt8](repeating: 7, count: count)))
        return .append(
            LogRequest(
                number: number, entries: [entry],
                hardState: HardState(term: 1, vote: 1, commit: 0), mustSync: true))
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
