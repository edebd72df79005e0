//  What leaves the consensus role once the log has caught up with it.

import Raft

/// A `Ready` that is not durable yet.
struct OutstandingReady {
    private(set) var number: UInt64
    private(set) var messages: [Message]
    let snapshot: Snapshot?
    /// Needs no write of its own, only the completion of its predecessors.
    let isWritten: Bool

    init(_ ready: Ready, isWritten: Bool) {
        number = ready.number
        messages = ready.messagesAfterPersist
        snapshot = ready.snapshot
        self.isWritten = isWritten
    }

    /// Takes in the `Ready` after it, which needs no write either. A message that supersedes the
    /// last one to its receiver takes its place: behind a disk that is full they would gather with
    /// every heartbeat.
    mutating func join(_ next: Ready) {
        number = next.number
        for message in next.messagesAfterPersist {
            if let last = messages.lastIndex(where: { $0.to == message.to }),
                message.supersedes(messages[last])
            {
                messages[last] = message
            } else {
                messages.append(message)
            }
        }
    }
}

extension Message {
    /// True when whoever gets this one loses nothing without `earlier`, the last message before it
    /// to the same member: it says the same, or acknowledges as much of the same leader's log.
    fileprivate func supersedes(_ earlier: Message) -> Bool {
        if self == earlier { return true }
        return kind == .appendResponse && earlier.kind == .appendResponse && term == earlier.term
            && !reject && !earlier.reject && index >= earlier.index
    }
}
