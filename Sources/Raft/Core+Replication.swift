//  Replication: the leader's appends, heartbeats and snapshots with their flow control, the
//  followers' answers, and the rule by which the commit index moves.

import RuntimeCore

extension Core {
    // MARK: Proposing

    /// Appends entries on the leader or passes them on to it. `from` is the member that proposed.
    mutating func propose(_ entries: [Entry], from proposer: MemberID) throws(ProposalError) {
        guard !entries.isEmpty else { return }
        switch role {
        case .candidate, .preCandidate:
            throw .noLeader
        case .follower:
            guard leader != .none else { throw .noLeader }
            forward(Message(.propose, from: proposer, entries: entries))
        case .leader:
            try appendProposals(entries)
        }
    }

    private mutating func appendProposals(_ entries: [Entry]) throws(ProposalError) {
        guard tracker.configuration.isVoter(id) else { throw .notMember }
        guard leadTransferee == .none else { throw .transferring }
        let payload = entries.reduce(0) { $0 + $1.data.count }
        // A single proposal larger than the limit passes when nothing else waits; otherwise it
        // could never be made.
        if payload > 0 && uncommittedBytes > 0
            && uncommittedBytes + payload > settings.maxUncommittedBytes
        {
            throw .uncommittedBytesExceeded
        }
        uncommittedBytes += payload
        for var entry in entries {
            if entry.kind != .normal && !admitsConfChange(entry) {
                uncommittedBytes -= entry.data.count
                entry = Entry(term: term, index: 0)
            }
            entry.term = term
            entry.index = log.lastIndex.next
            if entry.kind != .normal { pendingConfIndex = entry.index }
            log.append(entry)
        }
        broadcastAppend()
    }

    /// Appends an entry of the leader's own that no limit may refuse.
    mutating func appendOwn(_ entry: Entry) {
        precondition(role == .leader && entry.term == term)
        log.append(entry)
    }

    /// Entries that are handed out as committed no longer weigh on the limit. Those of earlier
    /// terms were never counted, so the sum may not fall below zero.
    mutating func releaseUncommitted(_ entries: [Entry]) {
        let payload = entries.reduce(0) { $0 + $1.data.count }
        uncommittedBytes = max(0, uncommittedBytes - payload)
    }

    // MARK: Sending

    mutating func broadcastAppend() {
        for member in tracker.members.indices where tracker.members[member].id != id {
            sendAppend(member, evenIfEmpty: true)
        }
    }

    /// Sends what the window allows. An empty append is worth sending when the member must learn
    /// of a new commit index or prove that the logs agree. True when something was sent.
    @discardableResult
    mutating func sendAppend(_ member: Int, evenIfEmpty: Bool) -> Bool {
        let progress = tracker.members[member]
        guard !progress.isPaused else { return false }
        let previous = progress.next - 1
        guard let previousTerm = log.term(at: previous), previous >= log.base.index else {
            wantSnapshot(member)
            return false
        }
        // With a full window only an empty append may go: it makes a member that lost messages
        // answer, and thereby restarts the flow.
        let mayCarryEntries = progress.state != .replicate || !progress.isWindowFull
        let entries =
            mayCarryEntries
            ? log.entries(
                from: progress.next, through: log.lastIndex, bytesMax: settings.maxMessageBytes)
            : []
        guard evenIfEmpty || !entries.isEmpty else { return false }
        tracker.members[member].sent(entries: entries.count, commit: log.committed)
        send(
            Message(
                .append, to: progress.id, logTerm: previousTerm, index: previous,
                entries: entries, commit: log.committed))
        return true
    }

    /// The entries this member needs are gone; ask the driver for a snapshot, once, and only for
    /// a member that is there to receive it.
    private mutating func wantSnapshot(_ member: Int) {
        guard tracker.members[member].recentActive, !tracker.members[member].snapshotWanted else {
            return
        }
        tracker.members[member].snapshotWanted = true
        snapshotsWanted.append(tracker.members[member].id)
    }

