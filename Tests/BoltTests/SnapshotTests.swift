//  What readers rest on: pages that stay, images that are databases, mappings that outlive all.

import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

@testable import Bolt

@Suite struct SnapshotTests {
    static let path = "/db"

    static func put(_ database: Database, _ key: Bytes, _ value: Bytes) throws {
        let transaction = database.beginWrite()
        transaction.createBucketIfMissing("key")
        transaction.put("key", key: key, value: value)
        try transaction.commit()
    }

    @Test("pages of a pinned state are not reused; those of a released one are")
    func pageReuse() throws {
        let database = try Database.open(path: SnapshotTests.path, in: TestDisk())
        for number in 0..<20 {
            try SnapshotTests.put(database, "a", Bytes(String(repeating: "x", count: number)))
        }
        let steady = database.highWaterBytes
        for number in 0..<50 { try SnapshotTests.put(database, "a", Bytes("\(number)")) }
        #expect(database.highWaterBytes == steady)

        var pinned: Snapshot? = database.snapshots.pin()
        for number in 0..<50 { try SnapshotTests.put(database, "a", Bytes("p\(number)")) }
        #expect(database.highWaterBytes > steady)
        #expect(pinned?.bucket("key")?.get("a") == "49")
        #expect(database.snapshots.openSnapshots == 1)
        #expect(database.check() == [])

        pinned = nil
        #expect(database.snapshots.openSnapshots == 0)
        let grown = database.highWaterBytes
        for number in 0..<200 { try SnapshotTests.put(database, "a", Bytes("r\(number)")) }
        #expect(database.highWaterBytes == grown)
        #expect(database.check() == [])
    }

    @Test("an image of any state is a database of that state")
    func images() throws {
        let database = try Database.open(path: SnapshotTests.path, in: TestDisk())
        var changes = Changes(seed: 9)
        var model: Model = [:]
        var states: [(snapshot: Snapshot, model: Model)] = []
        for _ in 0..<12 {
            states.append((database.snapshots.pin(), model))
            let transaction = database.beginWrite()
            _ = changes.apply(120, to: transaction, &model)
            try transaction.commit()
        }
        for (snapshot, model) in states {
            for piece in [100, 4_096, 5_000, 1 << 20] {
                let bytes = try image(of: snapshot, piece: piece)
                #expect(bytes.count == snapshot.imageBytes)
                let disk = TestDisk(SnapshotTests.path, bytes)
                let copy = try Database.open(path: SnapshotTests.path, in: disk)
                #expect(copy.check() == [])
                #expect(contents(of: copy.snapshots.pin()) == model)
                try SnapshotTests.put(copy, "more", "life")
                try SnapshotTests.put(copy, "more", "lives")
                #expect(copy.check() == [])
            }
        }
    }

    @Test("a snapshot outlives growth beyond the mapping, and the database")
    func outlives() throws {
        let path = temporaryPath()
        defer { try? PosixFileSystem().removeTree(path) }
        var options = BoltOptions()
        options.mappingBytes = 128 << 10
        var database: Database? = try Database.open(
            path: path, in: PosixFileSystem(), options: options)
        try SnapshotTests.put(database!, "a", "old")
        let old = database!.snapshots.pin()
        for number in 0..<40 {
            try SnapshotTests.put(
                database!, Bytes("k\(number)"), Bytes([UInt8](repeating: 3, count: 50_000)))
        }
        let new = database!.snapshots.pin()
        #expect(database!.highWaterBytes > 1 << 20)
        database!.close()
        database = nil
        #expect(old.bucket("key")?.get("a") == "old")
        #expect(old.bucket("key")?.get("k1") == nil)
        #expect(new.bucket("key")?.get("k39")?.count == 50_000)
        #expect(new.check() == [])
        #expect(old.check() == [])
    }

    @Test("values of megabytes come and go")
    func largeValues() throws {
        let database = try Database.open(
            path: SnapshotTests.path, in: TestDisk(fileCapacity: 64 << 20))
        for round in 0..<6 {
            for key in ["a", "b", "c"] as [Bytes] {
                let count = 1_500_000 + round * 1_000
                try SnapshotTests.put(
                    database, key, Bytes([UInt8](repeating: UInt8(round), count: count)))
            }
        }
        let bucket = try #require(database.snapshots.pin().bucket("key"))
        #expect(bucket.get("b") == Bytes([UInt8](repeating: 5, count: 1_505_000)))
        #expect(database.check() == [])
        // One value per leaf: changing one does not write the others again.
        #expect(database.highWaterBytes < 12 << 20)
    }

