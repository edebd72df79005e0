//  Which of many key ranges contain a key, without looking at the others.

import RuntimeCore

/// A set of distinct key ranges with upper ends, each with a number of the caller's, that finds all
/// ranges around a key in O(log n + hits).
///
/// A treap: a search tree by (start, end) and at the same time a heap by priorities that are drawn
/// when a range comes. Each node also knows the greatest end below it, which prunes the search.
struct WatchIntervalTree {
    private struct Node {
        var start: Bytes
        /// `nil` when the range has no upper end.
        var end: Bytes?
        var value: Int32
        var priority: UInt64
        var left = none
        var right = none
        /// The greatest end in the subtree of this node.
        var farthest: Bytes?
    }

    private static let none: Int32 = -1

    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var root = none
    private var random: RandomSource

    init(random: RandomSource) { self.random = random }

    var isEmpty: Bool { root == Self.none }

    /// Nodes on the longest way down.
    var depth: Int {
        func depth(_ index: Int32) -> Int {
            if index == Self.none { return 0 }
            let node = nodes[Int(index)]
            return 1 + max(depth(node.left), depth(node.right))
        }
        return depth(root)
    }

    /// `range` must not be single and not be in the tree yet.
    mutating func insert(_ range: KeyRange, value: Int32) {
        let index = makeNode(range, value: value)
        let (left, right) = split(root, before: index)
        root = merge(merge(left, index), right)
    }

    /// `range` must be in the tree.
    mutating func remove(_ range: KeyRange) {
        let probe = makeNode(range, value: 0)
        root = removing(probe, from: root)
        release(probe)
    }

    /// Calls `body` with the value of every range that contains `key`, ordered by start, then end.
    func forEach(containing key: Bytes, _ body: (Int32) -> Void) {
        nodes.withUnsafeBufferPointer { nodes in
            key.withUnsafeBytes { Self.visit(nodes, root, $0, body) }
        }
    }

    private static func visit(
        _ nodes: UnsafeBufferPointer<Node>, _ index: Int32, _ key: UnsafeRawBufferPointer,
        _ body: (Int32) -> Void
    ) {
        var index = index
        // Deep only to the left; what lies to the right is the next round of the loop.
        while index != none {
            let node = Int(index)
            if !isBelow(key, nodes[node].farthest) { return }
            visit(nodes, nodes[node].left, key, body)
            let isBefore = nodes[node].start.withUnsafeBytes { KeyOrder.compare(key, $0) < 0 }
            if isBefore { return }
            if isBelow(key, nodes[node].end) { body(nodes[node].value) }
            index = nodes[node].right
        }
    }

    @inline(__always)
    private static func isBelow(_ key: UnsafeRawBufferPointer, _ end: Bytes?) -> Bool {
        guard let end else { return true }
        return end.withUnsafeBytes { KeyOrder.compare(key, $0) < 0 }
    }

    // MARK: nodes

    private mutating func makeNode(_ range: KeyRange, value: Int32) -> Int32 {
        let end: Bytes?
        switch range.end {
        case .single: preconditionFailure("a single key is no interval")
        case .before(let bound): end = bound
        case .unbounded: end = nil
        }
        let index = free.popLast() ?? Int32(nodes.count)
        let node = Node(
            start: range.start, end: end, value: value, priority: random.next(), farthest: end)
        if Int(index) == nodes.count {
            nodes.append(node)
        } else {
            nodes[Int(index)] = node
        }
        return index
    }

    private mutating func release(_ index: Int32) {
        nodes[Int(index)] = Node(
            start: .empty, end: .empty, value: 0, priority: 0, farthest: .empty)
        free.append(index)
    }

    /// No end at all is the greatest.
    private static func isLess(_ left: Bytes?, _ right: Bytes?) -> Bool {
        guard let left else { return false }
        guard let right else { return true }
        return left < right
    }

    private func isOrdered(_ left: Int32, before right: Int32) -> Bool {
        let (leftStart, rightStart) = (nodes[Int(left)].start, nodes[Int(right)].start)
        return leftStart == rightStart
            ? Self.isLess(nodes[Int(left)].end, nodes[Int(right)].end) : leftStart < rightStart
    }

    private mutating func updateFarthest(_ index: Int32) {
        var farthest = nodes[Int(index)].end
        for child in [nodes[Int(index)].left, nodes[Int(index)].right] where child != Self.none {
            if Self.isLess(farthest, nodes[Int(child)].farthest) {
                farthest = nodes[Int(child)].farthest
            }
        }
        nodes[Int(index)].farthest = farthest
    }

    // MARK: treap

    /// The nodes of `tree` that stand before `pivot`, and the others.
    private mutating func split(
        _ tree: Int32, before pivot: Int32
    ) -> (left: Int32, right: Int32) {
        if tree == Self.none { return (Self.none, Self.none) }
        if isOrdered(tree, before: pivot) {
            let (left, right) = split(nodes[Int(tree)].right, before: pivot)
            nodes[Int(tree)].right = left
            updateFarthest(tree)
            return (tree, right)
        }
        let (left, right) = split(nodes[Int(tree)].left, before: pivot)
        nodes[Int(tree)].left = right
        updateFarthest(tree)
        return (left, tree)
    }

    /// One tree of both; every node of `left` stands before every node of `right`.
    private mutating func merge(_ left: Int32, _ right: Int32) -> Int32 {
        if left == Self.none { return right }
        if right == Self.none { return left }
        if nodes[Int(left)].priority > nodes[Int(right)].priority {
            let below = merge(nodes[Int(left)].right, right)
            nodes[Int(left)].right = below
            updateFarthest(left)
            return left
        }
        let below = merge(left, nodes[Int(right)].left)
        nodes[Int(right)].left = below
        updateFarthest(right)
        return right
    }

    /// `tree` without the node that equals `probe`.
    private mutating func removing(_ probe: Int32, from tree: Int32) -> Int32 {
        precondition(tree != Self.none, "a range that is not in the tree")
        let (left, right) = (nodes[Int(tree)].left, nodes[Int(tree)].right)
        if isOrdered(tree, before: probe) {
            let below = removing(probe, from: right)
            nodes[Int(tree)].right = below
        } else if isOrdered(probe, before: tree) {
            let below = removing(probe, from: left)
            nodes[Int(tree)].left = below
        } else {
            release(tree)
            return merge(left, right)
        }
        updateFarthest(tree)
        return tree
    }
}
