//  Forgetting what no read needs any more, and the deletions from the tree that follow from it.

import RuntimeCore

extension TreeIndex {
    /// The next keys, not below `lower`, of which a compaction may remove something.
    func compactableKeys(from lower: Bytes, limit: Int) -> [Bytes] {
        var keys: [Bytes] = []
        lower.withUnsafeBytes { lower in
            _ = visitCompactable(root, from: lower) { key in
                keys.append(Bytes(Array(key)))
                return keys.count < limit
            }
        }
        return keys
    }

    private func visitCompactable(
        _ node: IndexNode, from lower: UnsafeRawBufferPointer?,
        _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        if node.summary.compactable == 0 { return true }
        if node.isLeaf {
            let first = lower.map { node.search($0).slot } ?? 0
            for slot in first..<node.count {
                let entry = IndexEntry(node, slot)
                let isCompactable = entry.isTombstone || entry.past != KeyIndexTable.none
                if isCompactable, !body(entry.key) { return false }
            }
            return true
        }
        let first = lower.map { node.childSlot(for: $0) } ?? 0
        for slot in first..<node.count {
            let inner = slot == first ? lower : nil
            if !visitCompactable(node.child(slot), from: inner, body) { return false }
        }
        return true
    }

    /// Removes revisions of `key` that no read at `main` or later needs, at most about `limit`.
    ///
    /// Kept are the newest revision at `main`, unless it is a deletion older than `main`, and all
    /// newer ones.
    /// - Returns: whether everything removable has been removed.
    mutating func compact(
        _ key: UnsafeRawBufferPointer, at main: Int64, limit: Int,
        into removed: inout [RevisionKey]
    ) -> Bool {
        liveChange = 0
        compactableChange = 0
        let isDone = compact(key, in: root, at: main, limit: limit, into: &removed)
        while !root.isLeaf, root.count <= 1 {
            let old = root
            root = old.count == 1 ? old.child(0) : IndexNode.make(level: 0)
            old.deallocate()
        }
        return isDone
    }

    private mutating func compact(
        _ key: UnsafeRawBufferPointer, in node: IndexNode, at main: Int64, limit: Int,
        into removed: inout [RevisionKey]
    ) -> Bool {
        if node.isLeaf {
            return compactLeaf(key, in: node, at: main, limit: limit, into: &removed)
        }
        let slot = node.childSlot(for: key)
        let child = node.child(slot)
        let isDone = compact(key, in: child, at: main, limit: limit, into: &removed)
        updateSummary(of: node, maxMain: 0)
        if child.usedBytes < IndexNode.capacity / 4 { merge(slot, of: node) }
        return isDone
    }

    private mutating func compactLeaf(
        _ key: UnsafeRawBufferPointer, in leaf: IndexNode, at main: Int64, limit: Int,
        into removed: inout [RevisionKey]
    ) -> Bool {
        let (slot, isFound) = leaf.search(key)
        guard isFound else { return true }
        var state = IndexEntry(leaf, slot).state
        let isReplaced = state.revision.main <= main
        if state.past != KeyIndexTable.none {
            let isDone = pasts[state.past].compact(
                at: main, isReplaced: isReplaced, limit: limit, into: &removed)
            if !isDone { return false }
            if pasts[state.past].isEmpty {
                pasts.remove(state.past)
                state.past = KeyIndexTable.none
                IndexEntry(leaf, slot).set(state)
                if !state.isTombstone { compactableChange = -1 }
            }
        }
        if state.isTombstone, state.revision.main < main {
            precondition(state.past == KeyIndexTable.none)
            removed.append(RevisionKey(state.revision, isTombstone: true))
            compactableChange = -1
            leaf.freeKey(slot)
            leaf.removeSlot(slot)
        }
        updateSummary(of: leaf, maxMain: 0)
        return true
    }

    /// Joins a child that has become small with a neighbour, if one node can hold both.
    private func merge(_ slot: Int, of branch: IndexNode) {
        if branch.count == 1 {
            if branch.child(0).count == 0 { removeChild(0, of: branch) }
            return
        }
        let left = slot > 0 ? slot - 1 : slot
        if join(left, of: branch) || slot == 0 || slot + 1 == branch.count { return }
        _ = join(slot, of: branch)
    }

    /// Moves the child behind `slot` into the one at `slot`; `false` when there is no room.
    private func join(_ slot: Int, of branch: IndexNode) -> Bool {
        let left = branch.child(slot)
        let right = branch.child(slot + 1)
        let separator = branch.key(slot + 1)
        let separatorBytes = left.isLeaf ? 0 : IndexNode.branchEntryBytes(keyBytes: separator.count)
        // A little room stays, so that the next insertion does not split it again at once.
        let limit = IndexNode.capacity * 7 / 8
        guard left.usedBytes + right.usedBytes + separatorBytes <= limit else { return false }
        // The joined node has wider bounds than either had, which may share less.
        left.setPrefixLength(
            min(left.prefixLength, right.prefixLength, branch.prefixLength))
        if !left.isLeaf, right.count > 0 {
            let first = right.child(0)
            right.removeSlot(0)
            left.insertChild(first, key: separator, at: left.count)
        }
        right.moveEntries(from: 0, to: left)
        left.summary = left.computeSummary()
        right.deallocate()
        branch.freeKey(slot + 1)
        branch.removeSlot(slot + 1)
        branch.setPrefixes(first: slot, last: slot)
        return true
    }

    private func removeChild(_ slot: Int, of branch: IndexNode) {
        branch.child(slot).deallocate()
        branch.freeKey(slot)
        branch.removeSlot(slot)
    }
}
