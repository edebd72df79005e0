//  A backend in a directory of its own, and dictionaries that say what must be in it.

import Glibc
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdBackend

/// A directory that is gone when the test ends.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/etcd-swift-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { try? PosixFileSystem().removeTree(path) }
}

enum TestBuckets {
    static let key = Bucket(name: Bytes("key"), number: 0, isSequential: true)
    static let meta = Bucket(name: Bytes("meta"), number: 1)
    static let lease = Bucket(name: Bytes("lease"), number: 2)
    static let all = [key, meta, lease]
}

func openBackend(
    _ directory: TemporaryDirectory, in files: any FileSystem & Sendable = PosixFileSystem(),
    settings: Backend.Settings = Backend.Settings()
) throws -> Backend {
    try Backend.open(
        path: "\(directory.path)/db", in: files, buckets: TestBuckets.all, settings: settings)
}

extension Backend {
    /// The present state as a file image, committed first.
    func snapshot() throws(BackendError) -> BackendSnapshot {
        try commit()
        return committedSnapshot()
    }

    /// A commit whose syncs are run at once; whether one was due.
    func commitIfDue(now: Instant) throws(BackendError) -> Bool {
        guard let sync = try beginCommitIfDue(now: now) else { return false }
        return try finishCommit(sync)
    }
}

/// The key of a revision as the store writes it.
func revisionKey(_ main: Int, _ sub: Int = 0) -> Bytes {
    var bytes: [UInt8] = []
    withUnsafeBytes(of: Int64(main).bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(0x5F)
    withUnsafeBytes(of: Int64(sub).bigEndian) { bytes.append(contentsOf: $0) }
    return Bytes(bytes)
}

/// What must be in each bucket.
struct Model: Equatable, Sendable, CustomStringConvertible {
    var buckets: [[Bytes: Bytes]] = TestBuckets.all.map { _ in [:] }

    /// Short: a failed comparison prints it.
    var description: String { "\(buckets.map(\.count)) keys" }

    mutating func put(_ bucket: Bucket, _ key: Bytes, _ value: Bytes) {
        buckets[bucket.number][key] = value
    }

    mutating func delete(_ bucket: Bucket, _ key: Bytes) {
        buckets[bucket.number][key] = nil
    }

    func entries(_ bucket: Bucket, from: Bytes, to: Bytes?) -> [Entry] {
        buckets[bucket.number]
            .filter { key, _ in
                if let to, to <= key { return false }
                return from <= key
            }
            .map { Entry(key: $0, value: $1) }
            .sorted { $0.key < $1.key }
    }
}

struct Entry: Equatable {
    let key: Bytes
    let value: Bytes
}

extension ReadView {
    func entries(_ bucket: Bucket, from: Bytes = .empty, to: Bytes? = nil) -> [Entry] {
        var entries: [Entry] = []
        scan(bucket, from: from, to: to) { key, value in
            entries.append(Entry(key: Bytes(Array(key)), value: Bytes(Array(value))))
            return true
        }
        return entries
    }

    /// Everything, by scans.
    var content: Model {
        var model = Model()
        for bucket in TestBuckets.all {
            for entry in entries(bucket) { model.put(bucket, entry.key, entry.value) }
        }
        return model
    }
}

/// Writes and the model of them, drawn from a seed.
struct RandomWriter {
    var random: RandomSource
    var model = Model()
    private var revision = 0

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    /// A short key, so that the same ones come again; some longer than a comparison of words.
    mutating func randomKey() -> Bytes {
        let length = 1 + random.below(3) + (random.oneIn(4) ? 8 : 0)
        return Bytes((0..<length).map { _ in UInt8(random.below(4)) * 80 })
    }

    mutating func randomValue() -> Bytes {
        let length = random.oneIn(50) ? 5_000 + random.below(20_000) : random.below(60)
        return Bytes([UInt8](repeating: UInt8(random.below(256)), count: length))
    }

    /// One operation: mostly new revisions, some overwriting, some deletions.
    mutating func write(to backend: Backend) {
        let bucket = TestBuckets.all[random.below(3)]
        if bucket == TestBuckets.key, !random.oneIn(3) {
            revision += 1
            put(backend, bucket, revisionKey(revision, random.below(2)), randomValue())
        } else if bucket == TestBuckets.key {
            let key = revisionKey(1 + random.below(revision + 1), random.below(2))
            delete(backend, bucket, key)
        } else if random.oneIn(3) {
            delete(backend, bucket, randomKey())
        } else {
            put(backend, bucket, randomKey(), randomValue())
        }
    }

    mutating func put(_ backend: Backend, _ bucket: Bucket, _ key: Bytes, _ value: Bytes) {
        backend.put(bucket, key: key, value: value)
        model.put(bucket, key, value)
    }

    mutating func delete(_ backend: Backend, _ bucket: Bucket, _ key: Bytes) {
        backend.delete(bucket, key: key)
        model.delete(bucket, key)
    }

    /// Lookups and scans from random places.
    mutating func spotCheck(_ view: ReadView) {
        let bucket = TestBuckets.all[random.below(3)]
        let isRevision = bucket == TestBuckets.key
        let key = isRevision ? revisionKey(random.below(revision + 2)) : randomKey()
        let other = isRevision ? revisionKey(random.below(revision + 2)) : randomKey()
        let expected = model.buckets[bucket.number][key]
        #expect(view.get(bucket, key: key) == expected)
        let inPlace = key.withUnsafeBytes { key in
            var found: Bytes?
            _ = view.withValue(bucket, key) { found = Bytes(Array($0)) }
            return found
        }
        #expect(inPlace == expected)
        let to = random.oneIn(3) ? nil : max(key, other)
        let from = min(key, other)
        #expect(
            view.entries(bucket, from: from, to: to)
                == model.entries(bucket, from: from, to: to))
    }
}
