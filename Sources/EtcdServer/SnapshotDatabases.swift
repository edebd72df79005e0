//  Databases on their way to followers: the apply role pins one, whoever carries the snapshot
//  message to its follower takes it along.

package import EtcdBackend
package import Raft
import RuntimeCore
import Synchronization

package final class SnapshotDatabases: Sendable {
    private struct Pinned {
        let database: BackendSnapshot
        let since: Instant
    }

    /// A snapshot message that consensus never sent must not hold old pages for ever.
    private static let unclaimedMilliseconds: UInt64 = 30_000

    private let pinned = Mutex<[MemberID: Pinned]>([:])

    package init() {}

    func put(_ database: BackendSnapshot, for peer: MemberID, now: Instant) {
        pinned.withLock { $0[peer] = Pinned(database: database, since: now) }
    }

    /// The database that belongs to the snapshot message for `peer`.
    package func take(for peer: MemberID) -> BackendSnapshot? {
        pinned.withLock { $0.removeValue(forKey: peer)?.database }
    }

    func dropUnclaimed(now: Instant) {
        pinned.withLock { pinned in
            let oldest = SnapshotDatabases.unclaimedMilliseconds
            pinned = pinned.filter { $0.value.since.advanced(byMilliseconds: oldest) > now }
        }
    }
}
