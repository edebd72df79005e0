//  A disk that refuses: every single operation in turn, and all of them for a while.

import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdBackend

/// A life of a backend in which one file operation fails.
private struct FaultyLife {
    let directory = TemporaryDirectory()
    let files = FaultyFileSystem()
    let kind: FileError.Kind
    var writer = RandomWriter(seed: 77)
    /// What the file may hold: the state of the last commit, and of one that failed half way.
    var durable = [Model()]

    init(kind: FileError.Kind) { self.kind = kind }

    /// Runs `step`; after a full disk once more, which must succeed.
    private mutating func attempt(
        _ backend: Backend, _ step: () throws(BackendError) -> Void
    ) throws(BackendError) {
        do throws(BackendError) {
            try step()
        } catch {
            #expect(backend.views.view().content == writer.model)
            #expect(error.isNoSpace == (kind == .noSpace), "\(error)")
            if kind != .noSpace { throw error }
            try step()
        }
        #expect(backend.views.view().content == writer.model)
    }

    private mutating func fill(_ backend: Backend, commits: Int) throws(BackendError) {
        for _ in 0..<commits {
            for _ in 0..<40 { writer.write(to: backend) }
            durable.append(writer.model)
            try attempt(backend) { () throws(BackendError) in try backend.commit() }
            durable = [writer.model]
        }
    }

    private mutating func defragment(_ backend: Backend) throws(BackendError) {
        // One life for all attempts: what is written in between is written once.
        for _ in 0..<10 { writer.write(to: backend) }
        try attempt(backend) { () throws(BackendError) in
            let job = try backend.beginDefragment()
            job.run()
            try backend.finishDefragment(job)
        }
        let job = try backend.beginDefragment()
        for _ in 0..<10 { writer.write(to: backend) }
        durable.append(writer.model)
        try attempt(backend) { () throws(BackendError) in try backend.commit() }
        durable = [writer.model]
        job.run()
        do throws(BackendError) {
            try backend.finishDefragment(job)
        } catch {
            if kind != .noSpace { throw error }
        }
        #expect(backend.views.view().content == writer.model)
    }

    private mutating func replace(_ backend: Backend) throws {
        let received = "\(directory.path)/received"
        try save(backend.committedSnapshot(), to: received)
        writer.model = durable[0]
        do throws(BackendError) {
            try backend.replaceFile(with: received)
        } catch {
            if kind != .noSpace { throw error }
            try backend.replaceFile(with: received)
        }
        #expect(backend.views.view().content == writer.model)
    }

    private func open() throws -> Backend {
        do {
            return try openBackend(directory, in: files)
        } catch let error as BackendError where error.isNoSpace && kind == .noSpace {
            return try openBackend(directory, in: files)
        }
    }

    mutating func live() throws {
        let backend = try open()
        defer { backend.close() }
        try fill(backend, commits: 3)
        try defragment(backend)
        try fill(backend, commits: 1)
        try replace(backend)
        try fill(backend, commits: 1)
    }

    /// What is found afterwards by somebody whose disk works.
    func checkAfterwards() throws {
        let backend = try openBackend(directory)
        let content = backend.views.view().content
        #expect(durable.contains(content))
        #expect(backend.committedSnapshot().check() == [])
        backend.put(TestBuckets.meta, key: [1], value: [1])
        try backend.commit()
        backend.close()
    }
}

@Suite("Failures")
struct FailureTests {
    /// Operations of an undisturbed life.
    private func operationCount() throws -> Int {
        var life = FaultyLife(kind: .other)
        try life.live()
        try life.checkAfterwards()
        return life.files.operations
    }

    @Test("no room for one operation, whichever: reads go on, the same asked again succeeds")
    func noSpace() throws {
        let count = try operationCount()
        #expect(count > 40)
        var refusals = 0
        for number in 0..<count {
            var life = FaultyLife(kind: .noSpace)
            life.files.refuse(number, kind: .noSpace)
            try life.live()
            if life.files.wasRefused { refusals += 1 }
            try life.checkAfterwards()
        }
        #expect(refusals > count / 4)
    }

