//  When commits happen, what is visible before them and what after.

import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

@testable import EtcdBackend

/// From one reading to the next twice as long passes as between the two before.
private final class SlowingClock: RuntimeCore.Clock {
    private let readings = Atomic<UInt64>(0)

    func now() -> Moment {
        let reading = readings.wrappingAdd(1, ordering: .relaxed).oldValue
        return Moment(
            monotonic: Instant(nanoseconds: 1 << reading), wall: WallTime(unixNanoseconds: 0))
    }
}

@Suite("Commits")
struct CommitTests {
    private let directory = TemporaryDirectory()

    private func milliseconds(_ number: UInt64) -> Instant {
        Instant(nanoseconds: 5_000_000_000).advanced(byMilliseconds: number)
    }

    @Test("a batch is committed when its time has come, counted from when it was first seen")
    func interval() throws {
        let backend = try openBackend(directory)
        #expect(backend.nextCommit == nil)
        #expect(try !backend.commitIfDue(now: milliseconds(0)))
        backend.put(TestBuckets.meta, key: [1], value: [1])
        #expect(backend.nextCommit == Instant(nanoseconds: 0))
        #expect(try !backend.commitIfDue(now: milliseconds(10)))
        #expect(backend.nextCommit == milliseconds(110))
        backend.put(TestBuckets.meta, key: [2], value: [1])
        #expect(try !backend.commitIfDue(now: milliseconds(109)))
        #expect(try backend.commitIfDue(now: milliseconds(110)))
        #expect(backend.nextCommit == nil && backend.pendingOperations == 0)
        #expect(backend.statistics == Backend.Statistics(commits: 1, operations: 2))
    }

    @Test("a full batch is committed at once, by operations or by bytes")
    func limits() throws {
        let settings = Backend.Settings(batchLimit: 3, batchBytesMax: 1_000)
        let backend = try openBackend(directory, settings: settings)
        backend.put(TestBuckets.meta, key: [1], value: [1])
        backend.put(TestBuckets.meta, key: [1], value: [2])
        #expect(try !backend.commitIfDue(now: milliseconds(0)))
        backend.put(TestBuckets.meta, key: [1], value: [3])
        #expect(backend.pendingOperations == 3)
        #expect(try backend.commitIfDue(now: milliseconds(1)))
        backend.put(TestBuckets.meta, key: [1], value: Bytes([UInt8](repeating: 0, count: 1_000)))
        #expect(try backend.commitIfDue(now: milliseconds(2)))
    }

    @Test("while the device works on a commit, writes go on and wait for the next one")
    func underWay() throws {
        let settings = Backend.Settings(batchBytesMax: 1_000)
        let backend = try openBackend(directory, settings: settings)
        func begin(_ number: UInt64) throws -> CommitSync? {
            try backend.beginCommitIfDue(now: milliseconds(number))
        }
        backend.put(TestBuckets.meta, key: [1], value: [1])
        #expect(try begin(0) == nil)
        let first = try #require(try begin(100))
        #expect(backend.pendingOperations == 0 && backend.nextCommit == nil)
        #expect(backend.views.view().get(TestBuckets.meta, key: [1]) == [1])
        backend.put(TestBuckets.meta, key: [2], value: [2])
        #expect(try begin(110) == nil)
        #expect(try begin(300) == nil)
        #expect(backend.nextCommit == nil)
        first.run()
        #expect(try backend.finishCommit(first))
        #expect(try !backend.finishCommit(first))
        #expect(backend.nextCommit == milliseconds(210))
        let second = try #require(try begin(300))
        // More than memory should hold: the device is waited for.
        backend.put(TestBuckets.meta, key: [3], value: Bytes([UInt8](repeating: 0, count: 1_000)))
        #expect(backend.nextCommit == Instant(nanoseconds: 0))
        let third = try #require(try begin(301))
        #expect(try !backend.finishCommit(second))
        backend.put(TestBuckets.meta, key: [4], value: [4])
        try backend.commit()
        #expect(try !backend.finishCommit(third))
        #expect(backend.statistics == Backend.Statistics(commits: 4, operations: 4))
        let model = backend.views.view().content
        backend.close()
        let again = try openBackend(directory)
        #expect(again.views.view().content == model)
        #expect(again.check() == [])
    }

    @Test("a commit that the device has not done ends with its file")
    func closedUnderWay() throws {
        let backend = try openBackend(directory)
        backend.put(TestBuckets.meta, key: [1], value: [1])
        try backend.commit()
        let received = "\(directory.path)/received"
        try save(backend.committedSnapshot(), to: received)
        backend.put(TestBuckets.meta, key: [2], value: [2])
        _ = try backend.beginCommitIfDue(now: milliseconds(0))
        let lost = try #require(try backend.beginCommitIfDue(now: milliseconds(100)))
        try backend.replaceFile(with: received)
        lost.run()
        #expect(try !backend.finishCommit(lost))
        backend.put(TestBuckets.meta, key: [3], value: [3])
        _ = try backend.beginCommitIfDue(now: milliseconds(200))
        let late = try #require(try backend.beginCommitIfDue(now: milliseconds(300)))
        backend.close()
        late.run()
        // Without its syncs the newest state is that of the commit before.
        let again = try openBackend(directory)
        #expect(again.get(TestBuckets.meta, key: [1]) == [1])
        #expect(again.get(TestBuckets.meta, key: [2]) == nil)
        #expect(again.get(TestBuckets.meta, key: [3]) == nil)
        #expect(again.check() == [])
    }

