//  The index of all keys in order: a B-tree that says for every key which records hold it. Reads:
//  TreeIndex+Reads.swift. Compaction: TreeIndex+Compaction.swift.

/// An ordered map from key to the revisions of the key that are stored.
///
/// Invariant: it knows every record of bucket `key`, deletions included, so that a compaction can
/// name what it removes. The newest revision of a key lies with the key in a leaf; older ones, for
/// keys that have any, in a `KeyIndex`. About 100 bytes for a key of 32 bytes without a past.
/// One thread at a time; `StoreReader` keeps it behind its lock.
///
/// Sendable although it holds pointers: it cannot be copied and no node belongs to two trees, so
/// that whoever has the tree has all that its pointers lead to.
struct TreeIndex: ~Copyable, @unchecked Sendable {
    var root = IndexNode.make(level: 0)
    var pasts = KeyIndexTable()
    /// What the running operation changes in the sums of all nodes on its way.
    var liveChange = 0
    var compactableChange = 0
    /// The leaf and slot of the newest key, to notice keys that come in ascending order.
    private var newestLeaf: UnsafeMutableRawPointer?
    private var newestSlot = 0
    private var isAscending = false

    deinit { Self.free(root) }

    /// Keys that are not deleted.
    var keyCount: Int { root.summary.live }

    /// What a write replaced, and what it made.
    struct Written: Equatable {
        /// The state before, unless the key was absent or deleted.
        var previous: KeyState?
        var createRevision: Int64
        var version: Int64
    }

    /// A right half that came into being, with the least key it may hold.
    struct Split {
        let node: IndexNode
        let separator: [UInt8]
    }

    // MARK: writing

    /// Adds a put at `revision`, which must be newer than all revisions of the key.
    mutating func put(_ key: UnsafeRawBufferPointer, at revision: Revision, lease: Int64)
        -> Written
    {
        var written = Written(previous: nil, createRevision: revision.main, version: 1)
        write(key) { before in
            if let before, !before.isTombstone {
                written.previous = before
                written.createRevision = before.createRevision
                written.version = before.version + 1
            }
            return KeyState(
                revision: revision, createRevision: written.createRevision,
                version: written.version, lease: lease)
        }
        return written
    }

    /// Adds a deletion at `revision`, which must be newer than all revisions of the key.
    mutating func delete(_ key: UnsafeRawBufferPointer, at revision: Revision) {
        write(key) { _ in KeyState(revision: revision, isTombstone: true) }
    }

    /// Adds a stored record; records must come in the order of their revisions.
    mutating func restore(_ key: UnsafeRawBufferPointer, _ state: KeyState) {
        write(key) { _ in state }
    }

    /// Sets the newest state of `key` to what `change` makes of the one before.
    @inline(__always)
    private mutating func write(
        _ key: UnsafeRawBufferPointer, _ change: (KeyState?) -> KeyState
    ) {
        liveChange = 0
        compactableChange = 0
        guard let split = write(key, in: root, change) else { return }
        let grown = IndexNode.make(level: root.level + 1)
        grown.insertChild(root, key: UnsafeRawBufferPointer(start: nil, count: 0), at: 0)
        split.separator.withUnsafeBytes { grown.insertChild(split.node, key: $0, at: 1) }
        grown.summary = grown.computeSummary()
        root = grown
    }

    private mutating func write(
        _ key: UnsafeRawBufferPointer, in node: IndexNode, _ change: (KeyState?) -> KeyState
    ) -> Split? {
        if node.isLeaf { return writeLeaf(key, in: node, change) }
        let slot = node.childSlot(for: key)
        let split = write(key, in: node.child(slot), change)
        guard let split else {
            let main = node.child(slot).summary.maxMain
            updateSummary(of: node, maxMain: main)
            return nil
        }
        return insertChild(split, at: slot + 1, of: node)
    }

    @inline(__always)
    func updateSummary(of node: IndexNode, maxMain: Int64) {
        var summary = node.summary
        summary.live += liveChange
        summary.compactable += compactableChange
        summary.maxMain = max(summary.maxMain, maxMain)
        node.summary = summary
    }

