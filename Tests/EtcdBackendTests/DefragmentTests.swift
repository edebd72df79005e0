//  A compact copy made while reads and writes go on.

import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdBackend

@Suite("Defragmentation")
struct DefragmentTests {
    private let directory = TemporaryDirectory()
    private let files = PosixFileSystem()

    private func filled(settings: Backend.Settings = Backend.Settings()) throws -> Backend {
        let backend = try openBackend(directory, settings: settings)
        for number in 1...2_000 {
            let value = Bytes([UInt8](repeating: UInt8(number % 256), count: 500))
            backend.put(TestBuckets.key, key: revisionKey(number), value: value)
        }
        try backend.commit()
        for number in 1...1_900 { backend.delete(TestBuckets.key, key: revisionKey(number)) }
        try backend.commit()
        return backend
    }

    private var names: [String] {
        get throws { try files.list(directory.path) }
    }

    @Test("the file shrinks, content stays, also what was written while the copy was made")
    func shrinks() throws {
        let backend = try filled()
        let before = backend.views.sizeBytes
        backend.put(TestBuckets.meta, key: [1], value: [1])
        let old = backend.views.view()
        let job = try backend.beginDefragment()
        try backend.commit()
        job.run()
        backend.put(TestBuckets.meta, key: [2], value: [2])
        backend.delete(TestBuckets.key, key: revisionKey(1_950))
        try backend.commit()
        backend.put(TestBuckets.meta, key: [3], value: [3])
        backend.delete(TestBuckets.key, key: revisionKey(1_951))
        let content = backend.views.view().content
        try backend.finishDefragment(job)

        #expect(backend.views.view().content == content)
        #expect(old.content.buckets[0].count == 100)
        #expect(backend.pendingOperations == 2)
        #expect(backend.views.sizeBytes < before / 5)
        #expect(backend.statistics.defragmentations == 1)
        #expect(try names == ["db"])
        #expect(try files.info("\(directory.path)/db")!.size < before / 5)
        try backend.commit()
        #expect(backend.committedSnapshot().check() == [])
        backend.close()
        #expect(try openBackend(directory).views.view().content == content)
        #expect(old.content.buckets[0].count == 100)
    }

    @Test("neither begin nor finish commits: what is pending stays pending, the hook is not called")
    func commitsNothing() throws {
        let backend = try filled()
        backend.beforeCommit = { Issue.record("committed") }
        backend.put(TestBuckets.meta, key: [1], value: [1])
        let job = try backend.beginDefragment()
        try backend.finishDefragment(job)
        #expect(backend.pendingOperations == 1)
        #expect(backend.get(TestBuckets.meta, key: [1]) == [1])
        backend.beforeCommit = nil
        backend.close()
        #expect(try openBackend(directory).get(TestBuckets.meta, key: [1]) == nil)
    }

    @Test("buckets that nobody declared are kept")
    func foreignBuckets() throws {
        let other = Bucket(name: Bytes("other"), number: 5)
        let first = try Backend.open(
            path: "\(directory.path)/db", in: files, buckets: [other], settings: .init())
        first.put(other, key: [1], value: [2])
        try first.commit()
        first.close()
        let backend = try openBackend(directory)
        let hash = backend.views.view().hash { _, _ in false }
        try backend.finishDefragment(try backend.beginDefragment())
        #expect(backend.views.view().hash { _, _ in false } == hash)
        backend.close()
        let last = try Backend.open(
            path: "\(directory.path)/db", in: files, buckets: [other], settings: .init())
        #expect(last.get(other, key: [1]) == [2])
    }

