//  Followers whose snapshots cannot be made at once.

import Raft
import RuntimeCore

/// Whom the apply role owes a snapshot, or word that there is none.
struct SnapshotRequests {
    /// A full disk does not get emptier by being asked at once again.
    private static let refusalMilliseconds: UInt64 = 500

    /// They get theirs once the configuration is known again.
    private var held: [MemberID] = []
    /// The disk had no room for theirs; consensus, which then asks again, is told with delay.
    private var refused: [(peer: MemberID, until: Instant)] = []

    mutating func hold(_ peer: MemberID) { held.append(peer) }

    mutating func takeHeld() -> [MemberID] {
        defer { held = [] }
        return held
    }

    mutating func refuse(_ peer: MemberID, now: Instant) {
        let until = now.advanced(byMilliseconds: SnapshotRequests.refusalMilliseconds)
        refused.append((peer, until))
    }

    /// Those for whom it may be tried again.
    mutating func takeRefused(now: Instant) -> [MemberID] {
        let due = refused.filter { $0.until <= now }.map(\.peer)
        refused.removeAll { $0.until <= now }
        return due
    }

    /// What was asked for it before is void: it is asked for anew.
    mutating func forget(_ peer: MemberID) {
        held.removeAll { $0 == peer }
        refused.removeAll { $0.peer == peer }
    }

    /// Nobody waits any more: this member follows.
    mutating func forgetAll() {
        held = []
        refused = []
    }
}
