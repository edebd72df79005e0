//  A commit on its way to the device.

import Bolt
import RuntimeCore
import Synchronization

/// The syncs of a commit that everybody sees already. Made by `Backend.beginCommitIfDue`, run once
/// on any thread, ended by `Backend.finishCommit`.
package final class CommitSync: Sendable {
    let pending: PendingSync
    private let clock: (any Clock)?
    private let tookNanoseconds = Atomic<UInt64>(0)

    init(_ pending: PendingSync, clock: (any Clock)?) {
        self.pending = pending
        self.clock = clock
    }

    /// How long `run` took.
    var nanoseconds: UInt64 { tookNanoseconds.load(ordering: .acquiring) }

    /// Blocks for as long as the device takes. What went wrong is told by `finishCommit`.
    package func run() {
        guard let clock else { return pending.run() }
        let start = clock.monotonic()
        pending.run {
            tookNanoseconds.store(
                clock.monotonic().nanoseconds(since: start), ordering: .releasing)
        }
    }
}
