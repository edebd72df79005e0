//  A lessor over a database of its own, with time in seconds.

import EtcdBackend
import EtcdProto
import Glibc
import RuntimeCore
import RuntimePosix
import Synchronization

@testable import EtcdLease

/// Seconds after the beginning of the tests' time.
func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000).advanced(
        byNanoseconds: UInt64(seconds * 1_000_000_000))
}

/// A lessor, its database, and the log's side in short forms. The directory goes with it.
final class LeaseFixture {
    private let directory: String
    let backend: Backend
    private(set) var lessor: Lessor
    private let settings: Lessor.Settings

    init(minimum: Int64 = 2, checkpoints: Bool = false) throws {
        var template = Array("/tmp/etcd-swift-test-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        backend = try Backend.open(
            path: directory + "/db", in: PosixFileSystem(), buckets: Lessor.buckets,
            settings: Backend.Settings())
        settings = Lessor.Settings(minimumTTLSeconds: minimum, checkpoints: checkpoints)
        lessor = Lessor(settings: settings)
    }

    deinit { try? PosixFileSystem().removeTree(directory) }

    @discardableResult
    func grant(_ id: Int64, _ ttl: Int64, at now: Instant = at(0)) throws(LeaseError) -> Int64 {
        try lessor.grant(id: id, ttl: ttl, to: backend, now: now)
    }

    func remove(_ id: Int64) { lessor.remove(id, from: backend) }

    func checkpoint(_ id: Int64, _ remaining: Int64, persists: Bool = true) {
        lessor.checkpoint(
            id: id, remainingTTL: remaining, backend: backend, persists: persists)
    }

    /// As after a restart of the member.
    func restart() throws {
        lessor = Lessor(settings: settings)
        try lessor.recover(from: backend)
    }

    /// The rows of the bucket, as they read.
    var rows: [String] {
        var rows: [String] = []
        backend.scan(Lessor.bucket, from: .empty, to: nil) { key, value in
            let record = try? LeaseRecord(decoding: Bytes(Array(value)))
            let id = key.count == 8 ? Int64(bigEndian: key.loadUnaligned(as: Int64.self)) : 0
            rows.append(
                "\(id): " + (record.map { "\($0.id) \($0.ttl) \($0.remainingTTL)" } ?? "?"))
            return true
        }
        return rows
    }
}

extension Lessor {
    /// Entries in the queues, outdated ones included.
    var queuedEntries: Int {
        state.withLock { $0.expiries.count + $0.checkpoints.count }
    }

    func ttl(_ id: Int64, at now: Instant) -> Int64? {
        timeToLive(id, withKeys: false, now: now)?.ttl
    }

    func expired(at now: Instant, max: Int = 500) -> [Int64] { takeExpired(now: now, max: max) }
}