    @Test("one at a time; abandoning removes the file, before and after the copying")
    func onlyOne() throws {
        let backend = try filled()
        for hasRun in [false, true] {
            let job = try backend.beginDefragment()
            #expect(throws: BackendError.defragmentationRunning) {
                _ = try backend.beginDefragment()
            }
            if hasRun {
                job.run()
                #expect(try names.count == 2)
            }
            backend.abandonDefragment()
            #expect(try names == ["db"])
            job.run()
            #expect(try names == ["db"])
            #expect(throws: BackendError.self) { try backend.finishDefragment(job) }
        }
        try backend.finishDefragment(try backend.beginDefragment())
        #expect(backend.views.view().content.buckets[0].count == 100)
    }

    @Test("a copy that is given up while it is being made does not disturb the next one")
    func abandonedWhileRunning() throws {
        let files = FaultyFileSystem()
        let backend = try openBackend(directory, in: files)
        for number in 1...100 { backend.put(TestBuckets.key, key: revisionKey(number), value: []) }
        try backend.commit()
        let reached = Latch()
        let release = Latch()
        let first = try backend.beginDefragment()
        files.hold(first.temporaryPath, reached: reached, release: release)
        let thread = TestThread { first.run() }
        reached.wait()
        files.holdNoMore()
        #expect(throws: BackendError.defragmentationRunning) {
            try backend.finishDefragment(first)
        }
        backend.abandonDefragment()
        let second = try backend.beginDefragment()
        second.run()
        release.open()
        thread.join()
        try backend.finishDefragment(second)
        #expect(backend.views.view().content.buckets[0].count == 100)
        #expect(throws: BackendError.self) { try backend.finishDefragment(first) }
        #expect(try names == ["db"])
    }

    @Test("too much written meanwhile: given up, and the database goes on")
    func overfullJournal() throws {
        let backend = try filled(settings: Backend.Settings(journalBytesMax: 1_000))
        let job = try backend.beginDefragment()
        backend.put(TestBuckets.meta, key: [1], value: Bytes([UInt8](repeating: 1, count: 1_000)))
        try backend.commit()
        #expect(throws: BackendError.self) { try backend.finishDefragment(job) }
        #expect(try names == ["db"])
        #expect(backend.get(TestBuckets.meta, key: [1])?.count == 1_000)
        try backend.finishDefragment(try backend.beginDefragment())
        #expect(backend.get(TestBuckets.meta, key: [1])?.count == 1_000)
    }

    @Test("buckets that a damaged directory hides are no reason to end the process")
    func damagedDirectory() throws {
        let backend = try filled()
        let job = try backend.beginDefragment()
        backend.put(TestBuckets.meta, key: [1], value: [1])
        try backend.commit()
        let file = try files.open(backend.path, .readWrite, permissions: 0o600)
        let size = try file.size()
        for page in 2..<size / 4_096 { try file.write([0xFF, 0xFF], at: page * 4_096 + 8) }
        file.close()
        #expect {
            try backend.finishDefragment(job)
        } throws: {
            if case .corrupt = $0 as? BackendError { true } else { false }
        }
        #expect(try names == ["db"])
    }

    @Test("what an interrupted defragmentation left behind is not taken for a database")
    func leftOver() throws {
        let stopped = try filled()
        let path = try stopped.beginDefragment().temporaryPath
        stopped.close()
        let file = try files.open(path, .replace, permissions: 0o600)
        try file.write([UInt8](repeating: 7, count: 10_000), at: 0)
        file.close()
        let backend = try openBackend(directory)
        let job = try backend.beginDefragment()
        #expect(job.temporaryPath == path)
        try backend.finishDefragment(job)
        #expect(backend.views.view().content.buckets[0].count == 100)
        #expect(try names == ["db"])
    }
}