    private mutating func writeLeaf(
        _ key: UnsafeRawBufferPointer, in leaf: IndexNode, _ change: (KeyState?) -> KeyState
    ) -> Split? {
        let (slot, isFound) = leaf.search(key)
        var state: KeyState
        if isFound {
            let entry = IndexEntry(leaf, slot)
            let before = entry.state
            state = change(before)
            precondition(before.revision < state.revision)
            state.past = before.past == KeyIndexTable.none ? pasts.make() : before.past
            pasts[state.past].append(
                PastRevision(
                    main: before.revision.main, sub: UInt32(before.revision.sub),
                    isTombstone: before.isTombstone))
            liveChange = (state.isTombstone ? 0 : 1) - (before.isTombstone ? 0 : 1)
            let wasCompactable = before.isTombstone || before.past != KeyIndexTable.none
            compactableChange = wasCompactable ? 0 : 1
            if entry.hasLease == (state.lease != 0) {
                entry.set(state)
                updateSummary(of: leaf, maxMain: state.revision.main)
                return nil
            }
            leaf.freeKey(slot)
            leaf.removeSlot(slot)
            isAscending = false
        } else {
            state = change(nil)
            liveChange = state.isTombstone ? 0 : 1
            compactableChange = state.isTombstone ? 1 : 0
            isAscending = newestLeaf == leaf.base && slot == newestSlot + 1
            newestLeaf = leaf.base
            newestSlot = slot
        }
        let size = IndexEntry.byteCount(keyBytes: key.count, lease: state.lease)
        guard leaf.hasRoom(for: size) else {
            return splitLeaf(leaf, toInsert: state, key, at: slot)
        }
        IndexEntry.insert(state, key: key, into: leaf, at: slot)
        updateSummary(of: leaf, maxMain: state.revision.main)
        return nil
    }

    // MARK: splitting

    private mutating func splitLeaf(
        _ leaf: IndexNode, toInsert state: KeyState, _ key: UnsafeRawBufferPointer, at slot: Int
    ) -> Split {
        let right = IndexNode.make(level: 0)
        right.setPrefixLength(leaf.prefixLength)
        let separator: [UInt8]
        if isAscending, slot == leaf.count {
            // Keys in ascending order would leave every leaf half empty otherwise.
            separator = Self.separator(between: leaf.key(slot - 1), and: key)
            IndexEntry.insert(state, key: key, into: right, at: 0)
            newestLeaf = right.base
            newestSlot = 0
        } else {
            let middle = leaf.middleSlot
            separator = Self.separator(between: leaf.key(middle - 1), and: leaf.key(middle))
            leaf.moveEntries(from: middle, to: right)
            let goesLeft = separator.withUnsafeBytes { KeyOrder.compare(key, $0) < 0 }
            IndexEntry.insert(
                state, key: key, into: goesLeft ? leaf : right, at: goesLeft ? slot : slot - middle)
            newestLeaf = nil
        }
        leaf.summary = leaf.computeSummary()
        right.summary = right.computeSummary()
        return Split(node: right, separator: separator)
    }

    /// The shortest key above `left` that is not above `right`.
    private static func separator(
        between left: UnsafeRawBufferPointer, and right: UnsafeRawBufferPointer
    ) -> [UInt8] {
        Array(right[...KeyOrder.common(left, right)])
    }

    /// Hangs the right half of the child before `slot` into `branch`, whose sums are not up to
    /// date yet.
    private func insertChild(_ split: Split, at slot: Int, of branch: IndexNode) -> Split? {
        let size = IndexNode.branchEntryBytes(keyBytes: split.separator.count)
        if branch.hasRoom(for: size) {
            split.separator.withUnsafeBytes {
                branch.insertChild(split.node, key: $0, at: slot)
            }
            branch.improvePrefixes(first: slot - 1, last: slot)
            let maxMain = max(
                branch.child(slot - 1).summary.maxMain, split.node.summary.maxMain)
            updateSummary(of: branch, maxMain: maxMain)
            return nil
        }
        let right = IndexNode.make(level: branch.level)
        right.setPrefixLength(branch.prefixLength)
        let middle = branch.middleSlot
        let separator = Array(branch.key(middle))
        branch.moveEntries(from: middle, to: right)
        right.clearFirstKey()
        let (half, position) = slot <= middle ? (branch, slot) : (right, slot - middle)
        split.separator.withUnsafeBytes {
            half.insertChild(split.node, key: $0, at: position)
        }
        half.improvePrefixes(first: position - 1, last: position)
        branch.summary = branch.computeSummary()
        right.summary = right.computeSummary()
        return Split(node: right, separator: separator)
    }

    // MARK: freeing

    private static func free(_ node: IndexNode) {
        for slot in 0..<node.count {
            if !node.isLeaf { free(node.child(slot)) }
            node.freeKey(slot)
        }
        node.deallocate()
    }
}
