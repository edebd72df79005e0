//  A position in a bucket of a snapshot that moves from key to key.

import RuntimeCore

/// Walks the keys of a bucket in order. A value: a copy moves on its own.
///
/// `key` and `value` point into the file's pages; they are valid while the snapshot lives, so
/// whoever keeps them keeps the snapshot. A damaged page ends the walk as the end of the bucket
/// does, and is reported in `SnapshotRegistry.damage`.
package struct Cursor: Sendable {
    /// A branch on the way to the leaf, by number: a cursor is `Sendable`.
    private struct Step {
        let page: UInt64
        var index: Int
    }

    private let bucket: BucketView
    /// The way from the root to the leaf, without the leaf. Empty when the root is a leaf.
    private var steps: [Step] = []
    private var leafAddress: UInt = 0
    private var leafExtent = 0
    private var leafCount = 0
    /// Invariant: within `0..<leafCount` while there is a current element.
    private var index = 0
    private var keyAddress: UInt = 0
    private var keyCount = 0
    private var valueCount = 0
    /// Whether the current element is a bucket and not a value.
    package private(set) var isBucket = false

    init(_ bucket: BucketView) { self.bucket = bucket }

    /// Of the current element; empty when there is none.
    package var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: keyAddress), count: keyCount)
    }

    /// Of the current element; empty when there is none.
    package var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: keyAddress + UInt(keyCount)), count: valueCount)
    }

    // Every move returns whether there is a current element now. Once there is none, only `first`
    // and `seek` find one again.

    package mutating func first() -> Bool {
        steps.removeAll(keepingCapacity: true)
        guard let root = bucket.rootPage else { return fail(bucket.root.number) }
        return descend(from: root, number: bucket.root.number) && load()
    }

    /// Moves to the first key that is not before `key`.
    package mutating func seek(_ key: UnsafeRawBufferPointer) -> Bool {
        steps.removeAll(keepingCapacity: true)
        var number = bucket.root.number
        var page = bucket.rootPage
        for _ in 0..<Format.depthMax {
            guard let current = page else { break }
            if current.isLeaf {
                guard let place = current.lowerBound(key) else { break }
                enter(current)
                index = place.index
                return index < leafCount ? load() : cross()
            }
            guard let child = current.childIndex(key) else { break }
            steps.append(Step(page: number, index: child))
            number = current.child(child)
            page = bucket.snapshot.space.page(number)
        }
        return fail(number)
    }

    package mutating func next() -> Bool {
        index += 1
        return index < leafCount ? load() : cross()
    }

    // MARK: private steps

    private mutating func enter(_ leaf: Page) {
        leafAddress = UInt(bitPattern: leaf.base)
        leafExtent = leaf.extent
        leafCount = leaf.count
    }

    private mutating func load() -> Bool {
        let base = UnsafeRawPointer(bitPattern: leafAddress)!
        guard let element = Page(leaf: base, extent: leafExtent, count: leafCount).element(index)
        else { return fail(bucket.root.number) }
        keyAddress = UInt(bitPattern: element.address)
        keyCount = element.keyCount
        valueCount = element.valueCount
        isBucket = element.isBucket
        return true
    }

    /// Goes down to the first leaf below `page`, and to its first element.
    private mutating func descend(from page: Page, number: UInt64) -> Bool {
        var number = number
        var page = page
        while !page.isLeaf {
            guard page.count > 0, steps.count < Format.depthMax else { return fail(number) }
            steps.append(Step(page: number, index: 0))
            number = page.child(0)
            guard let next = bucket.snapshot.space.page(number) else { return fail(number) }
            page = next
        }
        enter(page)
        index = 0
        // Only the root of an empty bucket is an empty leaf.
        if leafCount == 0 { return steps.isEmpty ? stop() : fail(number) }
        return true
    }

    /// Leaves the leaf for the next one.
    private mutating func cross() -> Bool {
        guard leafCount > 0 else { return stop() }
        let left = Page(
            leaf: UnsafeRawPointer(bitPattern: leafAddress)!, extent: leafExtent,
            count: leafCount)
        while let step = steps.popLast() {
            guard let branch = bucket.snapshot.space.page(step.page), !branch.isLeaf else {
                return fail(step.page)
            }
            let child = step.index + 1
            guard child < branch.count else { continue }
            steps.append(Step(page: step.page, index: child))
            let number = branch.child(child)
            guard let page = bucket.snapshot.space.page(number) else { return fail(number) }
            guard descend(from: page, number: number) else { return false }
            // First keys rise from leaf to leaf: without this a circle of pages had no end.
            guard isAhead(of: left) else { return fail(number) }
            return load()
        }
        return stop()
    }

    private func isAhead(of left: Page) -> Bool {
        let entered = Page(
            leaf: UnsafeRawPointer(bitPattern: leafAddress)!, extent: leafExtent,
            count: leafCount)
        guard let old = left.element(0), let new = entered.element(0) else { return false }
        return compareKeys(old.address, old.keyCount, new.address, new.keyCount) < 0
    }

    private mutating func fail(_ page: UInt64) -> Bool {
        bucket.snapshot.report(page, "not a sound page of a tree")
        return stop()
    }

    private mutating func stop() -> Bool {
        steps.removeAll(keepingCapacity: true)
        leafCount = 0
        index = 0
        keyAddress = 0
        keyCount = 0
        valueCount = 0
        isBucket = false
        return false
    }
}
