//  Full disks, failing syncs, locks, and files that are none of ours.

import RuntimeCore
import Testing

@testable import Bolt

@Suite struct FaultTests {
    static let path = "/db"

    /// A database with one committed key.
    static func database(_ disk: TestDisk) throws -> Database {
        let database = try Database.open(path: path, in: disk)
        let transaction = database.beginWrite()
        transaction.createBucketIfMissing("key")
        transaction.put("key", key: "a", value: "1")
        try transaction.commit()
        return database
    }

    static func large(_ database: Database) -> WriteTransaction {
        let transaction = database.beginWrite()
        for number in 0..<2_000 {
            transaction.put(
                "key", key: Bytes("k\(number)"),
                value: Bytes([UInt8](repeating: 1, count: number % 900)))
        }
        return transaction
    }

    static func kind(_ error: BoltError?) -> FileError.Kind? {
        if case .file(let error) = error { error.kind } else { nil }
    }

    @Test("a full disk refuses the commit; the same transaction succeeds later")
    func fullDiskThenRoom() throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let free = database.freeBytes
        let transaction = FaultTests.large(database)
        var finished: [CommitPart] = []
        for writes in 0..<2 {
            disk.writesLeft = writes
            let error = #expect(throws: BoltError.self) {
                try transaction.commit { finished.append($0) }
            }
            #expect(FaultTests.kind(error) == .noSpace)
            #expect(contents(of: database.snapshots.pin()) == ["key": ["a": "1"]])
        }
        #expect(database.freeBytes <= free)
        disk.writesLeft = nil
        try transaction.commit { finished.append($0) }
        // Only writing is tried again.
        #expect(finished == [.merging, .placing, .writing])
        #expect(database.check() == [])
        #expect(contents(of: database.snapshots.pin())["key"]?.count == 2_001)
    }

    @Test("a late sync that fails is told of, and nothing is committed any more", arguments: 0..<2)
    func lateSync(syncs: Int) throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let transaction = database.beginWrite()
        transaction.put("key", key: "a", value: "2")
        let sync = try #require(try transaction.commitUnsynced())
        disk.syncsLeft = syncs
        sync.run()
        disk.syncsLeft = nil
        let error = #expect(throws: BoltError.self) { try database.finish(sync) }
        #expect(FaultTests.kind(error) == .inputOutput)
        #expect(contents(of: database.snapshots.pin()) == ["key": ["a": "2"]])
        let next = database.beginWrite()
        next.put("key", key: "a", value: "3")
        #expect(throws: BoltError.abandoned(path: FaultTests.path)) { try next.commit() }
    }

    @Test("after a close nothing is written by a sync that comes late")
    func syncAfterClose() throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let transaction = database.beginWrite()
        transaction.put("key", key: "a", value: "2")
        let sync = try #require(try transaction.commitUnsynced())
        database.close()
        let changes = disk.inodes[FaultTests.path]!.changes.count
        sync.run()
        #expect(disk.inodes[FaultTests.path]!.changes.count == changes)
        let again = try Database.open(path: FaultTests.path, in: disk)
        #expect(contents(of: again.snapshots.pin()) == ["key": ["a": "1"]])
        #expect(again.check() == [])
    }

    @Test("whichever write of a commit fails, the file has the old or the new state")
    func everyWrite() throws {
        var outcomes: [Bytes?] = []
        var kinds: [FileError.Kind?] = []
        for writes in 0..<20 {
            let disk = TestDisk()
            let database = try FaultTests.database(disk)
            let transaction = FaultTests.large(database)
            transaction.put("key", key: "a", value: "2")
            disk.writesLeft = writes
            do throws(BoltError) {
                try transaction.commit()
                #expect(database.check() == [])
                break
            } catch {
                kinds.append(FaultTests.kind(error))
            }
            #expect(contents(of: database.snapshots.pin()) == ["key": ["a": "1"]])
            database.close()
            disk.writesLeft = nil
            let again = try Database.open(path: FaultTests.path, in: disk)
            #expect(again.check() == [])
            outcomes.append(again.snapshots.pin().bucket("key")?.get("a"))
        }
        // The last write is the meta page; the disk of this test keeps the half that counts.
        #expect(outcomes.count >= 2)
        #expect(outcomes.dropLast().allSatisfy { $0 == "1" })
        #expect(outcomes.last == "2")
        // There is no other try after that one.
        #expect(kinds.dropLast().allSatisfy { $0 == .noSpace })
        #expect(kinds.last == .inputOutput)
    }

    @Test("a file that cannot grow refuses the commit; smaller ones still fit")
    func noGrowth() throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let before = (database.highWaterBytes, database.freeBytes)
        disk.sizeMax = 40 << 10
        let transaction = FaultTests.large(database)
        let error = #expect(throws: BoltError.self) { try transaction.commit() }
        #expect(FaultTests.kind(error) == .noSpace)
        transaction.rollback()
        #expect((database.highWaterBytes, database.freeBytes) == before)
        #expect(database.check() == [])
        for number in 0..<20 {
            let transaction = database.beginWrite()
            transaction.put("key", key: "a", value: Bytes("\(number)"))
            try transaction.commit()
        }
        #expect(database.highWaterBytes <= disk.sizeMax)
        #expect(contents(of: database.snapshots.pin()) == ["key": ["a": "19"]])
        // The last pages of the disk are used, though a whole step does not fit.
        disk.sizeMax = 100 << 10
        let last = database.beginWrite()
        last.put("key", key: "b", value: Bytes([UInt8](repeating: 2, count: 30 << 10)))
        try last.commit()
        #expect(database.check() == [])
    }

    @Test("after a failed sync nothing is written any more; readers go on", arguments: 0..<2)
    func failedSync(syncsLeft: Int) throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let transaction = database.beginWrite()
        transaction.put("key", key: "a", value: "2")
        disk.syncsLeft = syncsLeft
        let error = #expect(throws: BoltError.self) { try transaction.commit() }
        #expect(FaultTests.kind(error) == .inputOutput)
        disk.syncsLeft = nil
        #expect(throws: BoltError.abandoned(path: FaultTests.path)) { try transaction.commit() }
        transaction.rollback()
        let another = database.beginWrite()
        another.put("key", key: "a", value: "3")
        #expect(throws: BoltError.abandoned(path: FaultTests.path)) { try another.commit() }
        another.rollback()
        #expect(contents(of: database.snapshots.pin()) == ["key": ["a": "1"]])
        database.close()
        let again = try Database.open(path: FaultTests.path, in: disk)
        #expect(again.check() == [])
        // Whether the meta had arrived is the device's secret; what it says is whole.
        let value = contents(of: again.snapshots.pin())["key"]?["a"]
        #expect(value == (syncsLeft == 0 ? "1" : "2"))
    }

    @Test("a file has one owner at a time")
    func locked() throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let error = #expect(throws: BoltError.self) {
            try Database.open(path: FaultTests.path, in: disk)
        }
        #expect(FaultTests.kind(error) == .locked)
        database.close()
        #expect(throws: Never.self) { try Database.open(path: FaultTests.path, in: disk) }
    }

    @Test("an empty file becomes a database, as after a crash of Go's")
    func emptyFile() throws {
        let database = try Database.open(
            path: FaultTests.path, in: TestDisk(FaultTests.path, []))
        #expect(database.check() == [])
        #expect(database.highWaterBytes == 4 * 4096)
    }

    @Test("what is no database, or is cut off, is refused")
    func notOurs() throws {
        for content in [
            [UInt8](repeating: 0, count: 65_536), Array("#!/bin/sh".utf8),
            Array(try GoldenTests.content("etcd-3.5").dropLast(4096 * 4)),
        ] {
            let error = #expect(throws: BoltError.self) {
                try Database.open(
                    path: FaultTests.path, in: TestDisk(FaultTests.path, content))
            }
            guard case .notDatabase(FaultTests.path, _)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("the format's constants are checked", arguments: [0, 4, 8, 40, 48])
    func metaFields(offset: Int) throws {
        let disk = TestDisk()
        let database = try FaultTests.database(disk)
        let newest = database.snapshots.pin().meta
        database.close()
        let memory = disk.inodes[FaultTests.path]!.memory.pointer
        (memory + Int(newest.transactionID % 2) * 4096 + 16 + offset)
            .storeBytes(of: 0xFF, as: UInt8.self)
        let older = try Database.open(path: FaultTests.path, in: disk)
        #expect(older.snapshots.pin().transactionID == newest.transactionID - 1)
    }
}
