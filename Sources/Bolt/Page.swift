//  One page of a tree as it stands in memory, and the space of all pages. Every number read from a
//  page is checked before it is used: a damaged page gives nil, never an access outside of it.

/// A branch or leaf page. Valid as long as the memory it points to.
struct Page {
    let base: UnsafeRawPointer
    /// Bytes from `base` that belong to the page, overflow included.
    let extent: Int
    /// Invariant: this many element headers lie within `extent`.
    let count: Int
    let isLeaf: Bool

    /// A page whose header has been read but not believed yet.
    /// - Parameter identity: what the page calls itself: its number, 0 inside a bucket's value.
    @inline(__always)
    init?(_ base: UnsafeRawPointer, extent: Int, identity: UInt64) {
        guard extent >= Format.pageHeaderBytes, base.word64(0) == identity else { return nil }
        let flags = base.word16(8)
        guard flags == Format.leafFlag || flags == Format.branchFlag else { return nil }
        self.base = base
        self.extent = extent
        count = Int(base.word16(10))
        isLeaf = flags == Format.leafFlag
        guard Format.pageHeaderBytes + count * Format.elementBytes <= extent else { return nil }
    }

    /// A leaf whose header was checked before.
    @inline(__always)
    init(leaf base: UnsafeRawPointer, extent: Int, count: Int) {
        self.base = base
        self.extent = extent
        self.count = count
        isLeaf = true
    }

    /// An element of a leaf. The value stands directly behind the key.
    struct Element {
        let address: UnsafeRawPointer
        let keyCount: Int
        let valueCount: Int
        let isBucket: Bool

        @inline(__always)
        var key: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: address, count: keyCount)
        }
        @inline(__always)
        var value: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: address + keyCount, count: valueCount)
        }
    }

    /// Of a leaf; nil when its bytes lie outside of the page.
    @inline(__always)
    func element(_ index: Int) -> Element? {
        let offset = Format.pageHeaderBytes + index * Format.elementBytes
        let start = offset + Int(base.word32(offset + 4))
        let keyCount = Int(base.word32(offset + 8))
        let valueCount = Int(base.word32(offset + 12))
        guard start + keyCount + valueCount <= extent else { return nil }
        return Element(
            address: base + start, keyCount: keyCount, valueCount: valueCount,
            isBucket: base.word32(offset) & Format.bucketFlag != 0)
    }

    /// The key of an element of a branch.
    @inline(__always)
    func separator(_ index: Int) -> UnsafeRawBufferPointer? {
        let offset = Format.pageHeaderBytes + index * Format.elementBytes
        let start = offset + Int(base.word32(offset))
        let keyCount = Int(base.word32(offset + 4))
        guard start + keyCount <= extent else { return nil }
        return UnsafeRawBufferPointer(start: base + start, count: keyCount)
    }

    /// The page that an element of a branch leads to.
    @inline(__always)
    func child(_ index: Int) -> UInt64 {
        base.word64(Format.pageHeaderBytes + index * Format.elementBytes + 8)
    }

    /// The first element of a leaf whose key is not before `key`; `count` when there is none.
    func lowerBound(_ key: UnsafeRawBufferPointer) -> (index: Int, isExact: Bool)? {
        guard let wanted = key.baseAddress else { return (0, false) }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) >> 1
            guard let element = element(middle) else { return nil }
            let order = compareKeys(element.address, element.keyCount, wanted, key.count)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    /// The element of a branch to follow for `key`: the last one not after it, else the first.
    func childIndex(_ key: UnsafeRawBufferPointer) -> Int? {
        guard count > 0 else { return nil }
        guard let wanted = key.baseAddress else { return 0 }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) >> 1
            guard let separator = separator(middle), let address = separator.baseAddress
            else { return nil }
            if compareKeys(address, separator.count, wanted, key.count) <= 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return max(0, low - 1)
    }
}

/// Where the pages of one committed state stand. The mapping behind it must be kept alive.
struct PageSpace: Sendable {
    let address: UInt
    let pageSize: Int
    let highWater: UInt64

    /// nil when there is no sound tree page with that number.
    @inline(__always)
    func page(_ number: UInt64) -> Page? {
        guard number >= Format.firstTreePage, number < highWater else { return nil }
        let base = UnsafeRawPointer(bitPattern: address)! + Int(number) * pageSize
        let overflow = UInt64(base.word32(12))
        guard number + overflow < highWater else { return nil }
        return Page(base, extent: (Int(overflow) + 1) * pageSize, identity: number)
    }
}
