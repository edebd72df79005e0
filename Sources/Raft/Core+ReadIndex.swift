//  Linearizable reads without writing to the log (thesis 6.4): the leader notes its commit index,
//  makes sure by one heartbeat round that it still leads, and answers with the noted index.

import RuntimeCore

/// One read that waits for a heartbeat round.
struct PendingRead: Sendable {
    let context: Bytes
    /// Who asked: this member itself, or the follower that forwarded the request.
    let from: MemberID
    let index: LogIndex
    var acknowledged: [MemberID]
}

/// The reads that wait on a leader, oldest first.
struct ReadIndexQueue: Sendable {
    /// Requests beyond this are dropped; their clients ask again, as they do when a message is
    /// lost. A heartbeat round confirms all that wait, so only a cut off leader gets here.
    static let waitingMax = 4_096

    /// Asked before anything was committed in this term.
    var postponed: [Message] = []
    private(set) var waiting: [PendingRead] = []

    /// What heartbeats carry: the newest request, because confirming it confirms all before it.
    var newestContext: Bytes { waiting.last?.context ?? .empty }

    /// False when the queue is full or the request waits already.
    mutating func add(_ read: PendingRead) -> Bool {
        guard waiting.count < Self.waitingMax,
            !waiting.contains(where: { $0.context == read.context })
        else { return false }
        waiting.append(read)
        return true
    }

    /// Notes who has answered the heartbeat of `context`; gives the place and the answers so far.
    mutating func acknowledge(
        _ context: Bytes, by id: MemberID
    ) -> (place: Int, acknowledged: [MemberID])? {
        guard let place = waiting.firstIndex(where: { $0.context == context }) else { return nil }
        if !waiting[place].acknowledged.contains(id) { waiting[place].acknowledged.append(id) }
        return (place, waiting[place].acknowledged)
    }

    /// Takes the reads up to and including `place`.
    mutating func take(through place: Int) -> [PendingRead] {
        let taken = Array(waiting[...place])
        waiting.removeFirst(place + 1)
        return taken
    }
}

extension Core {
    /// A read wants the commit index. Dropped when nobody leads: the reader asks again.
    mutating func requestRead(_ request: Message) {
        guard request.entries.count == 1 else { return }
        guard role == .leader else {
            if role == .follower && leader != .none { forward(request) }
            return
        }
        // Before a leader has committed in its own term it may not know the true commit index.
        // That goes for a single voter, too: the commit index is written without a sync, so after
        // a crash it may be behind what was answered before.
        guard hasCommittedInTerm else {
            if reads.postponed.count < ReadIndexQueue.waitingMax {
                reads.postponed.append(request)
            }
            return
        }
        startRead(request)
    }

    mutating func releasePostponedReads() {
        guard !reads.postponed.isEmpty, hasCommittedInTerm else { return }
        let postponed = reads.postponed
        reads.postponed = []
        for request in postponed { startRead(request) }
    }

    mutating func confirmReads(_ context: Bytes, by id: MemberID) {
        guard !context.isEmpty,
            let (place, acknowledged) = reads.acknowledge(context, by: id),
            tracker.isQuorum(acknowledged)
        else { return }
        for read in reads.take(through: place) {
            answerRead(read.context, from: read.from, index: read.index)
        }
    }

    private mutating func startRead(_ request: Message) {
        let context = request.entries[0].data
        // Alone, there is nobody else who could lead.
        if isOnlyVoter {
            answerRead(context, from: request.from, index: log.committed)
            return
        }
        let read = PendingRead(
            context: context, from: request.from, index: log.committed, acknowledged: [id])
        if reads.add(read) { broadcastHeartbeat() }
    }

    private mutating func answerRead(_ context: Bytes, from reader: MemberID, index: LogIndex) {
        if reader == id || reader == .none {
            readStates.append(ReadState(index: index, context: context))
        } else {
            send(
                Message(
                    .readIndexResponse, to: reader, index: index,
                    entries: [Entry(term: 0, index: 0, data: context)]))
        }
    }

    var isOnlyVoter: Bool {
        tracker.configuration.voters == [id] && !tracker.configuration.isJoint
    }

    private var hasCommittedInTerm: Bool { log.term(at: log.committed) == term }
}
