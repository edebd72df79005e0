//  Looking keys up in the index as of any revision.

import RuntimeCore

extension TreeIndex {
    /// The bounds of a walk: not below `lower`, below `upper`; `nil` is no bound.
    struct Bounds {
        var lower: UnsafeRawBufferPointer?
        var upper: UnsafeRawBufferPointer?
    }

    /// A key that a walk came by, valid until the index is changed.
    struct Found {
        let entry: IndexEntry
        /// The newest revision at the revision asked for.
        let revision: Revision
        /// `revision` is the newest one at all, so that the entry describes it.
        let isNewest: Bool
    }

    /// The entry of `key`, deleted or not.
    func entry(_ key: UnsafeRawBufferPointer) -> IndexEntry? {
        var node = root
        while !node.isLeaf { node = node.child(node.childSlot(for: key)) }
        let (slot, isFound) = node.search(key)
        return isFound ? IndexEntry(node, slot) : nil
    }

    /// The key as of main revision `main`; `nil` when it was absent.
    func find(_ key: UnsafeRawBufferPointer, at main: Int64) -> Found? {
        guard let entry = entry(key) else { return nil }
        return find(entry, at: main)
    }

    @inline(__always)
    private func find(_ entry: IndexEntry, at main: Int64) -> Found? {
        if entry.main <= main {
            if entry.isTombstone { return nil }
            return Found(entry: entry, revision: entry.revision, isNewest: true)
        }
        guard entry.past != KeyIndexTable.none,
            let past = pasts[entry.past].newest(at: main), !past.isTombstone
        else { return nil }
        return Found(entry: entry, revision: past.revision, isNewest: false)
    }

    /// Hands every key that existed at `main` to `body`, in order, until it returns `false`.
    ///
    /// - Returns: whether the walk came to its end.
    @discardableResult
    func visit(_ bounds: Bounds, at main: Int64, _ body: (Found) -> Bool) -> Bool {
        visit(root, bounds, at: main, body)
    }

    private func visit(
        _ node: IndexNode, _ bounds: Bounds, at main: Int64, _ body: (Found) -> Bool
    ) -> Bool {
        let summary = node.summary
        if summary.live == 0, summary.maxMain <= main { return true }
        if node.isLeaf {
            let first = bounds.lower.map { node.search($0).slot } ?? 0
            let end = bounds.upper.map { node.search($0).slot } ?? node.count
            var slot = first
            while slot < end {
                if let found = find(IndexEntry(node, slot), at: main), !body(found) {
                    return false
                }
                slot += 1
            }
            return true
        }
        let (first, last) = childSlots(of: node, bounds)
        guard first <= last else { return true }
        for slot in first...last {
            let inner = bounds.inner(isFirst: slot == first, isLast: slot == last)
            if !visit(node.child(slot), inner, at: main, body) { return false }
        }
        return true
    }

    /// A part of a count.
    struct Count {
        var keys = 0
        /// No key from here on is counted yet; `nil` when nothing is left.
        var resume: [UInt8]?
    }

    /// Counts the keys that existed at `main`, from the lower bound on. Whole subtrees are counted
    /// by their sums, so that this costs no more than a look-up unless `main` lies before recent
    /// changes; then it stops when some `most` nodes and entries have been looked at.
    func count(_ bounds: Bounds, at main: Int64, most: Int) -> Count {
        var part = Count()
        if let lower = bounds.lower, let upper = bounds.upper,
            KeyOrder.compare(lower, upper) >= 0
        {
            return part
        }
        var left = most
        count(root, bounds, at: main, most: &left, into: &part)
        return part
    }

    private func count(
        _ node: IndexNode, _ bounds: Bounds, at main: Int64, most left: inout Int,
        into part: inout Count
    ) {
        left -= 1
        let summary = node.summary
        if summary.maxMain <= main {
            if summary.live == 0 { return }
            if bounds.lower == nil, bounds.upper == nil {
                part.keys += summary.live
                return
            }
        }
        if node.isLeaf {
            let first = bounds.lower.map { node.search($0).slot } ?? 0
            let end = max(first, bounds.upper.map { node.search($0).slot } ?? node.count)
            for slot in first..<end where find(IndexEntry(node, slot), at: main) != nil {
                part.keys += 1
            }
            left -= end - first
            return
        }
        let (first, last) = childSlots(of: node, bounds)
        for slot in first..<max(first, last + 1) {
            let inner = bounds.inner(isFirst: slot == first, isLast: slot == last)
            count(node.child(slot), inner, at: main, most: &left, into: &part)
            if left > 0 { continue }
            if part.resume == nil, slot < last { part.resume = Array(node.key(slot + 1)) }
            return
        }
    }

    private func childSlots(of node: IndexNode, _ bounds: Bounds) -> (first: Int, last: Int) {
        (
            bounds.lower.map { node.childSlot(for: $0) } ?? 0,
            bounds.upper.map { node.childSlot(for: $0) } ?? node.count - 1
        )
    }
}

extension TreeIndex.Bounds {
    /// The bounds for one of the children that a walk comes by.
    @inline(__always)
    func inner(isFirst: Bool, isLast: Bool) -> TreeIndex.Bounds {
        TreeIndex.Bounds(lower: isFirst ? lower : nil, upper: isLast ? upper : nil)
    }
}

extension KeyRange {
    /// Lends the bounds for a walk over this range, which must not be a single key.
    func withBounds<Result>(_ body: (TreeIndex.Bounds) -> Result) -> Result {
        start.withUnsafeBytes { lower in
            guard case .before(let end) = end else {
                precondition(!isSingle)
                return body(TreeIndex.Bounds(lower: lower, upper: nil))
            }
            return end.withUnsafeBytes { body(TreeIndex.Bounds(lower: lower, upper: $0)) }
        }
    }
}