    @Test("the hook's writes are in the same commit; without pending writes it alone is committed")
    func hook() throws {
        let backend = try openBackend(directory)
        backend.beforeCommit = { [unowned backend] in
            backend.put(TestBuckets.meta, key: Bytes("index"), value: [7])
        }
        try backend.commit()
        #expect(backend.statistics.operations == 1)
        backend.close()
        let again = try openBackend(directory)
        #expect(again.get(TestBuckets.meta, key: Bytes("index")) == [7])
        try again.commit()
        #expect(again.statistics.commits == 0)
    }

    @Test("with a clock, each part of a commit is timed")
    func parts() throws {
        let backend = try openBackend(directory)
        backend.put(TestBuckets.meta, key: [1], value: [1])
        try backend.commit()
        #expect(backend.lastCommit == Backend.CommitTimes())
        backend.clock = SlowingClock()
        backend.delete(TestBuckets.meta, key: [1])
        try backend.commit()
        #expect(backend.lastCommit.merging == 1)
        #expect(backend.lastCommit.placing == 2)
        #expect(backend.lastCommit.writing == 4)
    }

    @Test("pending writes are visible at once and gone after a close without commit")
    func visibility() throws {
        let backend = try openBackend(directory)
        let early = backend.views.view()
        backend.put(TestBuckets.key, key: revisionKey(1), value: [1])
        #expect(backend.views.view().get(TestBuckets.key, key: revisionKey(1)) == [1])
        #expect(early.get(TestBuckets.key, key: revisionKey(1)) == [1])
        try backend.commit()
        backend.put(TestBuckets.key, key: revisionKey(2), value: [2])
        #expect(early.get(TestBuckets.key, key: revisionKey(2)) == nil)
        backend.close()
        let again = try openBackend(directory)
        #expect(again.get(TestBuckets.key, key: revisionKey(1)) == [1])
        #expect(again.get(TestBuckets.key, key: revisionKey(2)) == nil)
    }

    @Test("within one batch the last of put and delete counts, over committed keys and new ones")
    func lastWriteWins() throws {
        let backend = try openBackend(directory)
        let lease = TestBuckets.lease
        backend.put(lease, key: [1], value: [1])
        try backend.commit()
        backend.delete(lease, key: [1])
        #expect(backend.get(lease, key: [1]) == nil)
        backend.put(lease, key: [1], value: [2])
        backend.put(lease, key: [2], value: [1])
        backend.delete(lease, key: [2])
        backend.delete(lease, key: [3])
        for _ in 0..<2 {
            #expect(backend.get(lease, key: [1]) == [2])
            #expect(backend.get(lease, key: [2]) == nil)
            #expect(backend.views.view().entries(lease) == [Entry(key: [1], value: [2])])
            try backend.commit()
        }
    }

    @Test("a scan ends when told, with committed and pending keys alike")
    func scanStops() throws {
        let backend = try openBackend(directory)
        for number in 1...5 {
            backend.put(TestBuckets.lease, key: [UInt8(number * 2)], value: [0])
        }
        try backend.commit()
        for number in 1...6 {
            backend.put(TestBuckets.lease, key: [UInt8(number * 2 - 1)], value: [0])
        }
        for limit in 1...11 {
            var keys: [UInt8] = []
            backend.scan(TestBuckets.lease, from: .empty, to: nil) { key, _ in
                keys.append(key[0])
                return keys.count < limit
            }
            #expect(keys == (1...limit).map { UInt8($0) })
        }
    }

    @Test("the hash is the checksum of names, keys and values, whether committed or not")
    func hash() throws {
        let backend = try openBackend(directory)
        backend.put(TestBuckets.key, key: [1], value: Bytes("a"))
        backend.put(TestBuckets.key, key: [2], value: Bytes("b"))
        backend.put(TestBuckets.lease, key: [3], value: Bytes("c"))
        backend.put(TestBuckets.meta, key: Bytes("term"), value: [0])
        backend.put(TestBuckets.meta, key: Bytes("x"), value: [5])
        let expected = CRC32C.checksum(Bytes(Array("key\u{1}a\u{2}blease\u{3}cmetax\u{5}".utf8)))
        for _ in 0..<2 {
            let hash = backend.views.view().hash { name, key in
                name == TestBuckets.meta.name && Bytes(Array(key)) == Bytes("term")
            }
            #expect(hash == expected)
            try backend.commit()
        }
        #expect(backend.views.view().hash { _, _ in false } != expected)
    }

    @Test("sizes count pages, free ones apart, and grow with the content")
    func sizes() throws {
        let backend = try openBackend(directory)
        let empty = backend.views.sizeBytes
        #expect(empty > 0 && empty % 4_096 == 0)
        for number in 1...2_000 {
            backend.put(
                TestBuckets.key, key: revisionKey(number),
                value: Bytes([UInt8](repeating: 1, count: 500)))
        }
        #expect(backend.views.sizeBytes == empty)
        try backend.commit()
        let full = backend.views.sizeBytes
        #expect(full > 1_000_000 && full < 1_500_000)
        for number in 1...2_000 { backend.delete(TestBuckets.key, key: revisionKey(number)) }
        try backend.commit()
        #expect(try backend.snapshot().check() == [])
        #expect(backend.views.sizeBytes >= full)
        #expect(backend.views.inUseBytes < full / 10)
    }

    @Test("a lock is taken: the same file is not opened twice")
    func lock() throws {
        let backend = try openBackend(directory)
        do throws(BackendError) {
            _ = try Backend.open(
                path: backend.path, in: PosixFileSystem(), buckets: TestBuckets.all,
                settings: Backend.Settings())
            Issue.record("opened a second time")
        } catch {
            guard case .file(let error) = error else { throw error }
            #expect(error.kind == .locked)
        }
    }
}
