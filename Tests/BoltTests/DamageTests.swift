//  Bits that flip at rest: errors or wrong data, but never a crash or a walk without end. On a real
//  mapping, where a step outside of the file ends the process.

import RuntimeCore
import RuntimePosix
import Testing

@testable import Bolt

@Suite struct DamageTests {
    /// A file with deep trees, exactly as long as its content.
    static func soundImage(seed: UInt64) throws -> [UInt8] {
        var options = BoltOptions()
        options.pageSize = 1024
        let database = try Database.open(path: "/db", in: TestDisk(), options: options)
        var changes = Changes(seed: seed)
        var model: Model = [:]
        for _ in 0..<6 {
            let transaction = database.beginWrite()
            _ = changes.apply(300, to: transaction, &model)
            try transaction.commit()
        }
        return try image(of: database.snapshots.pin())
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try PosixFileSystem().open(path, .replace, permissions: 0o600)
        try file.write(bytes, at: 0)
        file.close()
    }

    /// Everything a reader can do.
    static func read(_ snapshot: Snapshot, _ changes: inout Changes) -> Int {
        _ = snapshot.check()
        var steps = 0
        for name in snapshot.bucketNames + Changes.buckets {
            guard let bucket = snapshot.bucket(name) else { continue }
            for _ in 0..<20 { _ = bucket.get(changes.key()) }
            var cursor = bucket.makeCursor()
            var isThere = cursor.first()
            while isThere {
                steps += cursor.key.count + cursor.value.count > 0 ? 1 : 0
                isThere = cursor.next()
            }
            _ = changes.key().withUnsafeBytes { cursor.seek($0) }
        }
        return steps
    }

    /// Changes as a program makes them that does not know of the damage.
    static func change(_ database: Database, _ changes: inout Changes) throws(BoltError) {
        for _ in 0..<3 {
            let transaction = database.beginWrite()
            for name in Changes.buckets {
                transaction.createBucketIfMissing(name)
                for _ in 0..<30 {
                    transaction.put(name, key: changes.key(), value: changes.value())
                    _ = transaction.delete(name, key: changes.key())
                    _ = transaction.get(name, key: changes.key())
                }
            }
            try transaction.commit()
        }
    }

    @Test("flipped bits give errors or wrong data", arguments: 1...6)
    func flippedBits(seed: UInt64) throws {
        let sound = try DamageTests.soundImage(seed: seed)
        let path = temporaryPath()
        defer { try? PosixFileSystem().removeTree(path) }
        var changes = Changes(seed: seed)
        var refused = 0
        var noticed = 0
        for _ in 0..<50 {
            var bytes = sound
            for _ in 0...changes.random.below(4) {
                // Mostly in the first part of a page, where the numbers are.
                let page = changes.random.below(bytes.count / 1024)
                let place = changes.random.below(changes.random.oneIn(3) ? 1024 : 120)
                bytes[page * 1024 + place] ^= 1 << UInt8(changes.random.below(8))
            }
            try DamageTests.write(bytes, to: path)
            do throws(BoltError) {
                let database = try Database.open(path: path, in: PosixFileSystem())
                _ = DamageTests.read(database.snapshots.pin(), &changes)
                if database.snapshots.damage != nil { noticed += 1 }
                try DamageTests.change(database, &changes)
                _ = DamageTests.read(database.snapshots.pin(), &changes)
                database.close()
            } catch {
                refused += 1
            }
        }
        #expect(refused > 0)
        #expect(noticed > 0)
    }

    @Test("whole pages of another place or of noise give errors or wrong data", arguments: 1...4)
    func strayPages(seed: UInt64) throws {
        let sound = try DamageTests.soundImage(seed: seed)
        let path = temporaryPath()
        defer { try? PosixFileSystem().removeTree(path) }
        var changes = Changes(seed: seed)
        for _ in 0..<30 {
            var bytes = sound
            let page = 2 + changes.random.below(bytes.count / 1024 - 2)
            let other = 2 + changes.random.below(bytes.count / 1024 - 2)
            // With the right number on it, so that it is not found out at once.
            for offset in 8..<1024 {
                bytes[page * 1024 + offset] =
                    seed % 2 == 0
                    ? sound[other * 1024 + offset]
                    : offset < 10
                        ? [2, 1][changes.random.below(2)] * UInt8(9 - offset)
                        : UInt8(changes.random.below(256))
            }
            try DamageTests.write(bytes, to: path)
            do throws(BoltError) {
                let database = try Database.open(path: path, in: PosixFileSystem())
                #expect(DamageTests.read(database.snapshots.pin(), &changes) < 1 << 20)
                try DamageTests.change(database, &changes)
                database.close()
            } catch {
                #expect(error.description.contains(path))
            }
        }
    }

    @Test("a circle of pages comes to an end")
    func circle() throws {
        let disk = TestDisk("/db", try GoldenTests.content("bbolt-4096"))
        let database = try Database.open(path: "/db", in: disk)
        let snapshot = database.snapshots.pin()
        let bucket = try #require(snapshot.bucket("large"))
        #expect(bucket.get("overflow") != nil)
        // A branch whose children are itself; opening the file would have found it.
        let number = bucket.root.number
        let branch = disk.inodes["/db"]!.memory.pointer + Int(number) * 4096
        #expect(branch.load(fromByteOffset: 8, as: UInt16.self) == 1)
        for element in 0..<Int(branch.load(fromByteOffset: 10, as: UInt16.self)) {
            branch.storeBytes(
                of: number.littleEndian, toByteOffset: 16 + element * 16 + 8, as: UInt64.self)
        }
        #expect(snapshot.check() != [])
        #expect(bucket.get("overflow") == nil)
        var cursor = bucket.makeCursor()
        let isThere = cursor.first()
        #expect(!isThere)
        #expect(database.snapshots.damage != nil)
        let transaction = database.beginWrite()
        transaction.put("large", key: "x", value: "y")
        #expect(throws: BoltError.self) { try transaction.commit() }
        database.close()
        #expect(throws: BoltError.self) { _ = try Database.open(path: "/db", in: disk) }
    }
}
