//  Changes of membership as they come into force, and the handing over of leadership.

import RuntimeCore

extension Core {
    // MARK: Membership

    /// May this change be appended now? One at a time, and only the end of a joint phase may
    /// follow its beginning.
    func admitsConfChange(_ entry: Entry) -> Bool {
        guard pendingConfIndex <= log.applied else { return false }
        return entry.leavesJoint == tracker.configuration.isJoint
    }

    mutating func applyConfChange(_ change: ConfChangeV2, at index: LogIndex) -> ConfState? {
        // Nothing is compacted that is not applied: a snapshot came while the state machine had the
        // change, and its configuration is a later one.
        guard index > log.base.index else { return nil }
        log.confChangeApplied()
        do throws(ConfChangeError) {
            let configuration = try tracker.configuration.applying(change)
            // One before the end: so there is an entry to send, and with it a first probe.
            tracker.adopt(configuration, next: log.lastIndex)
        } catch {
            events.append(.ignoredConfChange(error))
        }
        guard role == .leader else { return tracker.configuration }
        guard tracker.configuration.isVoter(id) else {
            handOverAfterRemoval()
            return tracker.configuration
        }
        if advanceCommit() {
            // A smaller quorum may have committed more.
            broadcastAppend()
        } else {
            for member in tracker.members.indices where tracker.members[member].id != id {
                sendAppend(member, evenIfEmpty: false)
            }
        }
        if !tracker.configuration.isVoter(leadTransferee) { abortTransfer() }
        leaveJointIfDue()
        return tracker.configuration
    }

    /// Removed or demoted: this leader has led until the change was committed and now ends
    /// (thesis 4.2.2). It takes no more proposals and hands over to whoever has most of the log;
    /// until then, but for one election timeout at most, it goes on telling the others that the
    /// change is committed, without counting itself.
    private mutating func handOverAfterRemoval() {
        guard !tracker.configuration.isVoter(leadTransferee) else { return }
        let heirs = tracker.members.indices.filter {
            tracker.configuration.isVoter(tracker.members[$0].id)
        }
        guard
            let heir = heirs.max(by: { tracker.members[$0].match < tracker.members[$1].match })
        else { return }
        startTransfer(to: tracker.members[heir].id, heir)
    }

    /// A joint phase that was entered implicitly ends as soon as its entry is applied.
    mutating func leaveJointIfDue() {
        guard role == .leader, tracker.configuration.autoLeave, tracker.configuration.isJoint,
            leadTransferee == .none, pendingConfIndex <= log.applied
        else { return }
        appendOwn(Entry(term: term, index: log.lastIndex.next, kind: .confChangeV2))
        pendingConfIndex = log.lastIndex
        broadcastAppend()
    }

    // MARK: Leadership transfer (thesis 3.10)

    mutating func transferLeadership(to transferee: MemberID) {
        switch role {
        case .leader:
            if let member = tracker.position(of: transferee) {
                startTransfer(to: transferee, member)
            }
        case .follower where leader != .none:
            forward(Message(.transferLeader, from: transferee))
        default:
            break
        }
    }

    mutating func startTransfer(to transferee: MemberID, _ member: Int) {
        guard tracker.configuration.isVoter(transferee), leadTransferee != transferee else {
            return
        }
        abortTransfer()
        guard transferee != id else { return }
        // The transfer has one election timeout from now.
        electionElapsed = 0
        leadTransferee = transferee
        events.append(.startedTransfer(to: transferee))
        if !continueTransfer(member) { sendAppend(member, evenIfEmpty: true) }
    }

    /// Voters that go on without this leader: recently heard from, with more of its log on their
    /// disks than it has itself. Those with most of it come first. Empty unless they are a quorum:
    /// none of them could be elected.
    var heirs: [MemberID] {
        guard role == .leader else { return [] }
        let (own, durable, configuration) = (id, log.durable, tracker.configuration)
        let ahead = tracker.members.filter {
            $0.id != own && $0.recentActive && $0.match > durable
                && configuration.isVoter($0.id)
        }
        guard tracker.isQuorum(ahead.map(\.id)) else { return [] }
        return ahead.sorted { ($1.match, $0.id) < ($0.match, $1.id) }.map(\.id)
    }

    /// Once the transferee has everything, it may campaign at once. True when it was told so.
    @discardableResult
    mutating func continueTransfer(_ member: Int) -> Bool {
        let progress = tracker.members[member]
        guard progress.id == leadTransferee, progress.match == log.lastIndex else { return false }
        send(Message(.timeoutNow, to: progress.id))
        return true
    }

    mutating func abortTransfer() {
        guard leadTransferee != .none else { return }
        events.append(.abortedTransfer(to: leadTransferee))
        leadTransferee = .none
    }
}

extension Entry {
    /// The empty change ends a joint phase; it is the one change the core itself must recognise.
    fileprivate var leavesJoint: Bool { kind == .confChangeV2 && data.isEmpty }
}
