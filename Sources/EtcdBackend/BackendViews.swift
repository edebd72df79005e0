//  Where readers get the newest state from, on any thread.

import Bolt
import Synchronization

/// Hands out views.
///
/// All views of one generation are the same object: taking one costs a short lock and a reference.
package final class BackendViews: Sendable {
    private struct State {
        var view: ReadView
        /// Of the file that the view reads.
        var registry: SnapshotRegistry
        var sizeBytes: Int
        var inUseBytes: Int
    }

    private let state: Mutex<State>

    init(_ view: ReadView, of database: Database) {
        state = Mutex(BackendViews.state(view, database))
    }

    package func view() -> ReadView { state.withLock { $0.view } }

    /// The size as etcd counts it: all pages that are or were in use.
    package var sizeBytes: Int { state.withLock { $0.sizeBytes } }
    package var inUseBytes: Int { state.withLock { $0.inUseBytes } }

    /// Older states of the present file that readers, snapshots or a defragmentation hold.
    package var openViews: Int { state.withLock { $0.registry }.openSnapshots }

    /// The first damaged page that a reader met: it saw nothing where something was. Every commit
    /// fails from then on.
    package var damage: BackendError? {
        state.withLock { $0.registry }.damage.map { BackendError($0) }
    }

    /// The owner's side: what `view` gives from now on.
    func publish(_ view: ReadView, of database: Database) {
        let next = BackendViews.state(view, database)
        // The old view may hold the last reference to its snapshot: it ends outside the lock.
        let old = state.withLock { state in
            let old = state
            state = next
            return old
        }
        withExtendedLifetime(old) {}
    }

    private static func state(_ view: ReadView, _ database: Database) -> State {
        let size = database.highWaterBytes
        return State(
            view: view, registry: database.snapshots, sizeBytes: size,
            inUseBytes: size - database.freeBytes)
    }
}
