//  Drives the raft core: turns what arrives into steps, takes one `Ready` for the whole backlog and
//  dispatches it. The batching point of the write path (design 2.1 step 3).

import DequeModule
import EtcdProto
package import Logging
package import Raft
package import RuntimeCore

/// The consensus role. Owns the raft state and the queue of linearizable reads.
package struct ConsensusRole: Role, ~Copyable {
    package struct Settings: Sendable {
        package var localID: MemberID
        package var tickMilliseconds: UInt64
        package var electionTicks: Int
        /// Do not sit out a full election timeout at start (`initial-election-tick-advance`).
        package var advancesFirstElection: Bool
        /// Safe among other voters only with pre-vote: a member that was merely slow to hear from
        /// its leader then disturbs nobody.
        package var hurriesAmongOthers: Bool
        /// Where the contexts of read rounds begin; see `RequestIDs`.
        package var firstReadContext: UInt64
        /// Applied entries kept in memory for slow followers.
        package var catchUpEntries: UInt64
        /// How long a read round may stay unanswered before it is asked again (etcd's value).
        package var readRetryMilliseconds: UInt64 = 500

        package init(
            localID: MemberID, tickMilliseconds: UInt64, electionTicks: Int,
            advancesFirstElection: Bool, hurriesAmongOthers: Bool, firstReadContext: UInt64,
            catchUpEntries: UInt64
        ) {
            self.localID = localID
            self.tickMilliseconds = tickMilliseconds
            self.electionTicks = electionTicks
            self.advancesFirstElection = advancesFirstElection
            self.hurriesAmongOthers = hurriesAmongOthers
            self.firstReadContext = firstReadContext
            self.catchUpEntries = catchUpEntries
        }
    }

    private let settings: Settings
    private let status: ReplicaStatus
    private let metrics: ReplicaMetrics
    private let logger: Logger
    private let eventLog: RaftEventLog
    private var node: RawNode
    private var nextTick: Instant
    private var pulse: LeaderPulse
    /// In order of their numbers; completed from the front.
    private var outstanding: Deque<OutstandingReady> = []
    /// A commit index that need not be synced travels with the next write.
    private var deferredHardState: HardState?
    /// While set, no `Ready` is taken: votes and quorums must not outrun a committed change of the
    /// membership (design 2.5 rule 4).
    private var confChangeAwaited: LogIndex?
    /// Proposals that found no leader, oldest first; bounded by the mailbox they came through.
    private var held: Deque<Proposal> = []
    private var reads: ReadBarriers
    /// Followers whose snapshot this leader has sent, until its transfer ends.
    private var snapshotsInFlight: Set<MemberID> = []
    /// The only voter need not wait for anybody before it leads.
    private var isAlone: Bool
    private var learners: Set<MemberID>
    /// When this member last sent heartbeats as a leader.
    private var heartbeatAt: Instant?
    /// The log's disk takes no more.
    private var isStorageFull = false
    /// Who was asked to take over from this leader since its disk is full.
    private var triedHeirs: Set<MemberID> = []

    package init(
        settings: Settings, node: consuming RawNode, confState: ConfState, status: ReplicaStatus,
        metrics: ReplicaMetrics, logger: Logger, now: Instant
    ) {
        self.settings = settings
        self.status = status
        self.metrics = metrics
        var named = logger
        named[metadataKey: LogField.logger] = "raft"
        self.logger = named
        eventLog = RaftEventLog(id: settings.localID, logger: named)
        learners = Set(confState.learners)
        self.node = node
        nextTick = now.advanced(byMilliseconds: settings.tickMilliseconds)
        pulse = LeaderPulse(
            tickMilliseconds: settings.tickMilliseconds, electionTicks: settings.electionTicks)
        reads = ReadBarriers(
            retryMilliseconds: settings.readRetryMilliseconds,
            firstContext: settings.firstReadContext)
        isAlone = confState.voters == [settings.localID]
        if settings.advancesFirstElection, settings.hurriesAmongOthers {
            for _ in 0..<max(0, settings.electionTicks - 2) { self.node.tick() }
        }
    }

    package var wakeAt: Instant? { nextTick }

    package mutating func run(
        _ inputs: [ConsensusInput], now: Moment, outputs: inout [ConsensusOutput]
    ) {
        var proposals: [Bytes] = []
        var ids: [UInt64] = []
        for input in inputs {
            if case .propose(let proposal) = input, case .normal(let data) = proposal.payload {
                proposals.append(data)
                ids.append(proposal.id)
                if held.isEmpty, hasLeader, proposal.basis == .wish || node.role == .leader {
                    continue
                }
                proposals.removeLast()
                ids.removeLast()
                hold(proposal, &outputs)
                continue
            }
            // Everything else keeps its place relative to the proposals before it.
            propose(&proposals, &ids, &outputs)
            take(input, now: now.monotonic, &outputs)
        }
        propose(&proposals, &ids, &outputs)
        if now.monotonic >= nextTick {
            tick(now.monotonic, &outputs)
        }
        _ = releaseWaiting(now.monotonic, &outputs)
        drain(now.monotonic, &outputs)
        // That may have found the leader that proposals were held for, or confirmed the round that
        // the next reads waited for; nothing else would wake this role for them.
        if releaseWaiting(now.monotonic, &outputs) { drain(now.monotonic, &outputs) }
    }

    // MARK: inputs

    private var hasLeader: Bool { status.leader != .none }

    private mutating func take(
        _ input: ConsensusInput, now: Instant, _ outputs: inout [ConsensusOutput]
    ) {
        switch input {
        case .propose(let proposal):
            hold(proposal, &outputs)
        case .readBarrier(let id, let expires):
            reads.wait(id: id, expires: expires)
        case .messages(let messages):
            for message in messages { node.step(message) }
        case .persisted(let number):
            persisted(number, &outputs)
        case .storageFull(let isFull):
            isStorageFull = isFull
            triedHeirs = []
            node.reportStorage(isFull: isFull)
        case .snapshotSaved(let metadata):
            node.snapshotTaken(metadata)
        case .applied(let index):
            node.applied(upTo: index)
        case .confChangeApplied(let change, let index):
            confChangeApplied(change, index, &outputs)
        case .snapshotReady(let snapshot, let peer):
            if node.provideSnapshot(snapshot, to: peer) { snapshotsInFlight.insert(peer) }
        case .peerUnreachable(let id):
            node.reportUnreachable(id)
        case .snapshotSent(let id, let succeeded):
            snapshotsInFlight.remove(id)
            node.reportSnapshot(id, succeeded: succeeded)
        case .transferLeadership(let target):
            node.transferLeadership(to: target)
        case .promote(let learner, let proposal, let refusal):
            promote(learner, proposal, otherwise: refusal, &outputs)
        }
    }

    private mutating func confChangeApplied(
        _ change: ConfChangeV2, _ index: LogIndex, _ outputs: inout [ConsensusOutput]
    ) {
        precondition(confChangeAwaited == index, "membership change out of order")
        confChangeAwaited = nil
        // Otherwise the apply role will learn the configuration from the snapshot.
        guard let state = node.applyConfChange(change, at: index) else { return }
        if node.role == .leader {
            metrics.promotions.add(UInt64(learners.intersection(state.voters).count))
        }
        adopt(state)
        outputs.append(.confState(state))
    }

    /// The configuration in force is another one.
    private mutating func adopt(_ state: ConfState) {
        learners = Set(state.learners)
        isAlone = state.voters == [settings.localID] && state.votersOutgoing.isEmpty
        snapshotsInFlight.formIntersection(state.allMembers)
    }

    /// A learner far behind would cost the quorum a voter that cannot vote for anything new.
    private mutating func promote(
        _ learner: MemberID, _ proposal: Proposal, otherwise refusal: ServerError?,
        _ outputs: inout [ConsensusOutput]
    ) {
        let raft = node.status
        guard raft.role == .leader else {
            outputs.append(.failed([proposal.id], .notLeader))
            return
        }
        let leaderMatch = raft.progress.first { $0.id == raft.id }?.match ?? raft.lastIndex
        let match = raft.progress.first { $0.id == learner }?.match ?? 0
        guard Double(match.rawValue) >= Double(leaderMatch.rawValue) * 0.9 else {
            metrics.promotionRefused(ServerError.learnerNotReady.text)
            outputs.append(.failed([proposal.id], .learnerNotReady))
            return
        }
        if let refusal {
            metrics.promotionRefused(refusal.text)
            outputs.append(.failed([proposal.id], refusal))
            return
        }
        hold(proposal, &outputs)
    }

    private mutating func tick(_ now: Instant, _ outputs: inout [ConsensusOutput]) {
        noteLateHeartbeats(now)
        status.publishTick(at: now)
        node.tick()
        handOverIfFull()
        if let instant = pulse.tick(now, leads: node.role == .leader) {
            status.publish(leadsUntil: instant)
        }
        // A pause of the process must not be answered by a burst of ticks: it would look like
        // silence from a leader whose messages wait in the mailbox.
        nextTick = now.advanced(byMilliseconds: settings.tickMilliseconds)
        let dropped = reads.dropExpired(now: now)
        metrics.failedReadIndexes.add(UInt64(dropped.unasked))
        if dropped.unansweredRound {
            metrics.slowReadIndexes.add()
            logger.warning(
                "timed out waiting for read index response (local node might have slow network)")
        }
        compactLog()
        if let state = deferredHardState, outstanding.isEmpty {
            // Nothing else came along to carry it.
            deferredHardState = nil
            outputs.append(
                .append(
                    LogRequest(number: 0, entries: [], hardState: state, mustSync: false)))
        }
    }

    /// With a full disk of its log a leader applies nothing, so that nobody gets answers from it,
    /// while the others acknowledge what it sends. Whoever goes on without it should lead. An
    /// attempt lasts an election timeout; then it is the next one's turn.
    private mutating func handOverIfFull() {
        guard isStorageFull, node.role == .leader, node.leadTransferee == .none else { return }
        let heirs = node.heirs
        guard let best = heirs.first else { return }
        if triedHeirs.isSuperset(of: heirs) { triedHeirs = [] }
        let tried = triedHeirs
        let heir = heirs.first { !tried.contains($0) } ?? best
        triedHeirs.insert(heir)
        logger.warning(
            "disk is full: the leader hands over to a member that goes on without it",
            metadata: ["transferee-member-id": "\(heir)"])
        node.transferLeadership(to: heir)
    }

    /// Drops what is applied from memory, except for a window that slow followers may still ask
    /// for. Restarts read the files and followers further behind get a new snapshot of the state,
    /// so that nothing waits for a snapshot on disk; but one that is on its way must find its
    /// successors here.
    private mutating func compactLog() {
        let keep = settings.catchUpEntries
        let applied = node.appliedIndex.rawValue
        guard snapshotsInFlight.isEmpty, applied > keep else { return }
        let last = LogIndex(applied - keep)
        if last >= node.firstIndex { node.compactLog(upTo: last) }
    }

    /// Hands a run of normal proposals to the core in one go.
    private mutating func propose(
        _ proposals: inout [Bytes], _ ids: inout [UInt64], _ outputs: inout [ConsensusOutput]
    ) {
        guard !proposals.isEmpty else { return }
        do throws(ProposalError) {
            try node.propose(proposals)
        } catch {
            refuse(ids, error, &outputs)
        }
        proposals.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
    }

    private func refuse(
        _ ids: [UInt64], _ error: ProposalError, _ outputs: inout [ConsensusOutput]
    ) {
        let reason: ServerError =
            switch error {
            case .uncommittedBytesExceeded: .tooManyRequests
            case .transferring: .timeoutLeaderTransfer
            default: .noLeader
            }
        outputs.append(.failed(ids, reason))
    }

    /// Without a leader a request waits, as a client of etcd expects, until one appears or the
    /// client's time is over.
    private mutating func hold(_ proposal: Proposal, _ outputs: inout [ConsensusOutput]) {
        if proposal.basis == .leadership {
            outputs.append(.failed([proposal.id], .notLeader))
        } else if held.count >= Limits.proposalQueueMax {
            outputs.append(.failed([proposal.id], .tooManyRequests))
        } else {
            held.append(proposal)
        }
    }

    /// Hands the core what it can take now of proposals and reads. True when that was something.
    private mutating func releaseWaiting(_ now: Instant, _ outputs: inout [ConsensusOutput])
        -> Bool
    {
        let releasesProposals = releaseHeld(now, &outputs)
        guard let context = reads.contextToAsk(now: now, hasLeader: hasLeader) else {
            return releasesProposals
        }
        if reads.wasLate { noteLateRead(context) }
        node.readIndex(context: context)
        return true
    }

    /// True when a proposal was handed over, whether the core took it or not.
    private mutating func releaseHeld(_ now: Instant, _ outputs: inout [ConsensusOutput]) -> Bool {
        while let first = held.first, first.expires <= now { held.removeFirst() }
        guard !held.isEmpty, hasLeader, node.leadTransferee == .none else { return false }
        while let proposal = held.popFirst() {
            do throws(ProposalError) {
                switch proposal.payload {
                case .normal(let data):
                    try node.propose([data])
                case .confChange(let change):
                    try node.proposeConfChange(kind: .confChange, data: Bytes(change.encoded))
                }
            } catch {
                refuse([proposal.id], error, &outputs)
            }
        }
        return true
    }

    // MARK: Ready

    private mutating func drain(_ now: Instant, _ outputs: inout [ConsensusOutput]) {
        campaignIfAlone()
        while confChangeAwaited == nil, node.hasReady {
            dispatch(node.ready(), &outputs)
        }
        status.publish(term: node.term, committed: node.commit)
        // What this run has to say leaves after it: a vote for somebody else comes too late to find
        // this still set.
        status.publish(
            leadsUndisputed: isAlone && confChangeAwaited == nil && node.role == .leader
                && node.hasAppliedInTerm)
    }

    /// Nobody else could lead. Only once everything known to be committed is applied: an entry
    /// among it may add voters.
    private mutating func campaignIfAlone() {
        guard isAlone, settings.advancesFirstElection, confChangeAwaited == nil else { return }
        if node.role == .follower, node.leader == .none, node.appliedIndex == node.commit {
            node.campaign()
        }
    }

    private mutating func dispatch(_ ready: Ready, _ outputs: inout [ConsensusOutput]) {
        for event in ready.events { note(event) }
        if let soft = ready.softState {
            status.publish(leader: soft.leader, role: soft.role)
            reads.leaderChanged()
            // Whoever leads serves the followers from its own log; ours may shrink again.
            if soft.role != .leader { snapshotsInFlight.removeAll() }
        }
        if let snapshot = ready.snapshot { adopt(snapshot.metadata.confState) }
        if !ready.messages.isEmpty { outputs.append(.send(ready.messages)) }
        persist(ready, &outputs)
        for read in ready.readStates {
            guard let ids = reads.confirmed(context: read.context) else { continue }
            outputs.append(.readConfirmed(index: read.index, ids: ids))
        }
        for peer in ready.snapshotsWanted { outputs.append(.snapshotWanted(peer)) }
        if let last = ready.committed.last {
            if last.kind != .normal { confChangeAwaited = last.index }
            outputs.append(.apply(ready.committed))
        }
    }

    private func note(_ event: RaftEvent) {
        eventLog.write(event)
        if let reason = event.failure { status.publish(consensusFailure: reason) }
        switch event {
        case .startedElection, .leaderLost: status.publishLeaderLost(at: nextTick)
        default: break
        }
    }

    /// Sends what must be durable to the log role; what needs no write completes with its
    /// predecessors.
    private mutating func persist(_ ready: Ready, _ outputs: inout [ConsensusOutput]) {
        if let state = ready.hardState { deferredHardState = state }
        let mustWrite = !ready.entries.isEmpty || ready.snapshot != nil || ready.mustSync
        if mustWrite {
            outputs.append(
                .append(
                    LogRequest(
                        number: ready.number, snapshot: ready.snapshot, entries: ready.entries,
                        hardState: deferredHardState, mustSync: ready.mustSync)))
            deferredHardState = nil
        } else if outstanding.isEmpty {
            node.persisted(ready.number)
            if !ready.messagesAfterPersist.isEmpty {
                outputs.append(.send(ready.messagesAfterPersist))
            }
            return
        } else if outstanding[outstanding.count - 1].isWritten {
            outstanding[outstanding.count - 1].join(ready)
            return
        }
        outstanding.append(OutstandingReady(ready, isWritten: !mustWrite))
    }

    private mutating func persisted(_ number: UInt64, _ outputs: inout [ConsensusOutput]) {
        if number == 0 { return }
        precondition(outstanding.contains { $0.number == number }, "unknown write completed")
        var last = number
        var messages: [Message] = []
        while let first = outstanding.first, first.number <= number || first.isWritten {
            outstanding.removeFirst()
            last = first.number
            if let snapshot = first.snapshot { outputs.append(.restore(snapshot)) }
            if messages.isEmpty {
                messages = first.messages
            } else {
                messages += first.messages
            }
        }
        // Once: after a full disk the backlog may be long.
        node.persisted(last)
        if !messages.isEmpty { outputs.append(.send(messages)) }
    }

    // MARK: lateness

    /// Heartbeats leave with ticks: a leader that comes to them late may lose its followers.
    private mutating func noteLateHeartbeats(_ now: Instant) {
        guard node.role == .leader, !isAlone else {
            heartbeatAt = nil
            return
        }
        defer { heartbeatAt = now }
        let expected = 2 * settings.tickMilliseconds
        guard let last = heartbeatAt, now > last.advanced(byMilliseconds: expected) else { return }
        let exceeded = now.nanoseconds(since: last) / 1_000_000 - expected
        for peer in node.status.progress where peer.id != settings.localID {
            metrics.lateHeartbeats.add()
            logger.warning(
                """
                leader failed to send out heartbeat on time; took too long, leader is overloaded \
                likely from slow disk
                """,
                metadata: [
                    "to": "\(peer.id)", "heartbeat-interval": "\(settings.tickMilliseconds)ms",
                    "expected-duration": "\(expected)ms", "exceeded-duration": "\(exceeded)ms",
                ])
        }
    }

    private func noteLateRead(_ context: Bytes) {
        let id = context.array.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        logger.warning(
            "waiting for ReadIndex response took too long, retrying",
            metadata: [
                "sent-request-id": "\(id)",
                "retry-timeout": "\(settings.readRetryMilliseconds)ms",
            ])
    }
}
