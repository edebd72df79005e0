//  The log as the core sees it: every entry since the last compaction in memory, and four marks
//  that say how far it was handed to the disk, made durable, committed, and handed to apply.
//
//  Writes are pipelined: several `Ready`s may be on their way to the disk. What makes this safe is
//  that overwriting a suffix lowers the mark of every outstanding write to the part that is still
//  ours. Comparing terms when a write completes would not do: a suffix may be overwritten and
//  later come back with the same term while the write in between has yet to pass over it.

import RuntimeCore

/// One place of the log together with the term that wrote it.
struct LogPosition: Sendable, Hashable {
    var index: LogIndex
    var term: Term
}

/// A `Ready` that the driver is making durable.
struct OutstandingWrite: Sendable {
    let number: UInt64
    let hardState: HardState
    /// The log up to here is durable once this write is. Only ever lowered.
    var mark: LogIndex
    /// The snapshot in it, if any.
    let snapshot: LogIndex?
}

/// The tail of the log since the last compaction.
struct RaftLog {
    /// The last place that was compacted away, or (0, 0).
    private(set) var base: LogPosition
    /// Entries after `base`, contiguous, from `head` on; what stands before is garbage that is
    /// cleared when it outweighs the rest, so that compaction costs constant time per entry.
    private var storage: [Entry]
    private var head = 0
    /// The newest snapshot here; its place keeps a known term after compaction.
    private(set) var newestSnapshot: LogPosition

    /// Invariant: `applied <= handedToApply <= min(committed, durable)`, except while a snapshot
    /// is being installed.
    private(set) var applied: LogIndex
    private(set) var handedToApply: LogIndex
    private(set) var committed: LogIndex
    /// Invariant: `durable <= handedToDisk <= lastIndex`, except that the former two start anew
    /// with a restored snapshot.
    private(set) var durable: LogIndex
    private(set) var handedToDisk: LogIndex
    private var writes: [OutstandingWrite] = []
    /// Came from a leader and was not put into a `Ready` yet.
    private(set) var snapshotToHandOut: Snapshot?
    /// The index of the restored snapshot until it is durable.
    private(set) var unpersistedSnapshot: LogIndex?
    /// A configuration change was handed to apply; nothing after it may follow before it is in
    /// force.
    private(set) var awaitedConfChange: LogIndex?

    init(commit: LogIndex, snapshot: SnapshotMetadata, entries: [Entry], applied: LogIndex) {
        base = LogPosition(index: snapshot.index, term: snapshot.term)
        newestSnapshot = base
        storage =
            entries.first.map { $0.index > snapshot.index } ?? true
            ? entries : entries.filter { $0.index > snapshot.index }
        var expected = base.index
        for entry in storage {
            precondition(entry.index == expected.next, "gap in the log before \(entry.index)")
            expected = entry.index
        }
        // The commit index is written without a sync, so a crash may leave it behind what the
        // state machine has safely applied.
        committed = max(commit, applied, snapshot.index)
        precondition(committed <= expected, "log ends at \(expected), committed \(committed)")
        self.applied = max(applied, snapshot.index)
        handedToApply = self.applied
        durable = expected
        handedToDisk = expected
    }

    // MARK: Looking

    var firstIndex: LogIndex { base.index.next }
    var lastIndex: LogIndex { base.index + (storage.count - head) }
    var last: LogPosition {
        storage.count == head
            ? base : LogPosition(index: lastIndex, term: storage[storage.count - 1].term)
    }

    /// `nil` when the place was compacted away or does not exist yet.
    func term(at index: LogIndex) -> Term? {
        if index > base.index {
            return index <= lastIndex ? storage[slot(index)].term : nil
        }
        if index == base.index { return base.term }
        return index == newestSnapshot.index ? newestSnapshot.term : nil
    }

    func contains(_ position: LogPosition) -> Bool { term(at: position.index) == position.term }

    /// Would a voter with this log vote for a candidate whose log ends at `candidate`?
    func isUpToDate(_ candidate: LogPosition) -> Bool {
        let mine = last
        return candidate.term > mine.term
            || (candidate.term == mine.term && candidate.index >= mine.index)
    }

    /// Entries from `first` on, at least one if there is one, then as many as fit.
    func entries(from first: LogIndex, through end: LogIndex, bytesMax: Int) -> [Entry] {
        precondition(first > base.index)
        let stop = min(end, lastIndex)
        guard first <= stop else { return [] }
        let start = slot(first)
        let limit = slot(stop) + 1
        var bytes = 0
        var position = start
        while position < limit {
            bytes += storage[position].sizeEstimateBytes
            if bytes > bytesMax && position > start { break }
            position += 1
        }
        return Array(storage[start..<position])
    }

    /// The last place at or below `index` whose term is at most `term`: the best guess where two
    /// logs may agree (paper 5.3, fast back-tracking). Term 0 when it was compacted away.
    func lastPosition(atOrBelow index: LogIndex, termAtMost term: Term) -> LogPosition {
        var index = min(index, lastIndex)
        while index > 0 {
            guard let own = self.term(at: index) else { return LogPosition(index: index, term: 0) }
            if own <= term { return LogPosition(index: index, term: own) }
            index = index - 1
        }
        return LogPosition(index: 0, term: 0)
    }

