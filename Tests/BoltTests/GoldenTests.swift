//  Files that etcd 3.4, etcd 3.5 and bbolt wrote: read as their own tools read them, and changed.

import Foundation
import RuntimeCore
import RuntimePosix
import Testing

@testable import Bolt

@Suite struct GoldenTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "testdata")
    static let names = ["etcd-3.4", "etcd-3.5", "bbolt-4096", "bbolt-8192"]

    /// What Go says of a file.
    struct Status: Decodable {
        let hash: UInt32
        let totalKey: Int
        var problems: Int?
    }

    static func content(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appending(path: name + ".db")))
    }

    static func status(_ name: String) throws -> Status {
        try JSONDecoder().decode(
            Status.self, from: Data(contentsOf: directory.appending(path: name + ".json")))
    }

    static func open(_ name: String) throws -> Database {
        try Database.open(path: "/db", in: TestDisk("/db", try content(name)))
    }

    @Test("a file of Go is sound and has the content that Go sees", arguments: names)
    func sameContent(name: String) throws {
        let database = try GoldenTests.open(name)
        #expect(database.check() == [])
        let (hash, keys) = goHash(of: database.snapshots.pin())
        let expected = try GoldenTests.status(name)
        #expect(hash == expected.hash)
        #expect(keys == expected.totalKey)
    }

    @Test("the buckets and records of etcd are there", arguments: ["etcd-3.4", "etcd-3.5"])
    func etcdRecords(name: String) throws {
        let snapshot = try GoldenTests.open(name).snapshots.pin()
        let buckets: Set<String> = [
            "alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members",
            "members_removed", "meta",
        ]
        #expect(Set(snapshot.bucketNames.map(\.text)) == buckets)
        #expect(snapshot.bucket("meta")?.get("consistent_index")?.count == 8)
        #expect(snapshot.bucket("cluster")?.get("clusterVersion")?.text == name.dropFirst(5) + ".0")
        #expect(snapshot.bucket("authUsers")?.get("maria") != nil)
        #expect(snapshot.bucket("authUsers")?.get("marib") == nil)
        // Revision 162 put the large value.
        let key = Bytes([0, 0, 0, 0, 0, 0, 0, 162, 0x5F, 0, 0, 0, 0, 0, 0, 0, 0])
        let record = try #require(snapshot.bucket("key")?.get(key))
        #expect(record.count > 24_000)
        #expect(record.text.contains("0123456789abcdef0123456789abcdef"))
    }

    @Test(
        "a page is of a tree, of the stored free list, or free",
        arguments: ["bbolt-4096", "bbolt-8192"])
    func freeLists(name: String) throws {
        let database = try GoldenTests.open(name)
        let list = try #require(database.storedList)
        #expect(database.freeBytes > 0)
        let snapshot = database.snapshots.pin()
        var check = SnapshotCheck(snapshot)
        #expect(check.run() == [])
        for page in 2..<snapshot.meta.highWater where !(list.first..<list.end).contains(page) {
            #expect(database.free.contains(page) != check.used.contains(page))
        }
    }

    @Test("what a stored free list says is not believed", arguments: [false, true])
    func wrongFreeList(isTooLong: Bool) throws {
        let disk = TestDisk("/db", try GoldenTests.content("bbolt-4096"))
        let sound = try Database.open(path: "/db", in: disk)
        let list = try #require(sound.storedList)
        let meta = sound.snapshots.pin().meta
        let free = sound.freeBytes
        sound.close()
        let page = disk.inodes["/db"]!.memory.pointer + Int(list.first) * 4096
        if isTooLong {
            // As if all pages behind it were its own.
            let overflow = UInt32(meta.highWater - list.first - 1)
            page.storeBytes(of: overflow.littleEndian, toByteOffset: 12, as: UInt32.self)
        } else {
            // As if the root of all buckets were free, and nothing else.
            page.storeBytes(of: UInt16(1).littleEndian, toByteOffset: 10, as: UInt16.self)
            page.storeBytes(of: meta.rootPage.littleEndian, toByteOffset: 16, as: UInt64.self)
        }
        let database = try Database.open(path: "/db", in: disk)
        #expect(database.check() == [])
        if !isTooLong { #expect(database.freeBytes == free) }
        let model = contents(of: database.snapshots.pin())
        for number in 0..<3 { try SnapshotTests.put(database, "a", Bytes("\(number)")) }
        #expect(database.check() == [])
        #expect(database.storedList == nil)
        let now = contents(of: database.snapshots.pin())
        #expect(now.filter { $0.key != "key" } == model)
    }

    @Test("inline buckets can be read, changed and left alone")
    func inlineBuckets() throws {
        let database = try GoldenTests.open("bbolt-4096")
        #expect(database.snapshots.pin().bucket("inline")?.get("name") == "small")
        #expect(database.snapshots.pin().bucket("empty")?.makeCursor().key.count == 0)
        let first = database.beginWrite()
        first.put("large", key: "new", value: "1")
        #expect(first.get("inline", key: "round") == "3")
        try first.commit()
        #expect(database.snapshots.pin().bucket("inline")?.get("round") == "3")
        let second = database.beginWrite()
        second.put("inline", key: "other", value: "2")
        second.put("empty", key: "one", value: "3")
        try second.commit()
        let snapshot = database.snapshots.pin()
        #expect(snapshot.bucket("inline")?.get("round") == "3")
        #expect(snapshot.bucket("inline")?.get("other") == "2")
        #expect(snapshot.bucket("empty")?.get("one") == "3")
        #expect(database.check() == [])
    }

    @Test("a file of Go goes on living here", arguments: names)
    func changesToFilesOfGo(name: String) throws {
        let disk = TestDisk("/db", try GoldenTests.content(name))
        var database = try Database.open(path: "/db", in: disk)
        var model = contents(of: database.snapshots.pin())
        var changes = Changes(seed: 5)
        for _ in 0..<20 {
            let transaction = database.beginWrite()
            #expect(changes.apply(100, to: transaction, &model) == [])
            try transaction.commit()
            #expect(database.check() == [])
            database.close()
            database = try Database.open(path: "/db", in: disk)
            #expect(contents(of: database.snapshots.pin()) == model)
        }
    }

    static let goTool = ProcessInfo.processInfo.environment["BOLT_GO"]

    static func runGo(_ arguments: String...) throws -> Status {
        let process = Process()
        process.executableURL = URL(filePath: goTool ?? "")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONDecoder().decode(Status.self, from: data)
    }

    @Test(
        "Go's bbolt reads and changes what was written here, and back",
        .enabled(if: goTool != nil, "BOLT_GO names no program"), arguments: 1...4)
    func goReadsOurs(seed: UInt64) throws {
        let path = temporaryPath()
        defer { try? PosixFileSystem().removeTree(path) }
        var changes = Changes(seed: seed)
        var options = BoltOptions()
        options.pageSize = seed % 2 == 0 ? 1024 : 4096
        for round in 0..<6 {
            let database = try Database.open(path: path, in: PosixFileSystem(), options: options)
            #expect(database.check() == [])
            var model = contents(of: database.snapshots.pin())
            for _ in 0..<4 {
                let transaction = database.beginWrite()
                #expect(changes.apply(300, to: transaction, &model) == [])
                if changes.random.oneIn(6) { changes.empty(transaction, &model) }
                try transaction.commit()
            }
            let own = goHash(of: database.snapshots.pin())
            let copy = try image(of: database.snapshots.pin())
            database.close()
            let status = try GoldenTests.runGo("check", path)
            #expect(status.problems == 0)
            #expect(status.hash == own.hash)
            #expect(status.totalKey == own.keys)
            try Data(copy).write(to: URL(filePath: path + ".copy"))
            let copied = try GoldenTests.runGo("check", path + ".copy")
            #expect(copied.problems == 0)
            #expect(copied.hash == own.hash)
            try PosixFileSystem().remove(path + ".copy")
            #expect(try GoldenTests.runGo("churn", path, "\(round)").problems == 0)
        }
    }
}
