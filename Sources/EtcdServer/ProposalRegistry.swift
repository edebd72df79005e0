//  Who waits for which request.

import Synchronization

/// Request id → waiting address. Entered by event loops, emptied by whichever role learns the
/// outcome first; an id that is gone has been answered and later outcomes for it are dropped.
package final class ProposalRegistry: Sendable {
    private let waiting = Mutex<[UInt64: ReplyAddress]>([:])

    package init() {}

    package var count: Int { waiting.withLock { $0.count } }

    func register(_ id: UInt64, _ address: ReplyAddress) {
        waiting.withLock { waiting in
            let previous = waiting.updateValue(address, forKey: id)
            precondition(previous == nil, "request id used twice")
        }
    }

    func take(_ id: UInt64) -> ReplyAddress? {
        waiting.withLock { $0.removeValue(forKey: id) }
    }

    /// Empties the registry, for a stopping replica; order does not matter to the waiters.
    func takeAll() -> [ReplyAddress] {
        waiting.withLock { waiting in
            let all = waiting.sorted { $0.key < $1.key }.map(\.value)
            waiting.removeAll()
            return all
        }
    }
}
