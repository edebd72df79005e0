//  Elections: campaigns, votes, pre-votes, the leader's check of its quorum, and what changes when
//  a member changes its role.

import RuntimeCore

/// Why a member campaigns.
enum CampaignReason {
    case normal
    /// The leader hands over: pre-vote and leases do not apply (thesis 3.10).
    case transfer
}

extension Core {
    /// Marks the vote requests of a leadership transfer; etcd's value, visible on the wire.
    static var transferContext: Bytes { Bytes("CampaignTransfer") }

    // MARK: Campaigning

    mutating func startElection(_ reason: CampaignReason) {
        guard role != .leader, isPromotable, canKeepVote else { return }
        // With an unapplied change of membership we would count votes under a configuration that
        // is already replaced.
        guard !log.hasUnappliedConfChange else { return }
        events.append(.startedElection(term: term))
        if settings.preVote && reason == .normal {
            becomePreCandidate()
            requestVotes(.preVote, term: term.next, context: .empty)
            // No promise is made, so our own answer need not wait for the disk.
            tracker.recordVote(of: id, granted: true)
            concludeElection()
        } else {
            campaign(reason)
        }
    }

    private mutating func campaign(_ reason: CampaignReason) {
        becomeCandidate()
        // Our own vote counts once it is durable: see `countDurableVote`.
        requestVotes(
            .vote, term: term, context: reason == .transfer ? Self.transferContext : .empty)
    }

    private mutating func requestVotes(_ kind: Message.Kind, term: Term, context: Bytes) {
        let last = log.last
        for voter in tracker.configuration.allVoters where voter != id {
            send(
                Message(
                    kind, to: voter, term: term, logTerm: last.term, index: last.index,
                    context: context))
        }
    }

    /// Called when a hard state became durable: from then on our vote for ourselves counts.
    mutating func countDurableVote() {
        guard role == .candidate, durableTerm == term, durableVote == id else { return }
        tracker.recordVote(of: id, granted: true)
        concludeElection()
    }

    mutating func concludeElection() {
        switch tracker.voteResult {
        case .pending:
            break
        case .won:
            if role == .preCandidate {
                campaign(.normal)
            } else {
                becomeLeader()
                broadcastAppend()
            }
        case .lost:
            becomeFollower(term: term, leader: .none)
        }
    }

    /// A refusal may name a later commit index. If our log has the same entry there, all of it
    /// up to there is the same and committed.
    mutating func learnCommit(from refusal: Message) {
        guard refusal.reject, refusal.commit > log.committed, refusal.logTerm > 0,
            log.contains(LogPosition(index: refusal.commit, term: refusal.logTerm))
        else { return }
        log.commit(to: refusal.commit)
    }

    // MARK: Voting

    mutating func answerVoteRequest(_ request: Message) {
        // A learner may be asked, and answers: it may have been promoted by an entry that it has
        // not seen yet, and the candidate might not win without it.
        let isPreVote = request.kind == .preVote
        let canVote =
            vote == request.from || (vote == .none && leader == .none)
            || (isPreVote && request.term > term)
        let candidate = LogPosition(index: request.index, term: request.logTerm)
        let answer: Message.Kind = isPreVote ? .preVoteResponse : .voteResponse
        guard canVote && log.isUpToDate(candidate) else {
            // The candidate may need our vote only because it does not know that a change of
            // membership is committed. Telling it what is (etcd's members ignore this) keeps two
            // members that cannot win from waiting for each other for ever.
            let term = log.term(at: log.committed) ?? 0
            send(
                Message(
                    answer, to: request.from, logTerm: term, commit: log.committed, reject: true))
            return
        }
        // A granted pre-vote echoes the term that was asked about; ours is still the older one.
        send(Message(answer, to: request.from, term: request.term))
        if !isPreVote {
            electionElapsed = 0
            vote = request.from
        }
    }

    // MARK: The leader's lease

    mutating func checkQuorum() {
        guard tracker.isQuorumActive(leader: id) else {
            events.append(.quorumLost(term: term))
            becomeFollower(term: term, leader: .none)
            return
        }
        for member in tracker.members.indices where tracker.members[member].id != id {
            tracker.members[member].recentActive = false
        }
    }

    // MARK: Roles

    mutating func becomeFollower(term: Term, leader: MemberID) {
        let change = role != .follower || self.term != term
        let lost = self.leader
        let lostTerm = self.term
        reset(term: term)
        role = .follower
        self.leader = leader
        if change { events.append(.becameFollower(term: term)) }
        if lost != .none && leader == .none {
            events.append(.leaderLost(lost, term: lostTerm))
        } else if leader != .none && (leader != lost || term != lostTerm) {
            events.append(.leaderElected(leader, term: term))
        }
    }

    /// Neither term nor vote change: the cluster is only asked what it would answer.
    private mutating func becomePreCandidate() {
        if leader != .none { events.append(.leaderLost(leader, term: term)) }
        role = .preCandidate
        leader = .none
        electionElapsed = 0
        drawElectionTimeout()
        tracker.resetVotes()
        events.append(.becamePreCandidate(term: term))
    }

    private mutating func becomeCandidate() {
        precondition(role != .leader)
        if leader != .none { events.append(.leaderLost(leader, term: term)) }
        reset(term: term.next)
        role = .candidate
        vote = id
        events.append(.becameCandidate(term: term))
    }

    private mutating func becomeLeader() {
        precondition(role == .candidate && vote == id)
        reset(term: term)
        role = .leader
        leader = id
        if let own = tracker.position(of: id) {
            tracker.members[own].becomeReplicate()
            tracker.members[own].recentActive = true
        }
        // There may be an unapplied change of membership anywhere in the tail; rather than look
        // for it, accept no other before all of this is applied.
        pendingConfIndex = log.lastIndex
        events.append(.becameLeader(term: term))
        events.append(.leaderElected(id, term: term))
        // Nothing of earlier terms is committed by counting before something of this term is
        // (paper 5.4.2), so open the term with an empty entry (thesis 6.4).
        appendOwn(Entry(term: term, index: log.lastIndex.next))
    }

    mutating func reset(term: Term) {
        if self.term != term {
            precondition(term > self.term)
            self.term = term
            vote = .none
        }
        leader = .none
        electionElapsed = 0
        heartbeatElapsed = 0
        drawElectionTimeout()
        leadTransferee = .none
        tracker.resetVotes()
        let next = log.lastIndex.next
        for member in tracker.members.indices {
            tracker.members[member].reset(
                next: next, match: tracker.members[member].id == id ? log.durable : 0)
        }
        pendingConfIndex = 0
        uncommittedBytes = 0
        reads = ReadIndexQueue()
        snapshotsWanted.removeAll()
    }

    mutating func drawElectionTimeout() {
        electionTimeout = settings.electionTicks + random.below(settings.electionTicks)
    }

    /// Follower only: stop waiting for a leader that is gone, so that this member may vote at once.
    /// The term stays.
    mutating func forgetLeader() {
        guard role == .follower, leader != .none else { return }
        events.append(.leaderLost(leader, term: term))
        leader = .none
    }
}
