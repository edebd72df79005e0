//  Who reads which committed state: the one thing that the writer and all readers share.

import Synchronization

/// The committed states that somebody can still see, by transaction.
///
/// Shared by the writer, the registry and every snapshot; separate from the registry, which holds
/// the newest snapshot, so that nothing holds itself.
final class LiveStates: Sendable {
    private struct State {
        /// Ascending; one per snapshot object. The newest state is always among them.
        var transactions: [UInt64] = []
        var damage: BoltError?
    }

    private let state = Mutex(State())

    func add(_ transaction: UInt64) {
        state.withLock { $0.transactions.append(transaction) }
    }

    func remove(_ transaction: UInt64) {
        state.withLock { state in
            if let index = state.transactions.firstIndex(of: transaction) {
                state.transactions.remove(at: index)
            }
        }
    }

    var count: Int { state.withLock { $0.transactions.count } }
    /// Pages freed by a later transaction than this one may still be read.
    var oldest: UInt64? { state.withLock { $0.transactions.first } }

    /// The first finding stays.
    func report(_ error: BoltError) {
        state.withLock { if $0.damage == nil { $0.damage = error } }
    }

    var damage: BoltError? { state.withLock { $0.damage } }
}

/// Where readers get the newest committed state, from any thread.
package final class SnapshotRegistry: Sendable {
    let live: LiveStates
    private let newest: Mutex<Snapshot>

    init(newest: Snapshot, live: LiveStates) {
        self.live = live
        self.newest = Mutex(newest)
    }

    /// The newest committed state. Its pages are not reused until the last reference to the
    /// snapshot is gone.
    package func pin() -> Snapshot { newest.withLock { $0 } }

    /// Older states that readers still hold.
    package var openSnapshots: Int { max(0, live.count - 1) }

    /// The first damaged page that a reader came across: the reader saw nothing in its place.
    package var damage: BoltError? { live.damage }

    /// The writer's side: from now on `pin` gives `snapshot`.
    func publish(_ snapshot: Snapshot) {
        // The replaced one is released behind the lock: its end takes another lock.
        let replaced = newest.withLock { current in
            let old = current
            current = snapshot
            return old
        }
        precondition(replaced.transactionID < snapshot.transactionID)
    }
}
