//  What a leader knows of one member, and how much it may send to it.

/// The last indexes of the append messages that are on their way to one member, oldest first.
///
/// A ring that grows up to its capacity, so that idle members cost little.
struct Inflights: Sendable {
    private var ring: [LogIndex] = []
    private var start = 0
    /// Invariant: `count <= capacity` and `count <= ring.count`.
    private(set) var count = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    var isFull: Bool { count == capacity }

    mutating func add(_ last: LogIndex) {
        precondition(!isFull, "sent beyond the window")
        if count == ring.count { grow() }
        ring[(start + count) % ring.count] = last
        count += 1
    }

    /// Forgets the messages whose last index is at most `index`: they have arrived.
    mutating func free(upTo index: LogIndex) {
        while count > 0 && ring[start] <= index {
            start = (start + 1) % ring.count
            count -= 1
        }
    }

    mutating func removeAll() {
        start = 0
        count = 0
    }

    private mutating func grow() {
        var larger: [LogIndex] = []
        larger.reserveCapacity(min(capacity, max(4, ring.count * 2)))
        for offset in 0..<count { larger.append(ring[(start + offset) % ring.count]) }
        while larger.count < min(capacity, max(4, ring.count * 2)) { larger.append(0) }
        ring = larger
        start = 0
    }
}

/// One member as its leader sees it.
struct Progress: Sendable {
    let id: MemberID
    /// Everything up to here is known to be durable there.
    private(set) var match: LogIndex
    /// The next entry to send. Invariant: `match < next`.
    private(set) var next: LogIndex
    private(set) var state: MemberProgress.State = .probe
    /// In snapshot state: the index of the snapshot on its way.
    private(set) var pendingSnapshot: LogIndex = 0
    /// A snapshot was asked for and has not been provided yet.
    var snapshotWanted = false
    /// Heard from since the last quorum check.
    var recentActive = false
    /// Nothing may be sent before the next heartbeat is answered (or, while replicating, before
    /// an acknowledgement opens the window).
    var flowPaused = false
    var isLearner = false
    /// The highest commit index that was sent.
    private(set) var sentCommit: LogIndex = 0
    private var inflights: Inflights

    init(id: MemberID, next: LogIndex, inflightMax: Int) {
        self.id = id
        match = 0
        self.next = max(next, 1)
        inflights = Inflights(capacity: inflightMax)
    }

    var isWindowFull: Bool { inflights.isFull }

    /// True when an append must not be sent now.
    var isPaused: Bool { state == .snapshot || flowPaused }

    /// A new term begins: nothing is known any more.
    mutating func reset(next: LogIndex, match: LogIndex) {
        resetState(to: .probe)
        self.match = match
        self.next = max(next, match.next)
        sentCommit = 0
        recentActive = false
        snapshotWanted = false
    }

    mutating func becomeProbe() {
        let afterSnapshot = state == .snapshot ? pendingSnapshot.next : 0
        resetState(to: .probe)
        // A snapshot that has arrived moved the member to its index even if the acknowledgement
        // is still on its way.
        next = max(match.next, afterSnapshot)
        sentCommit = min(sentCommit, next - 1)
    }

    mutating func becomeReplicate() {
        resetState(to: .replicate)
        next = match.next
    }

    mutating func becomeSnapshot(at index: LogIndex) {
        resetState(to: .snapshot)
        pendingSnapshot = index
        next = max(match.next, index.next)
        sentCommit = index
        snapshotWanted = false
    }

    /// The snapshot did not arrive; probe from where we were.
    mutating func snapshotFailed() {
        pendingSnapshot = 0
        resetState(to: .probe)
        next = match.next
        sentCommit = min(sentCommit, match)
        flowPaused = true
        snapshotWanted = false
    }

    /// The member has everything up to `index`. False when that was known.
    mutating func update(to index: LogIndex) -> Bool {
        guard index > match else { return false }
        match = index
        next = max(next, index.next)
        flowPaused = false
        return true
    }

