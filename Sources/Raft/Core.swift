//  The heart of a member: its state, the rules about terms that every message passes first, time.
//  What the roles do is in the extensions: elections, replication, reads, membership.

import RuntimeCore

/// The raft state machine. Inputs change state and fill output buffers; nothing else happens here.
struct Core: ~Copyable {
    let settings: RaftConfiguration
    let id: MemberID
    var random: RandomSource

    // Survives crashes, by way of `Ready.hardState`; the commit index is in `log`.
    var term: Term
    var vote: MemberID
    var log: RaftLog

    // Facts of this moment.
    var role = RaftRole.follower
    var leader = MemberID.none
    var tracker: ProgressTracker
    /// Ticks since this follower heard from its leader, or since this leader checked its quorum.
    var electionElapsed = 0
    var heartbeatElapsed = 0
    /// Drawn anew whenever a term or role begins, so that splits resolve (paper 5.2).
    var electionTimeout = 0
    /// Leader only: the member that is to take over, or nobody.
    var leadTransferee = MemberID.none
    /// Leader only: no change of membership may be appended before this index is applied
    /// (thesis 4.1: one at a time).
    var pendingConfIndex: LogIndex = 0
    /// Leader only: payload appended in this term and not yet handed out as committed.
    var uncommittedBytes = 0
    var reads = ReadIndexQueue()
    /// Entries that this member has acknowledged are gone. Votes and acknowledgements of such a
    /// log are worth nothing, so it takes no part any more: no message counts, and no election.
    var hasLostEntries = false
    /// The disk takes nothing for the time being.
    var isStorageFull = false
    /// The hard state of the last `Ready` that became durable.
    var durableTerm: Term
    var durableVote: MemberID

    // Outputs, emptied by `ready()`.
    var messages: [Message] = []
    var messagesAfterPersist: [Message] = []
    var readStates: [ReadState] = []
    var snapshotsWanted: [MemberID] = []
    var events: [RaftEvent] = []

    init(
        settings: RaftConfiguration, random: RandomSource, hardState: HardState,
        confState: ConfState, log: consuming RaftLog
    ) {
        self.settings = settings
        id = settings.id
        self.random = random
        term = hardState.term
        vote = hardState.vote
        durableTerm = hardState.term
        durableVote = hardState.vote
        tracker = ProgressTracker(
            configuration: confState.normalised, next: log.lastIndex.next,
            inflightMax: settings.maxInflightMessages)
        self.log = log
        drawElectionTimeout()
    }

    var hardState: HardState { HardState(term: term, vote: vote, commit: log.committed) }
    var softState: SoftState { SoftState(leader: leader, role: role) }

    /// May this member campaign? Not as a learner, not outside the configuration, not while its
    /// log is a snapshot that is not durable yet, and not with a log that has lost its end.
    var isPromotable: Bool {
        tracker.configuration.isVoter(id) && log.unpersistedSnapshot == nil && !hasLostEntries
    }

    /// Would a vote for itself become durable? One that did not would only cut this member off from
    /// whoever else is elected. The only voter has nobody else to wait for.
    var canKeepVote: Bool { !isStorageFull || tracker.configuration.allVoters == [id] }

    // MARK: Time

    mutating func tick() {
        if role == .leader { tickLeader() } else { tickElection() }
    }

    private mutating func tickElection() {
        electionElapsed += 1
        if isPromotable && electionElapsed >= electionTimeout {
            electionElapsed = 0
            if canKeepVote {
                startElection(.normal)
            } else {
                // The leader is gone all the same.
                forgetLeader()
            }
        }
    }

    private mutating func tickLeader() {
        heartbeatElapsed += 1
        electionElapsed += 1
        if electionElapsed >= settings.electionTicks {
            electionElapsed = 0
            if settings.checkQuorum { checkQuorum() }
            if role == .leader && !tracker.configuration.isVoter(id) {
                becomeFollower(term: term, leader: .none)
            }
            // A transfer that took a whole election timeout will not come to an end.
            if role == .leader { abortTransfer() }
        }
        guard role == .leader else { return }
        if heartbeatElapsed >= settings.heartbeatTicks {
            heartbeatElapsed = 0
            broadcastHeartbeat()
        }
    }

    // MARK: Messages

    mutating func step(_ message: Message) {
        guard !hasLostEntries, message.from != .none, message.to == id || message.to == .none,
            message.isFromPeers
        else { return }
        // An answer from somebody outside the configuration can only be old.
        if message.kind.isResponse && !tracker.contains(message.from) { return }
        if message.term == 0 {
            guard message.kind == .propose || message.kind == .readIndex else { return }
        } else if message.term > term {
            guard entersHigherTerm(message) else { return }
        } else if message.term < term {
            answerLowerTerm(message)
            return
        }
        switch message.kind {
        case .vote, .preVote: answerVoteRequest(message)
        case .propose: try? propose(message.entries, from: message.from)
        case .readIndex: requestRead(message)
        default:
            switch role {
            case .leader: stepLeader(message)
            case .candidate, .preCandidate: stepCandidate(message)
            case .follower: stepFollower(message)
            }
        }
    }

