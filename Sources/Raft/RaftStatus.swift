//  A look at the core from outside.

/// What one member knows at this moment.
package struct RaftStatus: Sendable, Hashable {
    package var id: MemberID
    package var term: Term
    package var vote: MemberID
    package var commit: LogIndex
    package var applied: LogIndex
    package var firstIndex: LogIndex
    package var lastIndex: LogIndex
    package var leader: MemberID
    package var role: RaftRole
    package var leadTransferee: MemberID
    package var confState: ConfState
    /// Only on a leader, sorted by id; otherwise empty.
    package var progress: [MemberProgress]
}

/// How far a leader has brought one member.
package struct MemberProgress: Sendable, Hashable {
    package enum State: Sendable, Hashable {
        /// The leader looks for the place where the logs agree: one message per heartbeat.
        case probe
        /// The logs agree up to `match`; entries stream without waiting.
        case replicate
        /// Waits for a snapshot to arrive; no entries are sent.
        case snapshot
    }

    package var id: MemberID
    package var match: LogIndex
    package var next: LogIndex
    package var state: State
    package var recentActive: Bool
    package var isLearner: Bool
}
