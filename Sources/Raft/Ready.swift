//  What the outside must do for the core, and in which order.

package import RuntimeCore

package enum RaftRole: Sendable, Hashable {
    case follower, preCandidate, candidate, leader
}

/// Facts about this moment that need not survive a crash.
package struct SoftState: Sendable, Hashable {
    package var leader: MemberID
    package var role: RaftRole

    package init(leader: MemberID, role: RaftRole) {
        self.leader = leader
        self.role = role
    }
}

/// A confirmed linearizable read: serve it once the applied index reaches `index`.
package struct ReadState: Sendable, Hashable {
    package var index: LogIndex
    /// The context that the reader gave, echoed.
    package var context: Bytes

    package init(index: LogIndex, context: Bytes) {
        self.index = index
        self.context = context
    }
}

/// One batch of directives. The driver must
/// 1. send `messages` at once (a leader's appends travel in parallel with its own write),
/// 2. make `snapshot`, then `entries`, then `hardState` durable, in this order,
/// 3. then call `RawNode.persisted(number)` and send `messagesAfterPersist`, which only now may
///    leave: they promise what step 2 made durable,
/// 4. apply `committed` in order and call `RawNode.applied(upTo:)`.
///
/// Readies are numbered from 1; their persistence completes in order. Taking the next `Ready`
/// before the previous one is persisted is allowed and is how writes are pipelined.
package struct Ready: Sendable {
    package var number: UInt64
    /// Present when it changed.
    package var softState: SoftState?
    /// Present when it changed since the last `Ready`.
    package var hardState: HardState?
    package var entries: [Entry]
    package var snapshot: Snapshot?
    /// False when only the commit index changed: then no sync is needed.
    package var mustSync: Bool
    package var messages: [Message]
    package var messagesAfterPersist: [Message]
    /// Committed *and* durable on this member; never handed out twice.
    package var committed: [Entry]
    package var readStates: [ReadState]
    /// Followers that need a snapshot; answer with `RawNode.provideSnapshot`.
    package var snapshotsWanted: [MemberID]
    /// What happened since the last `Ready`, for the log.
    package var events: [RaftEvent] = []

    package init(number: UInt64) {
        self.number = number
        entries = []
        mustSync = false
        messages = []
        messagesAfterPersist = []
        committed = []
        readStates = []
        snapshotsWanted = []
    }

    /// True when something must reach the disk before `messagesAfterPersist` may leave.
    package var needsPersistence: Bool {
        hardState != nil || !entries.isEmpty || snapshot != nil || !messagesAfterPersist.isEmpty
    }
}
