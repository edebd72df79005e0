//  Work of clients that takes long: away from every role and event loop, and in bounded number.

package import RuntimeCore
import Synchronization

/// Where each kind of long work is done, so that none has to stand in line behind another.
package struct WorkPools: Sendable {
    let passwords: any BackgroundPool
    let scans: any BackgroundPool
    let reads: any BackgroundPool

    package init(
        passwords: any BackgroundPool, scans: any BackgroundPool, reads: any BackgroundPool
    ) {
        self.passwords = passwords
        self.scans = scans
        self.reads = reads
    }

    /// One for all.
    package init(_ pool: any BackgroundPool) {
        self.init(passwords: pool, scans: pool, reads: pool)
    }
}

/// What waits for its turn on a pool. Shared by all event loops.
package final class BoundedWork: Sendable {
    private let pool: any BackgroundPool
    private let limit: Int
    private let pending = Atomic<Int>(0)

    /// - Parameter limit: how much may wait, or be under way.
    package init(on pool: any BackgroundPool, limit: Int) {
        self.pool = pool
        self.limit = limit
    }

    /// False when too much waits already; then `work` will not be called.
    package func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let count = pending.add(1, ordering: .relaxed).newValue
        guard count <= limit else {
            pending.subtract(1, ordering: .relaxed)
            return false
        }
        pool.submit { [self] in
            work()
            pending.subtract(1, ordering: .relaxed)
        }
        return true
    }
}
