//  Everything the backend does, in random order, against dictionaries.

import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdBackend

/// A history in progress: the backend, the model, and views of the past.
private struct History {
    /// A view, and what it shows from the next commit on for ever; until then the present.
    private struct Pinned {
        let view: ReadView
        var content: Model?
    }

    private let directory = TemporaryDirectory()
    private var backend: Backend
    private var writer: RandomWriter
    private var job: DefragmentJob?
    private var pinned: [Pinned] = []

    init(seed: UInt64) throws {
        backend = try openBackend(directory)
        writer = RandomWriter(seed: seed)
    }

    mutating func step() throws {
        writer.write(to: backend)
        switch writer.random.below(60) {
        case 0...2:
            try commit()
        case 3:
            pinned.append(Pinned(view: backend.views.view(), content: nil))
        case 4 where !pinned.isEmpty:
            pinned.remove(at: writer.random.below(pinned.count))
        case 5 where job == nil:
            job = try backend.beginDefragment()
        case 6:
            job?.run()
        case 7:
            if let job { try backend.finishDefragment(job) }
            job = nil
        case 8:
            try commit()
            backend.close()
            checkAll()
            // The next owner of the file knows nothing of them.
            pinned = []
            job = nil
            backend = try openBackend(directory)
        case 9 where writer.random.oneIn(3):
            try replaceBySelf()
            job = nil
        case 10:
            checkAll()
        default:
            writer.spotCheck(backend.views.view())
        }
    }

    mutating func finish() throws {
        try commit()
        checkAll()
        #expect(backend.committedSnapshot().check() == [])
        #expect(backend.views.damage == nil)
        backend.close()
        checkAll()
        backend = try openBackend(directory)
        checkAll()
    }

    private mutating func commit() throws {
        for index in pinned.indices where pinned[index].content == nil {
            pinned[index].content = writer.model
        }
        try backend.commit()
        #expect(backend.pendingOperations == 0)
    }

    private func checkAll() {
        #expect(backend.views.view().content == writer.model)
        for old in pinned { #expect(old.view.content == old.content ?? writer.model) }
    }

    /// Sends the database to itself as another member would; what was written meanwhile is gone.
    private mutating func replaceBySelf() throws {
        try commit()
        let path = "\(directory.path)/received"
        try save(try backend.snapshot(), to: path)
        backend.put(TestBuckets.meta, key: [9, 9], value: [9])
        backend.delete(TestBuckets.key, key: revisionKey(1))
        try backend.replaceFile(with: path)
        #expect(backend.pendingOperations == 0)
        #expect(backend.views.view().content == writer.model)
    }
}

@Suite("Model")
struct ModelTests {
    @Test(
        "random writes, commits, reopening, defragmentation and replacement: views show the model",
        arguments: UInt64(1)...8)
    func randomHistory(seed: UInt64) throws {
        var history = try History(seed: seed)
        for _ in 0..<800 { try history.step() }
        try history.finish()
    }
}

/// Writes an image as the receiver of a snapshot does.
func save(_ snapshot: BackendSnapshot, to path: String) throws {
    let file = try PosixFileSystem().open(path, .replace, permissions: 0o600)
    defer { file.close() }
    var offset = 0
    while offset < snapshot.imageBytes {
        var chunk = [UInt8](repeating: 0, count: 10_000)
        let count = try chunk.withUnsafeMutableBytes { buffer throws(BackendError) in
            try snapshot.readImage(at: offset, into: buffer)
        }
        #expect(count == min(10_000, snapshot.imageBytes - offset))
        try file.write(Array(chunk.prefix(count)), at: offset)
        offset += count
    }
    try file.sync()
}
