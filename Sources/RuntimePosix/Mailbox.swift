//  The queue in front of a role.

import RuntimeCore
import Synchronization

/// Many writers, one reader that takes the whole backlog at once.
package final class Mailbox<Message: Sendable>: Port {
    private struct Content {
        var messages: [Message] = []
        var signal: Signal?
    }

    private let capacity: Int
    private let content = Mutex(Content())

    /// - Parameter capacity: the bound for `post`; `postReserved` may go beyond it.
    package init(capacity: Int) { self.capacity = capacity }

    package func post(_ message: Message) -> Bool { add(message, limit: capacity) }

    /// For what another role of the same member has to say: bounded by the work that role has in
    /// flight, so it always has a place, however many clients wait.
    package func postReserved(_ message: Message) {
        precondition(
            add(message, limit: capacity + Limits.roleQueueMax), "a role's queue is full")
    }

    private func add(_ message: Message, limit: Int) -> Bool {
        let (isTaken, signal): (Bool, Signal?) = content.withLock { content in
            guard content.messages.count < limit else { return (false, nil) }
            content.messages.append(message)
            // The reader takes everything: only the first one has to wake it.
            return (true, content.messages.count == 1 ? content.signal : nil)
        }
        signal?.wake()
        return isTaken
    }

    package var count: Int { content.withLock { $0.messages.count } }
    var isEmpty: Bool { content.withLock { $0.messages.isEmpty } }

    func attach(_ signal: Signal) { content.withLock { $0.signal = signal } }

    /// Exchanges the backlog for `empty`, whose capacity is used again.
    func drain(into empty: inout [Message]) {
        content.withLock { content in
            let backlog = content.messages
            content.messages = empty
            empty = backlog
        }
    }
}
