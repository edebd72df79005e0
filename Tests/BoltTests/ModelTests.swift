//  A database does what a sorted map does, through transactions, rollbacks, restarts and readers.

import Bolt
import RuntimeCore
import Testing

@Suite struct ModelTests {
    static let path = "/db"

    /// One life of a database next to its model.
    final class Life {
        let disk = TestDisk(fileCapacity: 16 << 20)
        var options = BoltOptions()
        var database: Database
        var changes: Changes
        var model: Model = [:]
        /// Readers and what they must go on seeing.
        var pinned: [(snapshot: Snapshot, model: Model)] = []

        init(seed: UInt64) throws {
            changes = Changes(seed: seed)
            options.pageSize = [1024, 4096][changes.random.below(2)]
            // Small enough that the file outgrows its mapping.
            options.mappingBytes = 64 << 10
            database = try Database.open(path: path, in: disk, options: options)
        }

        func step() throws {
            let transaction = database.beginWrite()
            var next = model
            #expect(changes.apply(changes.random.below(400), to: transaction, &next) == [])
            if changes.random.oneIn(12) { changes.empty(transaction, &next) }
            if changes.random.oneIn(6) {
                transaction.rollback()
            } else {
                try transaction.commit()
                model = next
            }
            if changes.random.oneIn(4) { pinned.append((database.snapshots.pin(), model)) }
            if pinned.count > 3 || changes.random.oneIn(5), !pinned.isEmpty {
                let (snapshot, expected) = pinned.remove(at: changes.random.below(pinned.count))
                #expect(contents(of: snapshot) == expected)
                #expect(snapshot.check() == [])
            }
            if changes.random.oneIn(10) {
                // What readers hold is lost with the process.
                pinned = []
                database.close()
                database = try Database.open(path: path, in: disk, options: options)
            }
            #expect(database.check() == [])
            #expect(contents(of: database.snapshots.pin()) == model)
            #expect(database.snapshots.damage == nil)
        }

        func checkLookups() {
            let snapshot = database.snapshots.pin()
            for name in model.keys.sorted() {
                let bucket = snapshot.bucket(name)!
                let keys = model[name]!.keys.sorted()
                for _ in 0..<50 {
                    let key = changes.key()
                    #expect(bucket.get(key) == model[name]![key])
                    var cursor = bucket.makeCursor()
                    let found = key.withUnsafeBytes { cursor.seek($0) }
                    #expect(
                        (found ? Bytes(Array(cursor.key)) : nil) == keys.first { $0 >= key })
                }
                var cursor = bucket.makeCursor()
                var inOrder: [Bytes] = []
                var isThere = cursor.first()
                while isThere {
                    inOrder.append(Bytes(Array(cursor.key)))
                    isThere = cursor.next()
                }
                #expect(inOrder == keys)
            }
        }
    }

    @Test("random changes leave what they leave in a sorted map", arguments: 1...4)
    func sortedMap(seed: UInt64) throws {
        let life = try Life(seed: seed)
        for _ in 0..<40 {
            try life.step()
            life.checkLookups()
        }
    }

    @Test("a leaf that one transaction fills in random order is cut, and stays in order")
    func hugeLeaf() throws {
        let disk = TestDisk()
        let database = try Database.open(path: ModelTests.path, in: disk)
        var random = RandomSource(seed: 1)
        var model: Model = ["key": [:]]
        let transaction = database.beginWrite()
        transaction.createBucketIfMissing("key")
        for _ in 0..<20_000 {
            let key = Bytes(String(random.below(1 << 40)))
            transaction.put("key", key: key, value: "v")
            model["key"]![key] = "v"
        }
        try transaction.commit()
        #expect(database.check() == [])
        #expect(contents(of: database.snapshots.pin()) == model)
    }

    @Test("keys of the greatest length make a tree that ends")
    func longKeys() throws {
        let database = try Database.open(path: ModelTests.path, in: TestDisk())
        let transaction = database.beginWrite()
        transaction.createBucketIfMissing("key")
        for number in 0..<40 {
            let key = [UInt8(number)] + [UInt8](repeating: 1, count: 32_767)
            transaction.put("key", key: Bytes(key), value: "v")
        }
        try transaction.commit()
        #expect(database.check() == [])
        let bucket = try #require(database.snapshots.pin().bucket("key"))
        #expect(bucket.get(Bytes([7] + [UInt8](repeating: 1, count: 32_767))) == "v")
    }

    @Test("an empty transaction writes nothing")
    func emptyTransaction() throws {
        let disk = TestDisk()
        let database = try Database.open(path: ModelTests.path, in: disk)
        let before = disk.inodes[ModelTests.path]!.changes.count
        try database.beginWrite().commit()
        #expect(disk.inodes[ModelTests.path]!.changes.count == before)
        #expect(database.snapshots.pin().transactionID == 1)
    }

    @Test("a transaction that is let go is rolled back")
    func abandonedTransaction() throws {
        let database = try Database.open(path: ModelTests.path, in: TestDisk())
        do {
            let transaction = database.beginWrite()
            transaction.createBucketIfMissing("key")
        }
        try database.beginWrite().commit()
        #expect(database.snapshots.pin().bucketNames == [])
    }
}