    /// A message of a later term ends ours, with exceptions. False when it must be ignored.
    private mutating func entersHigherTerm(_ message: Message) -> Bool {
        switch message.kind {
        case .vote, .preVote:
            // Whoever still hears from a leader must not let a returning member disturb the
            // cluster (thesis 4.2.3), unless the leader itself asked for the election.
            let leaderIsAlive =
                settings.checkQuorum && leader != .none && electionElapsed < settings.electionTicks
            if leaderIsAlive && message.context != Self.transferContext { return false }
            // A pre-vote asks about a term that has not begun.
            if message.kind == .vote { becomeFollower(term: message.term, leader: .none) }
        case .preVoteResponse where !message.reject:
            // Our own question, echoed with the term we asked about.
            break
        case .append, .heartbeat, .snapshot:
            becomeFollower(term: message.term, leader: message.from)
        default:
            becomeFollower(term: message.term, leader: .none)
        }
        return true
    }

    private mutating func answerLowerTerm(_ message: Message) {
        switch message.kind {
        case .heartbeat, .append:
            guard settings.checkQuorum || settings.preVote else { return }
            // A member whose term ran ahead while it was cut off refuses its leader's messages and,
            // because of the lease or of pre-vote, cannot win an election either. This answer
            // makes the leader step down, so that both meet in a new term.
            send(Message(.appendResponse, to: message.from))
        case .preVote:
            // The candidate may be stuck in an old term; let it see ours.
            send(Message(.preVoteResponse, to: message.from, reject: true))
        default:
            break
        }
    }

    private mutating func stepLeader(_ message: Message) {
        guard let member = tracker.position(of: message.from) else { return }
        switch message.kind {
        case .appendResponse: handleAppendResponse(message, member)
        case .heartbeatResponse: handleHeartbeatResponse(message, member)
        case .transferLeader: startTransfer(to: message.from, member)
        default: break
        }
    }

    private mutating func stepCandidate(_ message: Message) {
        switch message.kind {
        case .append, .heartbeat, .snapshot:
            // Somebody else won this term.
            becomeFollower(term: message.term, leader: message.from)
            stepFollower(message)
        case .voteResponse where role == .candidate,
            .preVoteResponse where role == .preCandidate:
            learnCommit(from: message)
            tracker.recordVote(of: message.from, granted: !message.reject)
            concludeElection()
        default:
            break
        }
    }

    private mutating func stepFollower(_ message: Message) {
        switch message.kind {
        case .append:
            heardFromLeader(message.from)
            handleAppend(message)
        case .heartbeat:
            heardFromLeader(message.from)
            handleHeartbeat(message)
        case .snapshot:
            heardFromLeader(message.from)
            handleSnapshot(message)
        case .transferLeader:
            if leader != .none { forward(message) }
        case .timeoutNow:
            // The leader knows that we are up to date and that it will step down: no pre-vote.
            startElection(.transfer)
        case .readIndexResponse:
            guard message.entries.count == 1 else { return }
            readStates.append(
                ReadState(index: message.index, context: message.entries[0].data))
        default:
            break
        }
    }

    private mutating func heardFromLeader(_ id: MemberID) {
        electionElapsed = 0
        if leader != id {
            leader = id
            events.append(.leaderElected(id, term: term))
        }
    }

    // MARK: Sending

    /// Stamps and queues a message. Promises wait for the disk; everything else may leave at once.
    mutating func send(_ message: consuming Message) {
        message.from = id
        if message.term == 0 { message.term = term }
        switch message.kind {
        case .appendResponse, .voteResponse, .preVoteResponse, .vote:
            // A vote request is a promise, too: after a crash this member could ask again in the
            // same term with a shorter log, and count answers that were given to the longer one.
            messagesAfterPersist.append(message)
        default:
            messages.append(message)
        }
    }

    /// Passes a request on to the leader as it came, with its first sender; proposals and reads
    /// travel without a term.
    mutating func forward(_ message: consuming Message) {
        message.to = leader
        if message.from == .none { message.from = id }
        if message.kind == .transferLeader { message.term = term }
        messages.append(message)
    }
}

extension Message {
    /// False for the kinds that a member only ever sends to itself.
    fileprivate var isFromPeers: Bool {
        switch kind {
        case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend,
            .storageAppendResponse, .storageApply, .storageApplyResponse, .forgetLeader:
            return false
        default:
            return true
        }
    }
}

extension Message.Kind {
    fileprivate var isResponse: Bool {
        switch self {
        case .appendResponse, .voteResponse, .preVoteResponse, .heartbeatResponse,
            .readIndexResponse:
            return true
        default:
            return false
        }
    }
}