    /// True when a change of membership is committed and was not applied yet.
    var hasUnappliedConfChange: Bool {
        let first = max(applied, base.index).next
        guard first <= committed else { return false }
        return storage[slot(first)...slot(committed)].contains { $0.kind != .normal }
    }

    // MARK: Changing

    mutating func append(_ entry: Entry) {
        precondition(entry.index == lastIndex.next)
        storage.append(entry)
    }

    /// Takes a leader's entries after a place that is known to match. Entries that are here
    /// already stay; the first one of another term and everything after it is replaced. False
    /// when that would replace something committed, which no correct leader asks for.
    mutating func merge(_ entries: [Entry]) -> Bool {
        guard let conflict = entries.firstIndex(where: { term(at: $0.index) != $0.term }) else {
            return true
        }
        let first = entries[conflict].index
        guard first > committed else { return false }
        if first <= lastIndex { truncate(from: first) }
        precondition(first == lastIndex.next)
        storage.append(contentsOf: entries[conflict...])
        return true
    }

    private mutating func truncate(from index: LogIndex) {
        storage.removeSubrange(slot(index)...)
        durable = min(durable, index - 1)
        handedToDisk = min(handedToDisk, index - 1)
        for position in writes.indices {
            writes[position].mark = min(writes[position].mark, index - 1)
        }
    }

    /// True when the commit index moved.
    @discardableResult
    mutating func commit(to index: LogIndex) -> Bool {
        guard index > committed else { return false }
        precondition(index <= lastIndex, "committed beyond the log")
        committed = index
        return true
    }

    /// Replaces everything by a leader's snapshot; it is durable when its `Ready` is.
    mutating func restore(_ snapshot: Snapshot) {
        let index = snapshot.metadata.index
        precondition(index > committed)
        base = LogPosition(index: index, term: snapshot.metadata.term)
        newestSnapshot = base
        storage = []
        head = 0
        committed = index
        handedToApply = index
        handedToDisk = index
        durable = 0
        for position in writes.indices { writes[position].mark = 0 }
        snapshotToHandOut = snapshot
        unpersistedSnapshot = index
        awaitedConfChange = nil
    }

    // MARK: Handing out

    var hasEntriesToPersist: Bool { handedToDisk < lastIndex }

    mutating func takeEntriesToPersist() -> [Entry] {
        guard hasEntriesToPersist else { return [] }
        let taken = Array(storage[slot(handedToDisk.next)...])
        handedToDisk = lastIndex
        return taken
    }

    mutating func takeSnapshot() -> Snapshot? {
        defer { snapshotToHandOut = nil }
        return snapshotToHandOut
    }

    mutating func startWrite(number: UInt64, hardState: HardState, snapshot: LogIndex?) {
        writes.append(
            OutstandingWrite(
                number: number, hardState: hardState, mark: handedToDisk, snapshot: snapshot))
    }

    /// Everything up to this write is durable; gives the hard state that now is.
    mutating func finishWrites(upTo number: UInt64) -> HardState? {
        var finished = 0
        while finished < writes.count && writes[finished].number <= number {
            let write = writes[finished]
            durable = max(durable, write.mark)
            if let snapshot = write.snapshot {
                if snapshot == unpersistedSnapshot { unpersistedSnapshot = nil }
                applied = max(applied, snapshot)
            }
            finished += 1
        }
        guard finished > 0 else { return nil }
        let hardState = writes[finished - 1].hardState
        writes.removeFirst(finished)
        return hardState
    }

    var hasEntriesToApply: Bool {
        awaitedConfChange == nil && handedToApply < min(committed, durable)
    }

    /// Committed, durable entries that were not handed out yet, up to a change of membership.
    mutating func takeEntriesToApply(bytesMax: Int) -> [Entry] {
        guard hasEntriesToApply else { return [] }
        var taken = entries(
            from: handedToApply.next, through: min(committed, durable), bytesMax: bytesMax)
        if let change = taken.firstIndex(where: { $0.kind != .normal }) {
            taken.removeSubrange((change + 1)...)
            awaitedConfChange = taken[change].index
        }
        handedToApply = handedToApply + taken.count
        return taken
    }

    mutating func confChangeApplied() { awaitedConfChange = nil }

    mutating func apply(upTo index: LogIndex) {
        precondition(index <= committed, "applied \(index), committed \(committed)")
        applied = max(applied, index)
        if let awaited = awaitedConfChange, index >= awaited { awaitedConfChange = nil }
    }

    mutating func compact(upTo index: LogIndex) {
        precondition(index <= applied, "compaction to \(index), applied \(applied)")
        guard index > base.index else { return }
        let compacted = slot(index)
        base = LogPosition(index: index, term: storage[compacted].term)
        head = compacted + 1
        if head > storage.count / 2 {
            storage.removeFirst(head)
            head = 0
        }
    }

    mutating func snapshotTaken(at position: LogPosition) {
        if position.index > newestSnapshot.index { newestSnapshot = position }
    }

    private func slot(_ index: LogIndex) -> Int { head + (index - base.index) - 1 }
}

extension Entry {
    /// Close enough to the encoded size for limits: the payload plus index, term and kind.
    var sizeEstimateBytes: Int { data.count + 16 }
}
