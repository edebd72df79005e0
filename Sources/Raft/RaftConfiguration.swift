//  The settings of one raft member, fixed for its life.

import RuntimeCore

/// How one member takes part: timing in ticks, safety options, bounds.
package struct RaftConfiguration: Sendable {
    package var id: MemberID
    /// The base E of the election timeout; the actual one is drawn from `E...2E-1`.
    package var electionTicks: Int
    package var heartbeatTicks: Int
    /// Ask whether an election could be won before raising the term (thesis 9.6).
    package var preVote: Bool
    /// A leader that hears from no quorum for one election timeout steps down, and a voter that
    /// hears from its leader ignores candidates (thesis 6.2 and 4.2.3).
    package var checkQuorum: Bool
    package var maxMessageBytes: Int
    package var maxInflightMessages: Int
    package var maxCommittedBytesPerReady: Int
    /// Payload that may be appended here but not committed yet before proposals are refused.
    package var maxUncommittedBytes: Int

    package init(
        id: MemberID, electionTicks: Int = 10, heartbeatTicks: Int = 1, preVote: Bool = true,
        checkQuorum: Bool = true, maxMessageBytes: Int = Limits.appendMessageBytesMax,
        maxInflightMessages: Int = Limits.inflightAppendsMax,
        maxCommittedBytesPerReady: Int = Limits.applyBatchBytesMax,
        maxUncommittedBytes: Int = 1 << 30
    ) {
        precondition(id != .none, "a member needs an id")
        precondition(heartbeatTicks > 0 && electionTicks > heartbeatTicks)
        precondition(maxInflightMessages > 0)
        self.id = id
        self.electionTicks = electionTicks
        self.heartbeatTicks = heartbeatTicks
        self.preVote = preVote
        self.checkQuorum = checkQuorum
        self.maxMessageBytes = maxMessageBytes
        self.maxInflightMessages = maxInflightMessages
        self.maxCommittedBytesPerReady = maxCommittedBytesPerReady
        self.maxUncommittedBytes = maxUncommittedBytes
    }
}

/// Why a proposal was not taken; the proposer may try again later or elsewhere.
package enum ProposalError: Error, Sendable, Hashable {
    /// Nobody is known to lead.
    case noLeader
    /// This leader is handing over.
    case transferring
    /// Too much is waiting to be committed.
    case uncommittedBytesExceeded
    /// This leader is no longer part of the configuration.
    case notMember
}