    /// True when the snapshot is queued for the receiver.
    mutating func provideSnapshot(_ snapshot: Snapshot, to receiver: MemberID) -> Bool {
        guard role == .leader, let member = tracker.position(of: receiver),
            tracker.members[member].snapshotWanted
        else { return false }
        tracker.members[member].snapshotWanted = false
        let progress = tracker.members[member]
        // It may have caught up in the meantime; and what is older than its log does not help.
        guard snapshot.metadata.index > progress.match, snapshot.metadata.index > 0 else {
            sendAppend(member, evenIfEmpty: true)
            return false
        }
        tracker.members[member].becomeSnapshot(at: snapshot.metadata.index)
        send(Message(.snapshot, to: receiver, snapshot: snapshot))
        return true
    }

    mutating func broadcastHeartbeat() {
        let context = reads.newestContext
        for progress in tracker.members where progress.id != id {
            // Not beyond what is known to be there: the member would otherwise commit entries of
            // its own that are not ours.
            send(
                Message(
                    .heartbeat, to: progress.id, commit: min(progress.match, log.committed),
                    context: context))
        }
    }

    // MARK: Committing

    /// Called when this member's own log became durable up to a later place.
    mutating func acknowledgeOwnLog() {
        guard role == .leader, let own = tracker.position(of: id) else { return }
        if tracker.members[own].update(to: log.durable) && advanceCommit() { broadcastAppend() }
    }

    /// Moves the commit index to what a quorum has, but only onto an entry of this term: entries
    /// of earlier terms are committed along with it (paper 5.4.2). True when it moved.
    mutating func advanceCommit() -> Bool {
        // An empty configuration answers with the end of all indexes: nothing there.
        let index = min(tracker.committedIndex, log.lastIndex)
        guard index > log.committed, log.term(at: index) == term else { return false }
        log.commit(to: index)
        releasePostponedReads()
        return true
    }

    // MARK: The leader hears from its followers

    mutating func handleAppendResponse(_ response: Message, _ member: Int) {
        tracker.members[member].recentActive = true
        if response.reject {
            handleRejection(response, member)
            return
        }
        guard response.index <= log.lastIndex else {
            events.append(.droppedInvalidMessage(from: response.from, response.kind))
            return
        }
        let wasPaused = tracker.members[member].isPaused
        let isNews = tracker.members[member].update(to: response.index)
        let progress = tracker.members[member]
        guard isNews || (progress.state == .probe && progress.match == response.index) else {
            return
        }
        switch progress.state {
        case .probe:
            tracker.members[member].becomeReplicate()
        case .snapshot:
            // Whether the snapshot or entries brought it there: it can go on from our log.
            if progress.match.next >= log.firstIndex {
                tracker.members[member].becomeReplicate()
            }
        case .replicate:
            tracker.members[member].acknowledged(upTo: response.index)
        }
        if advanceCommit() {
            broadcastAppend()
        } else if wasPaused || tracker.members[member].canRaiseCommit(to: log.committed) {
            sendAppend(member, evenIfEmpty: true)
        }
        while sendAppend(member, evenIfEmpty: false) {}
        continueTransfer(member)
    }

    private mutating func handleRejection(_ response: Message, _ member: Int) {
        // The follower names the last place that can agree as far as it can tell; we skip what
        // cannot agree as far as we can tell. Together one round trip per differing term.
        var hint = response.rejectHint
        if response.logTerm > 0 {
            hint = log.lastPosition(atOrBelow: hint, termAtMost: response.logTerm).index
        }
        guard tracker.members[member].decrease(rejected: response.index, hint: hint) else {
            return
        }
        if tracker.members[member].state == .replicate { tracker.members[member].becomeProbe() }
        sendAppend(member, evenIfEmpty: true)
    }

    mutating func handleHeartbeatResponse(_ response: Message, _ member: Int) {
        tracker.members[member].recentActive = true
        tracker.members[member].flowPaused = false
        // While replicating with everything sent this is the only repair of lost appends: the
        // empty one that follows is refused or acknowledged.
        if tracker.members[member].match < log.lastIndex
            || tracker.members[member].state == .probe
        {
            sendAppend(member, evenIfEmpty: true)
        }
        confirmReads(response.context, by: response.from)
    }