    /// The member refused entries after `rejected`; try after `hint` next. False when nothing is to
    /// be sent for it now: the refusal is old news, or the member denies what it has acknowledged.
    mutating func decrease(rejected: LogIndex, hint: LogIndex) -> Bool {
        if state == .replicate {
            guard rejected > match else { return false }
            next = match.next
            sentCommit = min(sentCommit, match)
            return true
        }
        // While probing only one message is out, so anything else answers an older one.
        guard next - 1 == rejected else { return false }
        let lower = max(min(rejected, hint.next), match.next)
        guard lower < next else {
            // The same again would be refused as fast as it travels: not before a heartbeat.
            flowPaused = true
            return false
        }
        next = lower
        sentCommit = min(sentCommit, next - 1)
        flowPaused = false
        return true
    }

    mutating func sent(entries: Int, commit: LogIndex) {
        sentCommit = max(sentCommit, commit)
        guard entries > 0 else {
            if state == .replicate { flowPaused = inflights.isFull }
            return
        }
        if state == .replicate {
            next = next + entries
            inflights.add(next - 1)
            flowPaused = inflights.isFull
        } else {
            flowPaused = true
        }
    }

    mutating func acknowledged(upTo index: LogIndex) {
        inflights.free(upTo: index)
        flowPaused = inflights.isFull
    }

    /// True when an empty append would tell the member of a later commit index.
    func canRaiseCommit(to commit: LogIndex) -> Bool {
        commit > sentCommit && sentCommit < next - 1
    }

    var status: MemberProgress {
        MemberProgress(
            id: id, match: match, next: next, state: state, recentActive: recentActive,
            isLearner: isLearner)
    }

    private mutating func resetState(to state: MemberProgress.State) {
        self.state = state
        flowPaused = false
        pendingSnapshot = 0
        inflights.removeAll()
    }
}

/// The progress of all members under the configuration in force.
struct ProgressTracker: Sendable {
    private(set) var configuration: ConfState
    /// Sorted by id; exactly the members of `configuration`.
    var members: [Progress] = []
    /// Members in the order of `members` that have answered the current campaign.
    private var votes: [(id: MemberID, granted: Bool)] = []
    private let inflightMax: Int

    init(configuration: ConfState, next: LogIndex, inflightMax: Int) {
        self.configuration = ConfState()
        self.inflightMax = inflightMax
        adopt(configuration, next: next)
    }

    func position(of id: MemberID) -> Int? { members.firstIndex { $0.id == id } }
    func contains(_ id: MemberID) -> Bool { position(of: id) != nil }

    /// Puts a configuration in force: new members start unknown but active, so that a quorum
    /// check right after the change does not count them as dead.
    mutating func adopt(_ configuration: ConfState, next: LogIndex) {
        self.configuration = configuration
        let ids = configuration.allMembers
        members.removeAll { !ids.contains($0.id) }
        for id in ids where position(of: id) == nil {
            var progress = Progress(id: id, next: next, inflightMax: inflightMax)
            progress.recentActive = true
            members.insert(progress, at: members.firstIndex { $0.id > id } ?? members.endIndex)
        }
        for position in members.indices {
            members[position].isLearner = configuration.learners.contains(members[position].id)
        }
    }

    /// The largest index that a quorum has made durable.
    var committedIndex: LogIndex {
        configuration.committedIndex { id in
            for member in members where member.id == id { return member.match }
            return 0
        }
    }

    /// True when a quorum was heard from; `id` is the leader that asks and counts as heard.
    func isQuorumActive(leader id: MemberID) -> Bool {
        configuration.tally { voter in
            voter == id || members.contains { $0.id == voter && $0.recentActive }
        } == .won
    }

    func isQuorum(_ acknowledged: [MemberID]) -> Bool {
        configuration.tally { acknowledged.contains($0) } == .won
    }

    mutating func resetVotes() { votes.removeAll(keepingCapacity: true) }

    /// Takes the first answer of each member.
    mutating func recordVote(of id: MemberID, granted: Bool) {
        if !votes.contains(where: { $0.id == id }) { votes.append((id, granted)) }
    }

    var voteResult: VoteResult {
        configuration.tally { voter in
            for vote in votes where vote.id == voter { return vote.granted }
            return nil
        }
    }
}
