//  One file or directory of the key tree.

import RuntimeCore

/// Knows neither its name nor its parent: both follow from where it hangs, and a tree without
/// references upwards is freed by itself.
final class V2Node {
    /// Empty for directories.
    var value: Bytes
    /// By name; `nil` for files.
    var children: [V2Name: V2Node]?
    var createdIndex: UInt64
    var modifiedIndex: UInt64
    /// `nil` for a permanent node. Only `V2ExpiryHeap` sets it.
    fileprivate(set) var expiration: WallTime?
    /// Place in the heap while `expiration` is set.
    fileprivate var heapSlot = 0

    init(value: Bytes, index: UInt64) {
        self.value = value
        createdIndex = index
        modifiedIndex = index
    }

    init(directoryAt index: UInt64) {
        value = .empty
        children = [:]
        createdIndex = index
        modifiedIndex = index
    }

    var isDirectory: Bool { children != nil }

    func child(_ name: V2Name) -> V2Node? { children?[name] }

    /// Children by ascending name, bytewise.
    var sortedChildren: [(key: V2Name, value: V2Node)] {
        (children ?? [:]).sorted { $0.key < $1.key }
    }
}

/// The nodes with a deadline, next to expire first; equal deadlines by path, so that every member
/// expires them in the same order.
struct V2ExpiryHeap {
    struct Entry {
        let expiration: WallTime
        let path: Bytes
        let node: V2Node

        static func < (left: Entry, right: Entry) -> Bool {
            left.expiration != right.expiration
                ? left.expiration < right.expiration : left.path.precedes(right.path)
        }
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }
    var first: Entry? { entries.first }

    /// Gives `node`, which hangs at `path`, a new deadline, or none.
    mutating func set(_ expiration: WallTime?, of node: V2Node, at path: Bytes) {
        remove(node)
        guard let expiration else { return }
        node.expiration = expiration
        node.heapSlot = entries.count
        entries.append(Entry(expiration: expiration, path: path, node: node))
        siftUp(node.heapSlot)
    }

    /// Makes `node` permanent.
    mutating func remove(_ node: V2Node) {
        guard node.expiration != nil else { return }
        node.expiration = nil
        let slot = node.heapSlot
        let last = entries.removeLast()
        guard slot < entries.count else { return }
        place(last, at: slot)
        siftUp(slot)
        siftDown(last.node.heapSlot)
    }

    /// Forgets every node of a tree that was cut off.
    mutating func removeTree(_ top: V2Node) {
        var pending = [top]
        while !entries.isEmpty, let node = pending.popLast() {
            remove(node)
            if let children = node.children { pending.append(contentsOf: children.values) }
        }
    }

    private mutating func place(_ entry: Entry, at slot: Int) {
        entries[slot] = entry
        entry.node.heapSlot = slot
    }

    private mutating func siftUp(_ start: Int) {
        var slot = start
        let entry = entries[slot]
        while slot > 0, entry < entries[(slot - 1) / 2] {
            place(entries[(slot - 1) / 2], at: slot)
            slot = (slot - 1) / 2
        }
        place(entry, at: slot)
    }

    private mutating func siftDown(_ start: Int) {
        var slot = start
        let entry = entries[slot]
        while true {
            var child = 2 * slot + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < entry else { break }
            place(entries[child], at: slot)
            slot = child
        }
        place(entry, at: slot)
    }
}
