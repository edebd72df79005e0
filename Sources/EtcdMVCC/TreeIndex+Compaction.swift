//  Forgetting what no read needs any more, and the deletions from the tree that follow from it.

import RuntimeCore

extension TreeIndex {
    /// Where a compaction of one leaf ended.
    private enum Progress {
        /// Nothing to remove here or behind.
        case nothing
        /// Goes on with this key; `nil` is behind everything below the node.
        case upTo([UInt8]?)
    }

    /// Removes revisions that no read at `main` or later needs from the keys of one leaf, the first
    /// that has any and lies not below `position`; at most `limit` of them.
    ///
    /// Of every key the newest revision at `main` is kept, unless it is a deletion older than
    /// `main`, and all newer ones.
    /// - Returns: whether no key is left; otherwise `position` is where to go on.
    mutating func compactNext(
        at main: Int64, from position: inout Bytes, limit: Int,
        into removed: inout [RevisionKey]
    ) -> Bool {
        liveChange = 0
        compactableChange = 0
        let most = removed.count + limit
        let progress = position.withUnsafeBytes {
            compact(root, from: $0, at: main, until: most, into: &removed)
        }
        while !root.isLeaf, root.count == 1 {
            let old = root
            root = old.child(0)
            old.deallocate()
        }
        guard case .upTo(let next?) = progress else { return true }
        position = Bytes(next)
        return false
    }

    private mutating func compact(
        _ node: IndexNode, from lower: UnsafeRawBufferPointer?, at main: Int64, until most: Int,
        into removed: inout [RevisionKey]
    ) -> Progress {
        if node.summary.compactable == 0 { return .nothing }
        if node.isLeaf {
            let first = lower.map { node.search($0).slot } ?? 0
            let next = compactLeaf(node, from: first, at: main, until: most, into: &removed)
            updateSummary(of: node, maxMain: 0)
            return .upTo(next)
        }
        let first = lower.map { node.childSlot(for: $0) } ?? 0
        for slot in first..<node.count {
            let child = node.child(slot)
            let progress = compact(
                child, from: slot == first ? lower : nil, at: main, until: most, into: &removed)
            guard case .upTo(let inside) = progress else { continue }
            let next = inside ?? (slot + 1 < node.count ? Array(node.key(slot + 1)) : nil)
            updateSummary(of: node, maxMain: 0)
            if child.usedBytes < IndexNode.capacity / 4 { merge(slot, of: node) }
            return .upTo(next)
        }
        return .nothing
    }

    /// Returns the key to go on with; `nil` when the leaf is done.
    private mutating func compactLeaf(
        _ leaf: IndexNode, from first: Int, at main: Int64, until most: Int,
        into removed: inout [RevisionKey]
    ) -> [UInt8]? {
        var slot = first
        while slot < leaf.count {
            let entry = IndexEntry(leaf, slot)
            if !entry.isTombstone, entry.past == KeyIndexTable.none {
                slot += 1
                continue
            }
            let isDone = compactPast(
                of: entry, at: main, limit: most - removed.count, into: &removed)
            if !isDone || removed.count >= most { return Array(leaf.key(slot)) }
            if entry.isTombstone, entry.main < main {
                removed.append(RevisionKey(entry.revision, isTombstone: true))
                compactableChange -= 1
                leaf.freeKey(slot)
                leaf.removeSlot(slot)
            } else {
                slot += 1
            }
        }
        return nil
    }

    private mutating func compactPast(
        of entry: IndexEntry, at main: Int64, limit: Int, into removed: inout [RevisionKey]
    ) -> Bool {
        let past = entry.past
        guard past != KeyIndexTable.none else { return true }
        let isDone = pasts[past].compact(
            at: main, isReplaced: entry.main <= main, limit: limit, into: &removed)
        if isDone, pasts[past].isEmpty {
            pasts.remove(past)
            entry.setPast(KeyIndexTable.none)
            if !entry.isTombstone { compactableChange -= 1 }
        }
        return isDone
    }

    // MARK: merging

    /// Joins a child that has become small with a neighbour, if one node can hold both. An empty
    /// one always finds room, unless it is alone.
    private func merge(_ slot: Int, of branch: IndexNode) {
        if slot > 0, join(slot - 1, of: branch) { return }
        if slot + 1 < branch.count { _ = join(slot, of: branch) }
    }

    /// Moves the child behind `slot` into the one at `slot`; `false` when there is no room.
    private func join(_ slot: Int, of branch: IndexNode) -> Bool {
        let left = branch.child(slot)
        let right = branch.child(slot + 1)
        let separator = branch.key(slot + 1)
        let separatorBytes = left.isLeaf ? 0 : IndexNode.branchEntryBytes(keyBytes: separator.count)
        let hasEmpty = left.count == 0 || right.count == 0
        precondition(left.isLeaf || !hasEmpty)
        // A little room stays, so that the next insertion does not split it again at once.
        let limit = hasEmpty ? IndexNode.capacity : IndexNode.capacity * 7 / 8
        guard left.usedBytes + right.usedBytes + separatorBytes <= limit else { return false }
        // Both have the key between them as a bound, so that what each shares with it is shared
        // by all.
        left.setPrefixLength(min(left.prefixLength, right.prefixLength))
        if !left.isLeaf {
            let first = right.child(0)
            right.removeSlot(0)
            left.insertChild(first, key: separator, at: left.count)
        }
        right.moveEntries(from: 0, to: left)
        left.summary = left.computeSummary()
        right.deallocate()
        branch.freeKey(slot + 1)
        branch.removeSlot(slot + 1)
        branch.improvePrefixes(first: slot, last: slot)
        return true
    }
}
