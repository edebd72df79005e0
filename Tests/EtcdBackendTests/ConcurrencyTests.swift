//  Readers on threads of their own while the owner writes, commits, compacts and defragments.

import Glibc
import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

@testable import EtcdBackend

/// A thread that runs one closure.
final class TestThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()

    init(_ run: @escaping @Sendable () -> Void) {
        let argument = Unmanaged.passRetained(Body(run)).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, argument)
        precondition(code == 0)
    }

    func join() { pthread_join(thread, nil) }
}

/// What the writer promises its readers.
private final class Promises: Sendable {
    /// Every revision up to here is written.
    let written = Atomic<Int>(0)
    /// No revision up to here need be there any more.
    let compacted = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
    let reads = Atomic<Int>(0)
    private let failures = Mutex<[String]>([])

    func fail(_ text: String) { failures.withLock { if $0.count < 10 { $0.append(text) } } }
    var found: [String] { failures.withLock { $0 } }

    static func value(_ revision: Int) -> Bytes {
        Bytes([UInt8](repeating: UInt8(revision % 251), count: 20 + revision % 300))
    }
}

/// One reading thread.
private struct Reader {
    let views: BackendViews
    let promises: Promises
    var random: RandomSource

    mutating func run() {
        while !promises.isOver.load(ordering: .acquiring) {
            let written = promises.written.load(ordering: .acquiring)
            let view = views.view()
            for _ in 0..<20 where written > 0 { lookUp(1 + random.below(written), in: view) }
            if random.oneIn(10), written > 0 { scan(upTo: written, in: view) }
            promises.reads.wrappingAdd(1, ordering: .relaxed)
        }
    }

    private func lookUp(_ revision: Int, in view: ReadView) {
        let value = view.get(TestBuckets.key, key: revisionKey(revision))
        if value == nil {
            if promises.compacted.load(ordering: .acquiring) < revision {
                promises.fail("revision \(revision) is missing")
            }
        } else if value != Promises.value(revision) {
            promises.fail("revision \(revision) has a wrong value")
        }
    }

    /// No holes from the first key that cannot have been compacted.
    private mutating func scan(upTo written: Int, in view: ReadView) {
        let start = 1 + random.below(written)
        var keys: [Bytes] = []
        view.scan(TestBuckets.key, from: revisionKey(start), to: nil) { key, value in
            keys.append(Bytes(Array(key)))
            if value.count < 20 { promises.fail("a torn value") }
            return keys.count < 200
        }
        let compacted = promises.compacted.load(ordering: .acquiring)
        let last = min(written, start + keys.count - 1)
        guard compacted < start else { return }
        if keys.isEmpty || last < min(written, start + 199) {
            promises.fail("a scan from \(start) ends after \(keys.count) keys")
        }
        for revision in start...max(start, last)
        where keys[revision - start] != revisionKey(revision) {
            promises.fail("revision \(revision) is missing in a scan from \(start)")
            return
        }
    }
}

@Suite("Concurrency")
struct ConcurrencyTests {
    @Test("readers find every promised revision through commits, compactions, defragmentations")
    func readersBesideTheWriter() throws {
        let directory = TemporaryDirectory()
        let backend = try openBackend(directory)
        let promises = Promises()
        let views = backend.views
        let readers = (0..<3).map { number in
            TestThread {
                var reader = Reader(
                    views: views, promises: promises, random: RandomSource(seed: UInt64(number)))
                reader.run()
            }
        }
        defer {
            promises.isOver.store(true, ordering: .releasing)
            for reader in readers { reader.join() }
        }
        for round in 1...6 {
            let job = try backend.beginDefragment()
            let copying = TestThread { job.run() }
            for step in 1...10 {
                try write(200, to: backend, promises)
                if step % 3 == 0 { try compact(backend, promises) }
            }
            copying.join()
            try write(50, to: backend, promises)
            try backend.finishDefragment(job)
            // Everybody has had a turn before the next round.
            let reads = promises.reads.load(ordering: .relaxed)
            while promises.reads.load(ordering: .relaxed) < reads + 3 { sched_yield() }
            #expect(backend.statistics.defragmentations == round)
        }
        promises.isOver.store(true, ordering: .releasing)
        #expect(promises.found == [])
        #expect(backend.committedSnapshot().check() == [])
    }

    private func write(_ count: Int, to backend: Backend, _ promises: Promises) throws {
        for _ in 0..<count {
            let revision = promises.written.load(ordering: .relaxed) + 1
            backend.put(
                TestBuckets.key, key: revisionKey(revision), value: Promises.value(revision))
            promises.written.store(revision, ordering: .releasing)
            if revision % 70 == 0 { try backend.commit() }
        }
    }

    private func compact(_ backend: Backend, _ promises: Promises) throws {
        let from = promises.compacted.load(ordering: .relaxed)
        let to = promises.written.load(ordering: .relaxed) - 100
        promises.compacted.store(to, ordering: .releasing)
        for revision in from + 1...to {
            backend.delete(TestBuckets.key, key: revisionKey(revision))
            if revision % 150 == 0 { try backend.commit() }
        }
    }
}