    @Test(
        "the page size of the file counts, not the one asked for", arguments: [1024, 8192, 65_536])
    func pageSizes(pageSize: Int) throws {
        let disk = TestDisk()
        var options = BoltOptions()
        options.pageSize = pageSize
        let database = try Database.open(path: SnapshotTests.path, in: disk, options: options)
        #expect(database.highWaterBytes == 4 * pageSize)
        try SnapshotTests.put(database, "a", "b")
        database.close()
        for damaged in [false, true] {
            if damaged {
                // The older meta stands first; the size has to be found by trying.
                let newest = Int(database.snapshots.pin().transactionID % 2)
                let memory = disk.inodes[SnapshotTests.path]!.memory.pointer
                (memory + (newest == 0 ? pageSize : 0) + 16).storeBytes(of: 0, as: UInt8.self)
            }
            let again = try Database.open(path: SnapshotTests.path, in: disk)
            #expect(again.snapshots.pin().meta.pageSize == pageSize)
            #expect(again.snapshots.pin().bucket("key")?.get("a") == "b")
            again.close()
        }
    }

    /// What the reading threads found.
    final class Tally: Sendable {
        private let state = Mutex((isDone: false, torn: 0, passes: 0))

        func count(isWhole: Bool) {
            state.withLock { state in
                state.passes += 1
                if !isWhole { state.torn += 1 }
            }
        }

        func end() { state.withLock { $0.isDone = true } }
        var isDone: Bool { state.withLock { $0.isDone } }
        var torn: Int { state.withLock { $0.torn } }
        var passes: Int { state.withLock { $0.passes } }
    }

    @Test("readers on other threads see whole states while the writer goes on")
    func concurrentReaders() async throws {
        let path = temporaryPath()
        defer { try? PosixFileSystem().removeTree(path) }
        let database = try Database.open(path: path, in: PosixFileSystem())
        func write(_ round: Int) throws {
            let transaction = database.beginWrite()
            transaction.createBucketIfMissing("key")
            for key in 0..<300 {
                transaction.put(
                    "key", key: Bytes("k\(key)"),
                    value: Bytes("\(round) " + String(repeating: "v", count: (round * key) % 90)))
            }
            try transaction.commit()
        }
        try write(0)
        let registry = database.snapshots
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var newest: UInt64 = 0
                    repeat {
                        let snapshot = registry.pin()
                        var rounds: Set<String> = []
                        var keys = 0
                        snapshot.bucket("key")?.scan(from: .empty) { _, value in
                            rounds.insert(
                                String(decoding: value.prefix { $0 != 32 }, as: UTF8.self))
                            keys += 1
                            return true
                        }
                        let isWhole =
                            rounds.count == 1 && keys == 300 && snapshot.transactionID >= newest
                        newest = snapshot.transactionID
                        tally.count(isWhole: isWhole)
                    } while !tally.isDone
                }
            }
            for round in 1..<60 { try write(round) }
            tally.end()
            try await group.waitForAll()
        }
        #expect(tally.torn == 0)
        #expect(tally.passes >= 3)
        #expect(registry.damage == nil)
        #expect(registry.openSnapshots == 0)
        #expect(database.check() == [])
    }

    @Test("free pages are found in runs, and the search goes on where it stopped")
    func freePages() {
        var free = FreePages()
        free.insert(PageRun(first: 10, count: 3))
        free.insert(PageRun(first: 60, count: 10))
        free.insert(PageRun(first: 11, count: 1))
        #expect(free.count == 13)
        let taken = [4, 1, 3, 3, 3].map { free.take($0) }
        #expect(taken == [60, 64, 65, 10, nil])
        #expect(free.count == 2)
        free.insert(PageRun(first: 70, count: 1))
        let rest = [3, 1].map { free.take($0) }
        #expect(rest == [68, nil])
        #expect(free.count == 0)
    }
}
