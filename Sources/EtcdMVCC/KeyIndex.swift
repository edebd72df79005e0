//  The past of one key: every revision before its newest one, as far as it is still stored.

/// A revision of a key that a newer one has replaced.
struct PastRevision: Equatable {
    var main: Int64
    var sub: UInt32
    /// The key was deleted here.
    var isTombstone: Bool

    var revision: Revision { Revision(main: main, sub: Int64(sub)) }
}

/// The replaced revisions of one key, oldest first.
///
/// Its newest revision stands in the entry of the key in the `TreeIndex`. Deletions are members of
/// the list, so that generations need no structure of their own: what stands between two
/// tombstones is one generation.
struct KeyIndex {
    /// Invariant: ascending by (main, sub); the first `start` are compacted away.
    private var revisions: ContiguousArray<PastRevision> = []
    private var start = 0

    var isEmpty: Bool { start == revisions.count }
    var count: Int { revisions.count - start }
    var oldest: PastRevision? { isEmpty ? nil : revisions[start] }

    mutating func append(_ revision: PastRevision) {
        precondition(revisions.last.map { $0.revision < revision.revision } ?? true)
        revisions.append(revision)
    }

    /// The newest revision with a main revision of at most `main`.
    func newest(at main: Int64) -> PastRevision? {
        let end = upperBound(main)
        return end == start ? nil : revisions[end - 1]
    }

    /// Removes what no read at `main` or later needs, oldest first, at most `limit` of them.
    ///
    /// `isReplaced` says that the revision after this list is not above `main` either; then
    /// nothing here is needed. A tombstone is needed by nobody, but one exactly at `main` stays:
    /// watchers that start there must see the deletion.
    /// - Returns: whether everything removable has been removed.
    mutating func compact(
        at main: Int64, isReplaced: Bool, limit: Int, into removed: inout [RevisionKey]
    ) -> Bool {
        var end = upperBound(main)
        if !isReplaced, end > start {
            let last = revisions[end - 1]
            if !last.isTombstone || last.main == main { end -= 1 }
        }
        let stop = min(end, start + max(limit, 0))
        for position in start..<stop {
            let past = revisions[position]
            removed.append(RevisionKey(past.revision, isTombstone: past.isTombstone))
        }
        start = stop
        // Moving the rest only now and then keeps a long list linear.
        if start > 16, start > revisions.count / 2 {
            revisions.removeFirst(start)
            start = 0
        }
        return stop == end
    }

    /// Position of the first revision above `main`.
    private func upperBound(_ main: Int64) -> Int {
        var low = start
        var high = revisions.count
        while low < high {
            let middle = (low + high) / 2
            if revisions[middle].main <= main { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The pasts of all keys that have one, by small numbers that fit an index entry.
struct KeyIndexTable {
    /// What an entry without a past holds.
    static let none: UInt32 = 0

    private var table: ContiguousArray<KeyIndex> = [KeyIndex()]
    private var free: [UInt32] = []

    mutating func make() -> UInt32 {
        if let number = free.popLast() { return number }
        precondition(table.count < UInt32.max)
        table.append(KeyIndex())
        return UInt32(table.count - 1)
    }

    mutating func remove(_ number: UInt32) {
        table[Int(number)] = KeyIndex()
        free.append(number)
    }

    subscript(_ number: UInt32) -> KeyIndex {
        _read { yield table[Int(number)] }
        _modify { yield &table[Int(number)] }
    }
}