    mutating func reportUnreachable(_ receiver: MemberID) {
        guard role == .leader, let member = tracker.position(of: receiver) else { return }
        // Messages that are in flight are likely lost, so find out where it stands.
        if tracker.members[member].state == .replicate { tracker.members[member].becomeProbe() }
    }

    mutating func reportSnapshot(_ receiver: MemberID, succeeded: Bool) {
        guard role == .leader, let member = tracker.position(of: receiver) else { return }
        guard tracker.members[member].state == .snapshot else {
            // The driver could not make the snapshot that was wanted: ask again later.
            if !succeeded { tracker.members[member].snapshotWanted = false }
            return
        }
        if succeeded {
            tracker.members[member].becomeProbe()
            // Its acknowledgement is on the way, so wait for it rather than probe at once.
            tracker.members[member].flowPaused = true
        } else {
            tracker.members[member].snapshotFailed()
        }
    }

    // MARK: The follower

    mutating func handleAppend(_ append: Message) {
        guard append.isContiguous else {
            events.append(.droppedInvalidMessage(from: append.from, append.kind))
            return
        }
        // Everything committed here is the leader's as well.
        guard append.index >= log.committed else {
            send(Message(.appendResponse, to: append.from, index: log.committed))
            return
        }
        guard log.contains(LogPosition(index: append.index, term: append.logTerm)) else {
            let hint = log.lastPosition(atOrBelow: append.index, termAtMost: append.logTerm)
            send(
                Message(
                    .appendResponse, to: append.from, logTerm: hint.term, index: append.index,
                    reject: true, rejectHint: hint.index))
            return
        }
        guard log.merge(append.entries) else {
            events.append(.droppedInvalidMessage(from: append.from, append.kind))
            return
        }
        let last = append.index + append.entries.count
        // Beyond `last` our log may hold entries of an older leader.
        log.commit(to: min(append.commit, last))
        send(Message(.appendResponse, to: append.from, index: last))
    }

    mutating func handleHeartbeat(_ heartbeat: Message) {
        guard heartbeat.commit <= log.lastIndex else {
            // Leaders name no more than what we have acknowledged to them in this term, and nobody
            // replaces what is committed. Going on would lose it.
            hasLostEntries = true
            events.append(.lostEntries(committed: heartbeat.commit, lastIndex: log.lastIndex))
            return
        }
        log.commit(to: heartbeat.commit)
        send(Message(.heartbeatResponse, to: heartbeat.from, context: heartbeat.context))
    }

    mutating func handleSnapshot(_ message: Message) {
        guard let snapshot = message.snapshot, snapshot.metadata.index > 0 else {
            events.append(.droppedInvalidMessage(from: message.from, message.kind))
            return
        }
        let index = restore(snapshot) ? log.lastIndex : log.committed
        send(Message(.appendResponse, to: message.from, index: index))
    }

    /// False when the snapshot brings nothing.
    private mutating func restore(_ snapshot: Snapshot) -> Bool {
        let metadata = snapshot.metadata
        guard metadata.index > log.committed else { return false }
        // One that does not know us was meant for somebody else.
        guard metadata.confState.normalised.allMembers.contains(id) else { return false }
        let position = LogPosition(index: metadata.index, term: metadata.term)
        if log.contains(position) {
            // Our log has it all: no need to throw away what follows.
            log.commit(to: metadata.index)
            return false
        }
        log.restore(snapshot)
        tracker.adopt(metadata.confState.normalised, next: log.lastIndex.next)
        return true
    }
}

extension Message {
    /// True when the entries follow `index` without a gap, as every correct append does.
    fileprivate var isContiguous: Bool {
        var expected = index
        for entry in entries {
            expected = expected.next
            if entry.index != expected { return false }
        }
        return true
    }
}