@Suite("Replacement")
struct ReplacementTests {
    private let directory = TemporaryDirectory()
    private let files = PosixFileSystem()

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try files.open(path, .replace, permissions: 0o600)
        try file.write(bytes, at: 0)
        file.close()
    }

    @Test("a received file takes over, with missing buckets made; old views stay")
    func takesOver() throws {
        let source = TemporaryDirectory()
        let other = try Backend.open(
            path: "\(source.path)/db", in: files, buckets: [TestBuckets.key], settings: .init())
        other.put(TestBuckets.key, key: revisionKey(9), value: [9])
        let received = "\(directory.path)/0000000000000009.snap.db"
        try save(try other.snapshot(), to: received)

        let backend = try openBackend(directory)
        backend.put(TestBuckets.key, key: revisionKey(1), value: [1])
        try backend.commit()
        let old = backend.views.view()
        backend.put(TestBuckets.key, key: revisionKey(2), value: [2])
        try backend.replaceFile(with: received)
        #expect(backend.pendingOperations == 0)
        let now = [Entry(key: revisionKey(9), value: [9])]
        #expect(backend.views.view().entries(TestBuckets.key) == now)
        #expect(backend.views.view().entries(TestBuckets.lease) == [])
        #expect(old.get(TestBuckets.key, key: revisionKey(1)) == [1])
        #expect(try files.list(directory.path) == ["db"])
        backend.put(TestBuckets.lease, key: [1], value: [1])
        try backend.commit()
        backend.close()
        let again = try openBackend(directory)
        #expect(again.views.view().entries(TestBuckets.key) == now)
        #expect(again.get(TestBuckets.lease, key: [1]) == [1])
        #expect(old.get(TestBuckets.key, key: revisionKey(1)) == [1])
    }

    @Test(
        "a file that is no database is refused and changes nothing",
        arguments: [nil, 0, 100, 50_000] as [Int?])
    func refuses(length: Int?) throws {
        let backend = try openBackend(directory)
        backend.put(TestBuckets.key, key: revisionKey(1), value: [1])
        let received = "\(directory.path)/received"
        if let length { try write([UInt8](repeating: 0xED, count: length), received) }
        let job = try backend.beginDefragment()
        #expect(throws: BackendError.self) { try backend.replaceFile(with: received) }
        #expect(backend.pendingOperations == 1)
        #expect(backend.get(TestBuckets.key, key: revisionKey(1)) == [1])
        try backend.finishDefragment(job)
        try backend.commit()
        #expect(backend.get(TestBuckets.key, key: revisionKey(1)) == [1])
    }

    @Test("a file cut short on the way is refused")
    func refusesPart() throws {
        let backend = try openBackend(directory)
        for number in 1...500 {
            backend.put(
                TestBuckets.key, key: revisionKey(number),
                value: Bytes([UInt8](repeating: 0, count: 100)))
        }
        let received = "\(directory.path)/received"
        try save(try backend.snapshot(), to: received)
        let whole = try files.contents(of: received)
        try write(Array(whole.prefix(whole.count / 2)), received)
        #expect(throws: BackendError.self) { try backend.replaceFile(with: received) }
        #expect(backend.views.view().entries(TestBuckets.key).count == 500)
    }

    @Test("the file that has the name in the end takes over, whichever was opened")
    func exchanged() throws {
        let disk = FaultyFileSystem()
        let backend = try openBackend(directory, in: disk)
        let (received, later) = ("\(directory.path)/received", "\(directory.path)/later")
        for (number, path) in [(1, received), (2, later)] as [(UInt8, String)] {
            backend.put(TestBuckets.meta, key: [1], value: [number])
            try save(try backend.snapshot(), to: path)
        }
        disk.interfere(beforeRename: { try? PosixFileSystem().rename(later, to: received) })
        try backend.replaceFile(with: received)
        #expect(backend.get(TestBuckets.meta, key: [1]) == [2])
        backend.put(TestBuckets.meta, key: [2], value: [9])
        try backend.commit()
        backend.close()
        let again = try openBackend(directory)
        #expect(again.get(TestBuckets.meta, key: [1]) == [2])
        #expect(again.get(TestBuckets.meta, key: [2]) == [9])
        #expect(try files.list(directory.path) == ["db"])
    }

    @Test("a running defragmentation ends without effect")
    func endsDefragmentation() throws {
        let backend = try openBackend(directory)
        backend.put(TestBuckets.meta, key: [1], value: [1])
        let received = "\(directory.path)/received"
        try save(try backend.snapshot(), to: received)
        let job = try backend.beginDefragment()
        job.run()
        try backend.replaceFile(with: received)
        #expect(throws: BackendError.self) { try backend.finishDefragment(job) }
        #expect(backend.get(TestBuckets.meta, key: [1]) == [1])
        #expect(try files.list(directory.path) == ["db"])
    }
}
