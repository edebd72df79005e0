//  A page that a transaction has changed, or made, as a list in memory. Keys and values stay where
//  they are (the old page or the arena); only their places are listed.

import RuntimeCore

/// An element of a changed leaf: 16 bytes, whatever the key and value.
struct Entry {
    /// Where the key stands; the value follows it.
    let address: UInt
    /// The highest bit marks a bucket: a key is far shorter than that.
    private let keyCountAndKind: UInt32
    private let valueCount32: UInt32

    @inline(__always)
    init(address: UInt, keyCount: Int, valueCount: Int, isBucket: Bool) {
        self.address = address
        keyCountAndKind = UInt32(truncatingIfNeeded: keyCount) | (isBucket ? 1 << 31 : 0)
        valueCount32 = UInt32(truncatingIfNeeded: valueCount)
    }

    @inline(__always)
    var keyCount: Int { Int(keyCountAndKind & 0x7FFF_FFFF) }
    @inline(__always)
    var valueCount: Int { Int(valueCount32) }
    @inline(__always)
    var isBucket: Bool { keyCountAndKind >> 31 == 1 }
    @inline(__always)
    var key: KeyReference { KeyReference(address: address, count: keyCount) }
    /// Space it takes in a page.
    @inline(__always)
    var pageBytes: Int { Format.elementBytes + keyCount + valueCount }

    var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: address + UInt(keyCount)), count: valueCount)
    }
}

/// An element of a changed branch.
struct Child {
    /// Not after any key below; for a child that is written out, its first key.
    var key: KeyReference
    /// The page below, as long as it is not changed; 0 for a node that has no page yet.
    var page: UInt64
    /// The node below once it is changed.
    var node: Node?

    var pageBytes: Int { Format.elementBytes + key.count }
}

/// A changed leaf or branch. Belongs to one tree of one transaction.
final class Node {
    let isLeaf: Bool
    /// Of a leaf, ascending.
    var entries: ContiguousArray<Entry> = []
    /// Of a branch, ascending.
    var children: ContiguousArray<Child> = []
    /// The pages that this node replaces.
    var origin: PageRun?
    /// Something was taken out, so that it may have become too small for a page of its own.
    var hasShrunk = false

    init(isLeaf: Bool) { self.isLeaf = isLeaf }

    /// Reads a page; nil when it is damaged.
    init?(_ page: Page, number: UInt64, pageSize: Int) {
        isLeaf = page.isLeaf
        if number != 0 { origin = PageRun(first: number, count: page.extent / pageSize) }
        if page.isLeaf {
            entries.reserveCapacity(page.count + 8)
            for index in 0..<page.count {
                guard let element = page.element(index), element.keyCount > 0,
                    element.keyCount <= Format.keyBytesMax
                else { return nil }
                entries.append(
                    Entry(
                        address: UInt(bitPattern: element.address), keyCount: element.keyCount,
                        valueCount: element.valueCount, isBucket: element.isBucket))
            }
        } else {
            guard page.count > 0 else { return nil }
            children.reserveCapacity(page.count + 8)
            for index in 0..<page.count {
                guard let key = page.separator(index), key.count > 0,
                    key.count <= Format.keyBytesMax
                else { return nil }
                children.append(Child(key: KeyReference(key), page: page.child(index), node: nil))
            }
        }
    }

    var isEmpty: Bool { entries.isEmpty && children.isEmpty }

    /// Size of this node as one page, header included.
    var pageBytes: Int {
        entries.reduce(Format.pageHeaderBytes) { $0 + $1.pageBytes }
            + children.reduce(0) { $0 + $1.pageBytes }
    }

    /// Of a leaf: the first entry that is not before `key`.
    @inline(__always)
    func lowerBound(_ key: UnsafeRawBufferPointer) -> (index: Int, isExact: Bool) {
        let wanted = KeyReference(key)
        var high = entries.count
        guard high > 0 else { return (0, false) }
        // Appending is what the large buckets see most.
        var order = KeyReference.compare(entries[high - 1].key, wanted)
        if order < 0 { return (high, false) }
        if order == 0 { return (high - 1, true) }
        high -= 1
        var low = 0
        while low < high {
            let middle = (low + high) >> 1
            order = KeyReference.compare(entries[middle].key, wanted)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    /// Of a branch: the child to follow for `key`.
    func childIndex(_ key: UnsafeRawBufferPointer) -> Int {
        let wanted = KeyReference(key)
        var low = 0
        var high = children.count
        while low < high {
            let middle = (low + high) >> 1
            if KeyReference.compare(children[middle].key, wanted) <= 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return max(0, low - 1)
    }
}
