//  What happened inside the core that an operator wants to read in the log.

/// One noteworthy step, reported in `Ready.events` in the order it happened.
package enum RaftEvent: Sendable, Hashable {
    case becameFollower(term: Term)
    case becamePreCandidate(term: Term)
    case becameCandidate(term: Term)
    case becameLeader(term: Term)
    case leaderElected(MemberID, term: Term)
    case leaderLost(MemberID, term: Term)
    /// The election timeout passed, or somebody asked for a campaign.
    case startedElection(term: Term)
    /// This leader heard from no quorum for an election timeout.
    case quorumLost(term: Term)
    case startedTransfer(to: MemberID)
    case abortedTransfer(to: MemberID)
    /// A change that is committed but makes no valid configuration; nothing was changed.
    case ignoredConfChange(ConfChangeError)
    /// A message that no correct member could have sent; it was dropped.
    case droppedInvalidMessage(from: MemberID, Message.Kind)
    /// The leader says that entries are committed which this member acknowledged but no longer
    /// has: its disk lost data, or an older copy of it was put in place. The core takes no part any
    /// more; the member must be stopped and replaced.
    case lostEntries(committed: LogIndex, lastIndex: LogIndex)
}
