//  The only front door of the core: inputs are verbs, outputs come in `Ready`s.

package import RuntimeCore

/// One raft member without a disk, a network or a clock.
///
/// The driver calls `tick()` at a steady pace, `step(_:)` for every message, and then, as long as
/// `hasReady`, takes a `Ready` and carries it out (see there for the order). Nothing here blocks,
/// and the same inputs give the same outputs.
package struct RawNode: ~Copyable {
    private var core: Core
    private var lastNumber: UInt64 = 0
    private var lastSoftState: SoftState
    private var lastHardState: HardState

    /// A first start or a restart from what the log role has read from the disk.
    ///
    /// `entries` follow `snapshot.index` without a gap (older ones are ignored) and count as
    /// durable. `applied` is the index that the state machine already holds, at least
    /// `snapshot.index`; the `confState` of `snapshot` must be the one in force at `applied`.
    package init(
        configuration: RaftConfiguration, random: RandomSource, hardState: HardState,
        snapshot: SnapshotMetadata, entries: [Entry], applied: LogIndex
    ) {
        core = Core(
            settings: configuration, random: random, hardState: hardState,
            confState: snapshot.confState,
            log: RaftLog(
                commit: hardState.commit, snapshot: snapshot, entries: entries, applied: applied))
        lastSoftState = core.softState
        lastHardState = hardState
    }

    // MARK: Inputs

    package mutating func tick() { core.tick() }

    /// Takes a message from a peer. Kinds that a member only sends to itself, and answers from
    /// outside the configuration, are ignored.
    package mutating func step(_ message: Message) { core.step(message) }

    /// Starts an election now, as if the election timeout had passed.
    package mutating func campaign() { core.startElection(.normal) }

    /// Proposes normal entries in one go. A follower passes them on to the leader; then success
    /// only means that they were sent.
    package mutating func propose(_ data: [Bytes]) throws(ProposalError) {
        try core.propose(
            data.map { Entry(term: 0, index: 0, data: $0) }, from: core.id)
    }

    /// Proposes a change of membership. While another one is pending the leader appends an empty
    /// entry in its place. Empty data of kind `confChangeV2` ends a joint phase.
    package mutating func proposeConfChange(
        kind: Entry.Kind, data: Bytes
    ) throws(ProposalError) {
        precondition(kind != .normal, "not a change of membership")
        try core.propose([Entry(term: 0, index: 0, kind: kind, data: data)], from: core.id)
    }

    /// Asks for the index that a linearizable read must wait for; it comes in
    /// `Ready.readStates` with the same context. Contexts must be unique and not empty. Requests
    /// may be lost like messages: ask again after a while.
    package mutating func readIndex(context: Bytes) {
        precondition(!context.isEmpty, "a read needs a context")
        core.requestRead(
            Message(
                .readIndex, from: core.id, entries: [Entry(term: 0, index: 0, data: context)]))
    }

    /// Asks the leader to hand over to `member`. Given up after one election timeout.
    package mutating func transferLeadership(to member: MemberID) {
        core.transferLeadership(to: member)
    }

    /// The disk is full, or has room again. While it is full this member campaigns only if it is
    /// the only voter.
    package mutating func reportStorage(isFull: Bool) { core.isStorageFull = isFull }

    /// Puts the change of membership committed at `index` in force; gives the configuration that
    /// results. A change that makes no valid configuration is reported as an event and changes
    /// nothing. So does one that a received snapshot has overtaken: `nil`, because the
    /// configuration to be in force comes with that snapshot.
    package mutating func applyConfChange(_ change: ConfChangeV2, at index: LogIndex)
        -> ConfState?
    {
        core.applyConfChange(change, at: index)
    }

    package mutating func reportUnreachable(_ id: MemberID) { core.reportUnreachable(id) }

    /// The transfer of a provided snapshot has ended; with `succeeded` false also: the snapshot
    /// that was wanted cannot be had now.
    package mutating func reportSnapshot(_ id: MemberID, succeeded: Bool) {
        core.reportSnapshot(id, succeeded: succeeded)
    }

    /// The answer to `Ready.snapshotsWanted`. True when the next `Ready` sends the snapshot, whose
    /// transfer then ends with `reportSnapshot`; false when it has become of no use.
    @discardableResult
    package mutating func provideSnapshot(_ snapshot: Snapshot, to member: MemberID) -> Bool {
        core.provideSnapshot(snapshot, to: member)
    }

    /// The `Ready` of this number, and all before it, are durable: own votes and acknowledgements
    /// in them count from here on.
    package mutating func persisted(_ number: UInt64) {
        precondition(number <= lastNumber, "persisted a Ready that was not handed out")
        guard let hardState = core.log.finishWrites(upTo: number) else { return }
        core.durableTerm = hardState.term
        core.durableVote = hardState.vote
        core.countDurableVote()
        core.acknowledgeOwnLog()
    }

    /// The state machine holds everything up to `index`.
    package mutating func applied(upTo index: LogIndex) {
        core.log.apply(upTo: index)
        core.leaveJointIfDue()
    }

    /// Drops entries up to `index` from memory. `index` must be applied.
    package mutating func compactLog(upTo index: LogIndex) { core.log.compact(upTo: index) }

    /// A snapshot at this place is durable here. Its place keeps a known term after compaction.
    package mutating func snapshotTaken(_ metadata: SnapshotMetadata) {
        core.log.snapshotTaken(
            at: LogPosition(index: metadata.index, term: metadata.term))
    }

    // MARK: Outputs

    package var hasReady: Bool {
        core.log.hasEntriesToPersist || core.log.hasEntriesToApply || !core.messages.isEmpty
            || !core.messagesAfterPersist.isEmpty || core.log.snapshotToHandOut != nil
            || core.hardState != lastHardState || core.softState != lastSoftState
            || !core.readStates.isEmpty || !core.snapshotsWanted.isEmpty || !core.events.isEmpty
    }

    /// Takes everything that has to be done now. Taking implies carrying out.
    package mutating func ready() -> Ready {
        lastNumber += 1
        var ready = Ready(number: lastNumber)
        if core.softState != lastSoftState {
            lastSoftState = core.softState
            ready.softState = lastSoftState
        }
        ready.snapshot = core.log.takeSnapshot()
        ready.entries = core.log.takeEntriesToPersist()
        ready.mustSync = ready.snapshot != nil || !ready.entries.isEmpty
        let hardState = core.hardState
        if hardState != lastHardState {
            let promises = hardState.term != lastHardState.term
            ready.mustSync = ready.mustSync || promises || hardState.vote != lastHardState.vote
            lastHardState = hardState
            ready.hardState = hardState
        }
        swap(&ready.messages, &core.messages)
        swap(&ready.messagesAfterPersist, &core.messagesAfterPersist)
        swap(&ready.readStates, &core.readStates)
        swap(&ready.snapshotsWanted, &core.snapshotsWanted)
        swap(&ready.events, &core.events)
        ready.committed = core.log.takeEntriesToApply(
            bytesMax: core.settings.maxCommittedBytesPerReady)
        if core.uncommittedBytes > 0 { core.releaseUncommitted(ready.committed) }
        if !ready.entries.isEmpty || ready.snapshot != nil || ready.hardState != nil {
            // Messages alone change nothing that becomes durable, so their completion is no news.
            core.log.startWrite(
                number: lastNumber, hardState: hardState,
                snapshot: ready.snapshot?.metadata.index)
        }
        return ready
    }

    // Single facts, for callers that look often.
    package var id: MemberID { core.id }
    package var role: RaftRole { core.role }
    package var leader: MemberID { core.leader }
    package var term: Term { core.term }
    package var commit: LogIndex { core.log.committed }
    package var appliedIndex: LogIndex { core.log.applied }
    /// Everything that earlier leaders committed is applied here too.
    package var hasAppliedInTerm: Bool { core.log.term(at: core.log.applied) == core.term }
    /// The oldest entry in memory.
    package var firstIndex: LogIndex { core.log.firstIndex }
    /// Leader only: who could take over from a leader whose disk is behind, the best first.
    package var heirs: [MemberID] { core.heirs }
    /// `.none` unless this leader is handing over.
    package var leadTransferee: MemberID { core.leadTransferee }

    package var status: RaftStatus {
        RaftStatus(
            id: core.id, term: core.term, vote: core.vote, commit: core.log.committed,
            applied: core.log.applied, firstIndex: core.log.firstIndex,
            lastIndex: core.log.lastIndex, leader: core.leader, role: core.role,
            leadTransferee: core.leadTransferee, confState: core.tracker.configuration,
            progress: core.role == .leader ? core.tracker.members.map(\.status) : [])
    }
}

/// A member belongs to the role that drives it.
@available(*, unavailable)
extension RawNode: Sendable {}
