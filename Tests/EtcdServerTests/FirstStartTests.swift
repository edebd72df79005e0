//  A member's files from its first moment on: whatever ends the process, and whatever is missing.

import EtcdBackend
import EtcdMembership
import EtcdWAL
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

@Suite("first start")
struct FirstStartTests {
    private static let founders = ClusterFormation.initialMembers(
        [("a", "http://a:1"), ("b", "http://b:1"), ("c", "http://c:1")], token: "t")

    private let disk = SimulatedDisk()
    private let directory = DataDirectory(root: "/data", walDirectory: "/log/wal")

    private func create(founders: [Member] = FirstStartTests.founders) throws -> OpenedLog {
        try Bootstrap.create(
            directory, in: disk, localID: FirstStartTests.founders[0].id, clusterID: 7,
            founders: founders, segmentBytes: 4_096)
    }

    private func open() throws -> OpenedLog {
        try Bootstrap.open(directory, in: disk, segmentBytes: 4_096)
    }

    private func losePower() {
        var random = RandomSource(seed: 1)
        disk.crash(.drop, random: &random)
    }

    /// As the member's apply role would have written it.
    private func makeDatabase(applied: LogIndex) throws {
        try disk.createDirectory(directory.snapshots, permissions: 0o700)
        let backend = try Backend.open(
            path: directory.database, in: disk, buckets: V3Keyspace.buckets,
            settings: Backend.Settings())
        DatabaseRecords.setApplied(applied, 1, ConfState(), in: backend)
        try backend.commit()
        backend.close()
    }

    @Test("a log that is there has its founders in it", arguments: 0..<4)
    func founding(syncs: Int) throws {
        disk.syncsBeforeFailure = syncs
        _ = try? create()
        disk.syncsBeforeFailure = nil
        losePower()
        let opened = try Bootstrap.hasLog(directory, in: disk) ? open() : create()
        #expect(opened.entries.map(\.index) == [1, 2, 3])
        #expect(opened.hardState == HardState(term: 1, vote: .none, commit: 3))
        opened.wal.close()
        let again = try open()
        #expect(again.entries == opened.entries)
    }

    @Test("who joins begins with an empty log")
    func joining() throws {
        try create(founders: []).wal.close()
        let opened = try open()
        #expect(opened.entries.isEmpty && opened.hardState == .initial)
    }

    // MARK: a log that is not there

    @Test("a database whose log is not there is refused, again and again")
    func orphan() throws {
        try makeDatabase(applied: 9)
        for _ in 0..<2 {
            #expect {
                _ = try create()
            } throws: { error in
                let text = "\(error)"
                return text.contains("/data/member/snap/db holds entries up to 9")
                    && text.contains("there is no log in /log/wal")
            }
            #expect(!Bootstrap.hasLog(directory, in: disk))
        }
    }

    @Test("a database that nothing was applied to is in nobody's way")
    func unusedDatabase() throws {
        try makeDatabase(applied: 0)
        #expect(try create().entries.count == 3)
    }

    @Test("something else in the database's place is refused as what it is")
    func noDatabase() throws {
        try disk.createDirectory(directory.snapshots, permissions: 0o700)
        let file = try disk.open(directory.database, .replace, permissions: 0o600)
        try file.write(Array("no database".utf8), at: 0)
        file.close()
        #expect {
            _ = try create()
        } throws: {
            "\($0)".contains("cannot open the database /data/member/snap/db")
        }
    }

    @Test("a database made of a backup gets its log")
    func restored() throws {
        try makeDatabase(applied: 9)
        try Bootstrap.restore(
            directory, in: disk, localID: FirstStartTests.founders[0].id,
            founders: FirstStartTests.founders, revisionBump: 0,
            now: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
        #expect(Bootstrap.hasLog(directory, in: disk))
    }

    // MARK: what a killed process left

    @Test("entries that a killed process had not synced are on the disk before they count")
    func unsyncedTail() throws {
        let opened = try create()
        let written = Entry(term: 1, index: 4, data: Bytes("x"))
        try opened.wal.append(entries: [written], hardState: nil, mustSync: false)
        disk.endProcess()
        #expect(try open().entries.last == written)
        losePower()
        #expect(try open().entries.last == written)
    }

    @Test("so is the name of a segment that it had just begun")
    func unsyncedName() throws {
        let opened = try create()
        let large = Entry(term: 1, index: 4, data: Bytes([UInt8](repeating: 1, count: 5_000)))
        let last = Entry(term: 1, index: 5, data: Bytes("x"))
        for entry in [large, last] {
            try opened.wal.append(entries: [entry], hardState: nil, mustSync: true)
        }
        let segments = try disk.list(directory.log).filter { $0.hasSuffix(".wal") }
        try #require(segments.count == 2)
        let name = "\(directory.log)/\(segments[1])"
        let prepared = "\(directory.log)/0.tmp"
        try disk.rename(name, to: prepared)
        try disk.syncDirectory(directory.log)
        try disk.rename(prepared, to: name)
        disk.endProcess()
        #expect(try open().entries.last == last)
        losePower()
        #expect(try open().entries.last == last)
    }

    @Test(
        "what a killed process has left in its database is durable before it counts",
        arguments: 0..<2)
    func unsyncedDatabase(syncs: Int) throws {
        try makeDatabase(applied: 5)
        for path in [directory.snapshots, directory.member, directory.root, "/"] {
            try disk.syncDirectory(path)
        }
        let backend = try openDatabase()
        DatabaseRecords.setApplied(9, 1, ConfState(), in: backend)
        // What has been written by then stays in the system's cache.
        disk.syncsBeforeFailure = syncs
        #expect(throws: BackendError.self) { try backend.commit() }
        disk.endProcess()
        let again = try openDatabase()
        let seen = DatabaseRecords.appliedIndex(in: again)
        #expect(seen == (syncs == 0 ? 5 : 9))
        losePower()
        #expect(DatabaseRecords.appliedIndex(in: try openDatabase()) == seen)
    }

    private func openDatabase() throws -> Backend {
        try Backend.open(
            path: directory.database, in: disk, buckets: V3Keyspace.buckets,
            settings: Backend.Settings())
    }
}
