//  The values that raft members exchange and keep. Numbers and names are those of etcd's wire form
//  (spec peer-and-disk 3.1); this module knows nothing of their bytes.

package import RuntimeCore

/// One place of the replicated log.
package struct Entry: Sendable, Hashable {
    package enum Kind: UInt64, Sendable {
        case normal = 0
        case confChange = 1
        case confChangeV2 = 2
    }

    package var term: Term
    package var index: LogIndex
    package var kind: Kind
    /// Empty for the entry that opens a leader's term.
    package var data: Bytes

    package init(term: Term, index: LogIndex, kind: Kind = .normal, data: Bytes = .empty) {
        self.term = term
        self.index = index
        self.kind = kind
        self.data = data
    }
}

/// What a member must never forget: synced before any message that depends on it leaves.
package struct HardState: Sendable, Hashable {
    package var term: Term
    package var vote: MemberID
    package var commit: LogIndex

    package static let initial = HardState(term: 0, vote: .none, commit: 0)

    package init(term: Term, vote: MemberID, commit: LogIndex) {
        self.term = term
        self.vote = vote
        self.commit = commit
    }
}

/// Who takes part, as fixed by the log up to some index. Lists are sorted.
package struct ConfState: Sendable, Hashable {
    package var voters: [MemberID]
    package var learners: [MemberID]
    /// Voters of the outgoing half while a joint configuration is in force.
    package var votersOutgoing: [MemberID]
    /// Voters of the outgoing half that become learners when the joint phase ends.
    package var learnersNext: [MemberID]
    package var autoLeave: Bool

    package init(
        voters: [MemberID] = [], learners: [MemberID] = [], votersOutgoing: [MemberID] = [],
        learnersNext: [MemberID] = [], autoLeave: Bool = false
    ) {
        self.voters = voters
        self.learners = learners
        self.votersOutgoing = votersOutgoing
        self.learnersNext = learnersNext
        self.autoLeave = autoLeave
    }
}

package struct SnapshotMetadata: Sendable, Hashable {
    package var confState: ConfState
    package var index: LogIndex
    package var term: Term

    package init(confState: ConfState = ConfState(), index: LogIndex, term: Term) {
        self.confState = confState
        self.index = index
        self.term = term
    }
}

/// The state machine up to `metadata.index`; `data` is opaque here.
package struct Snapshot: Sendable, Hashable {
    package var metadata: SnapshotMetadata
    package var data: Bytes

    package init(metadata: SnapshotMetadata, data: Bytes = .empty) {
        self.metadata = metadata
        self.data = data
    }
}

/// A message between members, or from a member to itself.
package struct Message: Sendable, Hashable {
    package enum Kind: UInt64, Sendable, CaseIterable {
        case hup = 0
        case beat = 1
        case propose = 2
        case append = 3
        case appendResponse = 4
        case vote = 5
        case voteResponse = 6
        case snapshot = 7
        case heartbeat = 8
        case heartbeatResponse = 9
        case unreachable = 10
        case snapshotStatus = 11
        case checkQuorum = 12
        case transferLeader = 13
        case timeoutNow = 14
        case readIndex = 15
        case readIndexResponse = 16
        case preVote = 17
        case preVoteResponse = 18
        case storageAppend = 19
        case storageAppendResponse = 20
        case storageApply = 21
        case storageApplyResponse = 22
        case forgetLeader = 23
    }

    package var kind: Kind
    package var to: MemberID
    package var from: MemberID
    /// 0 only for proposals and read-index requests, which are forwarded without a term.
    package var term: Term
    /// Term of the entry at `index`.
    package var logTerm: Term
    package var index: LogIndex
    package var entries: [Entry]
    package var commit: LogIndex
    package var vote: UInt64
    package var snapshot: Snapshot?
    package var reject: Bool
    package var rejectHint: LogIndex
    package var context: Bytes

    package init(
        _ kind: Kind, to: MemberID = .none, from: MemberID = .none, term: Term = 0,
        logTerm: Term = 0, index: LogIndex = 0, entries: [Entry] = [], commit: LogIndex = 0,
        vote: UInt64 = 0, snapshot: Snapshot? = nil, reject: Bool = false,
        rejectHint: LogIndex = 0, context: Bytes = .empty
    ) {
        self.kind = kind
        self.to = to
        self.from = from
        self.term = term
        self.logTerm = logTerm
        self.index = index
        self.entries = entries
        self.commit = commit
        self.vote = vote
        self.snapshot = snapshot
        self.reject = reject
        self.rejectHint = rejectHint
        self.context = context
    }
}

/// A change of one member, the form that etcd proposes.
package struct ConfChange: Sendable, Hashable {
    package enum Kind: UInt64, Sendable {
        case addNode = 0
        case removeNode = 1
        case updateNode = 2
        case addLearnerNode = 3
    }

    /// The proposer's request id, so that it recognises its own change.
    package var id: UInt64
    package var kind: Kind
    package var node: MemberID
    package var context: Bytes

    package init(id: UInt64, kind: Kind, node: MemberID, context: Bytes = .empty) {
        self.id = id
        self.kind = kind
        self.node = node
        self.context = context
    }
}

/// Several changes at once, possibly through a joint configuration.
package struct ConfChangeV2: Sendable, Hashable {
    package enum Transition: UInt64, Sendable {
        case auto = 0
        case jointImplicit = 1
        case jointExplicit = 2
    }

    package struct Single: Sendable, Hashable {
        package var kind: ConfChange.Kind
        package var node: MemberID

        package init(kind: ConfChange.Kind, node: MemberID) {
            self.kind = kind
            self.node = node
        }
    }

    package var transition: Transition
    package var changes: [Single]
    package var context: Bytes

    package init(transition: Transition = .auto, changes: [Single] = [], context: Bytes = .empty) {
        self.transition = transition
        self.changes = changes
        self.context = context
    }
}
