//  Snapshot files: the newest usable one is found, damaged ones are set aside, old ones go.

import EtcdProto
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix
import Testing

@Suite struct SnapshotterTests {
    let fileSystem = MemoryFileSystem()
    let snapshotter: Snapshotter

    init() throws {
        try fileSystem.createDirectory("/snap", permissions: 0o700)
        snapshotter = Snapshotter(fileSystem: fileSystem, directory: "/snap")
    }

    func snapshot(_ index: UInt64, term: UInt64 = 1) -> Snapshot {
        Snapshot(
            metadata: SnapshotMetadata(
                confState: ConfState(voters: [1]), index: LogIndex(index), term: Term(term)),
            data: Bytes("state at \(index)"))
    }

    func records(_ indexes: UInt64...) -> [WALSnapshot] {
        indexes.map { WALSnapshot(index: LogIndex($0), term: 1) }
    }

    func name(_ index: UInt64) -> String {
        let digits = String(index, radix: 16)
        return "0000000000000001-" + String(repeating: "0", count: 16 - digits.count) + digits
            + ".snap"
    }

    @Test func theNewestThatTheLogNotesIsLoaded() throws {
        for index in [10, 20, 300] as [UInt64] { try snapshotter.save(snapshot(index)) }
        #expect(try fileSystem.list("/snap") == [name(10), name(20), name(300)])
        #expect(try snapshotter.loadNewest(matching: records(0, 10, 20)) == snapshot(20))
        #expect(try snapshotter.loadNewest(matching: records(300, 10)) == snapshot(300))
        #expect(try snapshotter.loadNewest(matching: records(0, 30)) == nil)
        #expect(
            try snapshotter.loadNewest(matching: [WALSnapshot(index: 20, term: 2)]) == nil)
    }

    @Test func nobodyElseMayReadAFile() throws {
        let files = PosixFileSystem()
        let directory = "/tmp/etcd-snap-\(UInt64.random(in: 0...UInt64.max))"
        try files.createDirectory(directory, permissions: 0o700)
        defer { try? files.removeTree(directory) }
        try Snapshotter(fileSystem: files, directory: directory).save(snapshot(10))
        let info = try #require(try files.info("\(directory)/\(name(10))"))
        #expect(info.permissions & 0o777 == 0o600)
    }

    @Test func damagedFilesAreSetAside() throws {
        try snapshotter.save(snapshot(10))
        try snapshotter.save(snapshot(20))
        let path = "/snap/\(name(20))"
        let whole = fileSystem.nodes[path]!.content
        for position in 0..<whole.count {
            for damaged in [
                Array(whole.prefix(position)),
                whole.enumerated().map { $0 == position ? $1 ^ 1 : $1 },
            ] {
                try snapshotter.save(snapshot(20))
                fileSystem.nodes[path]!.content = damaged
                let loaded = try snapshotter.loadNewest(matching: records(10, 20))
                #expect(loaded == snapshot(10), "byte \(position)")
                #expect(fileSystem.nodes[path] == nil)
                #expect(fileSystem.nodes[path + ".broken"]?.content == damaged)
            }
        }
    }

    @Test func leftOversAreRemoved() throws {
        try snapshotter.save(snapshot(10))
        for name in ["tmp-0000000000000001-0000000000000014", "tmp123", "db.tmp.7", "db"] {
            _ = try fileSystem.open("/snap/\(name)", .replace, permissions: 0o600)
        }
        #expect(try snapshotter.loadNewest(matching: records(10)) != nil)
        #expect(try fileSystem.list("/snap") == [name(10), "db"])
    }

    @Test func aFullDiskLeavesNothingBehind() throws {
        try snapshotter.save(snapshot(10))
        fileSystem.writableBytes = 9
        let error = #expect(throws: WALError.self) { try snapshotter.save(snapshot(20)) }
        #expect(error?.isNoSpace == true)
        #expect(try fileSystem.list("/snap") == [name(10)])
        fileSystem.writableBytes = Int.max
        try snapshotter.save(snapshot(20))
        fileSystem.losePower()
        #expect(try snapshotter.loadNewest(matching: records(10, 20)) == snapshot(20))
    }

    @Test func oldFilesArePurged() throws {
        for index in 1...8 as ClosedRange<UInt64> { try snapshotter.save(snapshot(index)) }
        for index in [7, 8] {
            _ = try fileSystem.open(
                "/snap/000000000000000\(index).snap.db", .replace, permissions: 0o600)
        }
        #expect(try snapshotter.purge(keeping: 0).isEmpty)
        #expect(
            try snapshotter.purge(keeping: 5)
                == [1, 2, 3].map { "/snap/" + name($0) } + ["/snap/0000000000000007.snap.db"])
        #expect(try snapshotter.purge(keeping: 5).isEmpty)
        let kept = (4...8).map { name($0) } + ["0000000000000008.snap.db"]
        #expect(try fileSystem.list("/snap") == kept.sorted())
    }

    @Test func aFileThatTheLogDoesNotNoteOustsNone() throws {
        try snapshotter.save(snapshot(10))
        try snapshotter.save(snapshot(20))
        let restarted = Snapshotter(fileSystem: fileSystem, directory: "/snap")
        #expect(try restarted.loadNewest(matching: records(0, 10)) == snapshot(10))
        #expect(try restarted.purge(keeping: 1).isEmpty)
        #expect(try restarted.loadNewest(matching: records(0, 10)) == snapshot(10))
        try restarted.save(snapshot(30))
        #expect(try restarted.purge(keeping: 1) == [10, 20].map { "/snap/" + name($0) })
    }
}
