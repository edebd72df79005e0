//  The leases: granted and revoked by the log, renewed and ended by the primary.

package import EtcdBackend
import EtcdProto
package import RuntimeCore
import Synchronization

/// All leases of this member.
///
/// Two halves. What the log decides (`grant`, `remove`, `checkpoint`, attachments) is the same on
/// every member; the apply thread calls it, and time plays no part in it. What happens on the
/// *primary* (the leader, between `promote` and `demote`) is when leases end: renewals come from
/// any thread, `takeExpired` says what the owner should propose to revoke. Instants are those of
/// one monotonic clock.
///
/// A lease never ends before its TTL has passed since it was last granted or renewed on the
/// primary, or since a new primary began. One whose time is up is offered for revocation until it
/// is gone.
package final class Lessor: Sendable {
    /// What differs between clusters.
    package struct Settings: Sendable {
        /// Shorter TTLs are raised to it: a lease must outlive an election.
        package var minimumTTLSeconds: Int64
        /// Whether the primary proposes what is left of long leases, so that a new one goes on
        /// from there instead of from the beginning.
        package var checkpoints: Bool

        package init(minimumTTLSeconds: Int64, checkpoints: Bool = false) {
            self.minimumTTLSeconds = minimumTTLSeconds
            self.checkpoints = checkpoints
        }
    }

    /// Longest TTL; beyond it nanoseconds overflow (etcd's value).
    package static let ttlSecondsMax: Int64 = 9_000_000_000
    /// Pause before a revocation that did not happen is proposed again (etcd's value).
    static let retrySeconds: Int64 = 3
    /// Leases with more than this left are checkpointed, and so often (etcd's value).
    static let checkpointSeconds: Int64 = 300
    /// Leases that may end in one second after a change of leader (etcd's value), so that piled
    /// up ones leave room for others.
    static let expiriesPerSecondMax = 750
    /// Outdated hints looked at in one call, so that nobody waits long for the lock.
    static let hintsPerCallMax = 4_096

    package static let bucket = Bucket(name: Bytes("lease"), number: 2)
    package static let buckets = [bucket]

    let settings: Settings
    let state = Mutex(State())

    struct State {
        var leases: [Int64: Lease] = [:]
        var isPrimary = false
        /// On the primary: for each lease one entry that counts, not later than `expiryDue`.
        var expiries = DeadlineQueue()
        /// On the primary: for each lease that may need a checkpoint one entry that counts.
        var checkpoints = DeadlineQueue()
    }

    package init(settings: Settings) { self.settings = settings }

    // MARK: reads, from any thread

    package func contains(_ id: Int64) -> Bool { state.withLock { $0.leases[id] != nil } }

    package var count: Int { state.withLock { $0.leases.count } }

    package var isPrimary: Bool { state.withLock { $0.isPrimary } }

    /// The keys that hang on a lease, sorted.
    package func keys(of id: Int64) throws(LeaseError) -> [Bytes] {
        guard let keys = state.withLock({ $0.leases[id]?.keys }) else { throw .notFound }
        return keys.sorted()
    }

    /// The keys that hang on a lease, in no order; none when there is no such lease.
    package func unorderedKeys(of id: Int64) -> Set<Bytes> {
        state.withLock { $0.leases[id]?.keys } ?? []
    }

    /// `nil` when there is no such lease.
    package func timeToLive(_ id: Int64, withKeys: Bool, now: Instant) -> LeaseView? {
        let found = state.withLock { state in state.leases[id].map { ($0, state.isPrimary) } }
        guard let (lease, isPrimary) = found else { return nil }
        let left = lease.deadline.nanoseconds(since: now) / 1_000_000_000
        return LeaseView(
            ttl: isPrimary ? Int64(left) : lease.ttl, grantedTTL: lease.ttl,
            keys: withKeys ? lease.keys.sorted() : [])
    }

    /// All leases, on the primary those first that end first.
    package func leases() -> [Int64] {
        let all = state.withLock { state in state.leases.map { ($0.value.deadline, $0.key) } }
        return all.sorted { $0 < $1 }.map(\.1)
    }

    // MARK: the log's side, on the apply thread

    /// Makes a lease and returns its TTL. An id of 0 must have been replaced before.
    package func grant(
        id: Int64, ttl: Int64, to backend: Backend, now: Instant
    ) throws(LeaseError) -> Int64 {
        if id == 0 { throw .notFound }
        if ttl > Self.ttlSecondsMax { throw .ttlTooLarge }
        let effective = max(ttl, settings.minimumTTLSeconds)
        let isNew = state.withLock { state in
            if state.leases[id] != nil { return false }
            state.leases[id] = Lease(ttl: effective, remainingTTL: 0)
            if state.isPrimary {
                state.start(id, now: now, checkpoints: settings.checkpoints)
            }
            return true
        }
        if !isNew { throw .exists }
        store(LeaseRecord(id: id, ttl: effective), in: backend)
        return effective
    }

    /// Forgets a lease whose keys are deleted already; an unknown one is ignored.
    package func remove(_ id: Int64, from backend: Backend) {
        let wasThere = state.withLock { state in
            guard state.leases.removeValue(forKey: id) != nil else { return false }
            state.purge()
            return true
        }
        if wasThere { backend.delete(Self.bucket, key: Self.key(of: id)) }
    }

    /// A key hangs on a lease from now on; without the lease nothing happens, here and below.
    package func attach(_ key: Bytes, to id: Int64) {
        state.withLock { _ = $0.leases[id]?.keys.insert(key) }
    }

    package func detach(_ key: Bytes, from id: Int64) {
        state.withLock { _ = $0.leases[id]?.keys.remove(key) }
    }

    /// Takes note of what is left of a lease; 0 means all of its TTL.
    package func checkpoint(
        id: Int64, remainingTTL: Int64, backend: Backend, persists: Bool
    ) {
        let lease = state.withLock { state -> Lease? in
            guard let lease = state.leases[id] else { return nil }
            state.leases[id]!.remainingTTL = max(0, min(remainingTTL, lease.ttl))
            state.leases[id]!.hasProposedCheckpoint = false
            return state.leases[id]
        }
        guard let lease, persists else { return }
        store(
            LeaseRecord(id: id, ttl: lease.ttl, remainingTTL: lease.remainingTTL), in: backend)
    }

    /// Replaces all leases by those of the database. They last until somebody is promoted. Their
    /// keys are attached afterwards by whoever knows them.
    package func recover(from backend: Backend) throws(LeaseError) {
        var leases: [Int64: Lease] = [:]
        var problem: LeaseError?
        backend.scan(Self.bucket, from: .empty, to: nil) { key, value in
            guard let record = Self.record(key, value) else {
                problem = .corrupt(
                    "a lease of \(value.count) bytes under a key of \(key.count) bytes")
                return false
            }
            leases[record.id] = Lease(
                ttl: max(record.ttl, settings.minimumTTLSeconds),
                remainingTTL: max(0, record.remainingTTL))
            return true
        }
        if let problem { throw problem }
        state.withLock { state in
            state = State()
            state.leases = leases
        }
    }

    // MARK: rows

    private func store(_ record: LeaseRecord, in backend: Backend) {
        var value: [UInt8] = []
        record.encode(into: &value)
        backend.put(Self.bucket, key: Self.key(of: record.id), value: Bytes(value))
    }

    private static func key(of id: Int64) -> Bytes {
        Bytes(withUnsafeBytes(of: id.bigEndian) { Array($0) })
    }

    private static func record(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> LeaseRecord? {
        guard key.count == 8, let record = try? LeaseRecord(decoding: Bytes(Array(value))),
            record.id == Int64(bigEndian: key.loadUnaligned(as: Int64.self)), record.id != 0,
            record.ttl <= ttlSecondsMax
        else { return nil }
        return record
    }
}
