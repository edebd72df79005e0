//  The queue in front of a role.

import RuntimeCore
import RuntimePosix
import Synchronization

/// Many writers, one reader that takes the whole backlog at once.
///
/// Here and not beside `RoleThread`, so that it is compiled for its messages: across modules it
/// would find its way through the runtime at every post.
final class Mailbox<Message: Sendable>: Port, MailSource {
    private struct Content {
        var messages: [Message] = []
        var tellReader: (@Sendable () -> Void)?
    }

    private let capacity: Int
    private let content: Mutex<Content>
    /// Whether `content` holds messages; written under its lock, read without.
    private let hasMail: Atomic<Bool>

    /// - Parameter capacity: the bound for `post`; `postReserved` may go beyond it.
    init(capacity: Int) {
        self.capacity = capacity
        content = Mutex(Content())
        hasMail = Atomic(false)
    }

    func post(_ message: Message) -> Bool { add(message, limit: capacity) }

    /// For what another role of the same member has to say: bounded by the work that role has in
    /// flight, so it always has a place, however many clients wait.
    func postReserved(_ message: Message) {
        precondition(
            add(message, limit: capacity + Limits.roleQueueMax), "a role's queue is full")
    }

    private func add(_ message: Message, limit: Int) -> Bool {
        var isTaken = true
        let tellReader: (@Sendable () -> Void)? = content.withLock { content in
            guard content.messages.count < limit else {
                isTaken = false
                return nil
            }
            content.messages.append(message)
            // The reader takes everything: only the first one has to wake it.
            guard content.messages.count == 1 else { return nil }
            hasMail.store(true, ordering: .sequentiallyConsistent)
            return content.tellReader
        }
        tellReader?()
        return isTaken
    }

    var count: Int { content.withLock { $0.messages.count } }

    var isEmpty: Bool { !hasMail.load(ordering: .sequentiallyConsistent) }

    /// - Parameter tellReader: called on the thread of whoever posts into an empty queue.
    func attach(_ tellReader: @escaping @Sendable () -> Void) {
        content.withLock { $0.tellReader = tellReader }
    }

    /// Exchanges the backlog for `empty`, whose capacity is used again.
    func drain(into empty: inout [Message]) {
        content.withLock { content in
            swap(&content.messages, &empty)
            hasMail.store(false, ordering: .sequentiallyConsistent)
        }
    }
}

extension RoleThread {
    /// Adds a role; before `start` only.
    ///
    /// - Parameters:
    ///   - build: makes the role on the thread, so that it need not be Sendable.
    ///   - route: called after each run that said something, by whoever drives.
    func host<R: Role & ~Copyable>(
        _ mailbox: Mailbox<R.Input>, build: @escaping @Sendable () -> R,
        route: @escaping @Sendable ([R.Output]) -> Void
    ) {
        add(mailbox) {
            let hosted = HostedRole(build())
            return RoleDriver(mailbox: mailbox, wakeAt: { hosted.role.wakeAt }) { now in
                mailbox.drain(into: &hosted.inputs)
                hosted.role.run(hosted.inputs, now: now, outputs: &hosted.outputs)
                hosted.inputs.removeAll(keepingCapacity: true)
                if hosted.outputs.isEmpty { return }
                route(hosted.outputs)
                hosted.outputs.removeAll(keepingCapacity: true)
            }
        }
        mailbox.attach { [weak self] in self?.mailArrived() }
    }
}

/// A role and the arrays that it uses again and again.
private final class HostedRole<R: Role & ~Copyable> {
    var role: R
    var inputs: [R.Input] = []
    var outputs: [R.Output] = []

    init(_ role: consuming R) { self.role = role }
}