    @Test("an error of the device, at any operation: reads go on, the file is sound afterwards")
    func inputOutput() throws {
        for number in 0..<(try operationCount()) {
            var life = FaultyLife(kind: .inputOutput)
            life.files.refuse(number, kind: .inputOutput)
            #expect(throws: BackendError.self) { try life.live() }
            try life.checkAfterwards()
        }
    }

    @Test("a full disk: writes gather and stay visible, and are committed once there is room")
    func fullForAWhile() throws {
        let directory = TemporaryDirectory()
        let files = FaultyFileSystem()
        let backend = try openBackend(directory, in: files)
        var writer = RandomWriter(seed: 5)
        files.isFull = true
        let start = Instant(nanoseconds: 1_000)
        #expect(try !commitDue(backend, &writer, start))
        for attempt in 1...5 {
            let now = start.advanced(byMilliseconds: UInt64(attempt) * 100)
            #expect(backend.nextCommit == now)
            do throws(BackendError) {
                _ = try commitDue(backend, &writer, now)
                Issue.record("committed to a full disk")
            } catch {
                #expect(error.isNoSpace)
            }
            #expect(backend.isOutOfSpace)
            #expect(try !commitDue(backend, &writer, now.advanced(byMilliseconds: 99)))
            #expect(backend.views.view().content == writer.model)
        }
        #expect(backend.statistics == Backend.Statistics(failedCommits: 5))
        #expect(backend.pendingOperations > 500)
        files.isFull = false
        #expect(try commitDue(backend, &writer, start.advanced(byMilliseconds: 600)))
        #expect(backend.pendingOperations == 0)
        #expect(!backend.isOutOfSpace)
        backend.close()
        #expect(try openBackend(directory).views.view().content == writer.model)
    }

    @Test("what had no room does not matter any more once another database has come")
    func fullUntilReplaced() throws {
        let directory = TemporaryDirectory()
        let files = FaultyFileSystem()
        let backend = try openBackend(directory, in: files)
        let received = "\(directory.path)/received"
        try save(try backend.snapshot(), to: received)
        files.isFull = true
        backend.put(TestBuckets.meta, key: [1], value: [1])
        #expect(throws: BackendError.self) { try backend.commit() }
        #expect(backend.isOutOfSpace)
        files.isFull = false
        try backend.replaceFile(with: received)
        #expect(!backend.isOutOfSpace)
    }

    private func commitDue(_ backend: Backend, _ writer: inout RandomWriter, _ now: Instant)
        throws(BackendError) -> Bool
    {
        for _ in 0..<50 { writer.write(to: backend) }
        return try backend.commitIfDue(now: now)
    }

    @Test("a damaged page is reported, and nothing is committed on top of it")
    func damage() throws {
        let directory = TemporaryDirectory()
        let backend = try openBackend(directory)
        for number in 1...1_000 {
            backend.put(TestBuckets.key, key: revisionKey(number), value: Bytes("\(number)"))
        }
        try backend.commit()
        let file = try PosixFileSystem().open(backend.path, .readWrite, permissions: 0o600)
        let size = try file.size()
        for page in 4..<size / 4_096 {
            // The flags in the page's header.
            try file.write([0xFF, 0xFF], at: page * 4_096 + 8)
        }
        file.close()
        #expect(backend.views.damage == nil)
        #expect(backend.get(TestBuckets.key, key: revisionKey(500)) == nil)
        guard case .corrupt(let reason) = backend.views.damage else {
            Issue.record("the damage went unnoticed")
            return
        }
        #expect(reason.contains(backend.path) && reason.contains("page"))
        backend.put(TestBuckets.meta, key: [1], value: [1])
        #expect(throws: BackendError.corrupt(reason)) { try backend.commit() }
        #expect(throws: BackendError.corrupt(reason)) { _ = try backend.beginDefragment() }
    }
}
