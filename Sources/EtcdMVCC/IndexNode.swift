//  One node of the key index: a block of memory with a sorted list of slots that grows up and the
//  entries they point to, which grow down. Keys lie in the block itself, so that a search touches
//  one block per level and a key costs no allocation.

/// What the keys below a node add up to, kept in its header.
struct IndexSummary: Equatable {
    /// Keys whose newest revision is no deletion.
    var live = 0
    /// Keys with something that a compaction may remove: a past, or a deletion as newest revision.
    var compactable = 0
    /// No key below has a newer main revision. May be too high, never too low.
    var maxMain: Int64 = 0
}

/// A handle on the memory of one node. The tree that made it frees it.
///
/// Layout: count, start of the entries, bytes of dropped entries, level (2 bytes each), summary
/// (24 bytes), prefix length (8 bytes), slots (8 bytes each) … entries. Every entry begins with the
/// length of its key and its flags (2 bytes each). A leaf (level 0) goes on with `IndexEntry`'s
/// fields, a branch with the pointer to its child; then comes the key. The key of a branch's entry
/// is not above any key below the child and above all keys of the children before; the first one
/// is empty.
///
/// A slot holds the offset of its entry in the low 16 bits and above them the head of the key: its
/// first six bytes behind the prefix that all keys below this node share. Searches compare heads
/// and look at an entry only when its head is the one they seek.
struct IndexNode: Equatable {
    static let byteCount = 4096
    static let headerBytes = 40
    static let slotBytes = 8
    static let capacity = byteCount - headerBytes
    /// Longer keys lie in a block of their own, so that any half of a node has room for an entry.
    static let inlineKeyBytesMax = 512
    /// Pointer and length of such a block.
    static let externalKeyBytes = 16
    static let externalKeyFlag: UInt16 = 4

    let base: UnsafeMutableRawPointer

    static func make(level: Int) -> IndexNode {
        let base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        let node = IndexNode(base: base)
        node.level = level
        node.reset()
        return node
    }

    /// Frees the block, not what its entries point to.
    func deallocate() { base.deallocate() }

    func reset() {
        count = 0
        entriesStart = Self.byteCount
        droppedBytes = 0
        summary = IndexSummary()
        base.storeBytes(of: 0, toByteOffset: 32, as: Int.self)
    }

    // MARK: header

    @inline(__always)
    var count: Int {
        get { small(at: 0) }
        nonmutating set { setSmall(newValue, at: 0) }
    }
    @inline(__always)
    private var entriesStart: Int {
        get { small(at: 2) }
        nonmutating set { setSmall(newValue, at: 2) }
    }
    @inline(__always)
    private var droppedBytes: Int {
        get { small(at: 4) }
        nonmutating set { setSmall(newValue, at: 4) }
    }
    /// 0 for a leaf.
    @inline(__always)
    var level: Int {
        get { small(at: 6) }
        nonmutating set { setSmall(newValue, at: 6) }
    }
    @inline(__always)
    var isLeaf: Bool { level == 0 }
    @inline(__always)
    var summary: IndexSummary {
        get {
            IndexSummary(
                live: base.load(fromByteOffset: 8, as: Int.self),
                compactable: base.load(fromByteOffset: 16, as: Int.self),
                maxMain: base.load(fromByteOffset: 24, as: Int64.self))
        }
        nonmutating set {
            base.storeBytes(of: newValue.live, toByteOffset: 8, as: Int.self)
            base.storeBytes(of: newValue.compactable, toByteOffset: 16, as: Int.self)
            base.storeBytes(of: newValue.maxMain, toByteOffset: 24, as: Int64.self)
        }
    }

    @inline(__always)
    private func small(at offset: Int) -> Int {
        Int(base.load(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    private func setSmall(_ value: Int, at offset: Int) {
        base.storeBytes(of: UInt16(value), toByteOffset: offset, as: UInt16.self)
    }

    // MARK: slots

    /// Bytes that every key that is, or can come to be, below this node begins with.
    ///
    /// They follow from the bounds that the parent sets, which only become narrower; so no key has
    /// to be tested for them. Whoever widens the bounds must set it anew.
    @inline(__always)
    var prefixLength: Int { base.load(fromByteOffset: 32, as: Int.self) }

    func setPrefixLength(_ length: Int) {
        if length == prefixLength { return }
        base.storeBytes(of: length, toByteOffset: 32, as: Int.self)
        for slot in 0..<count { setSlot(slot, offset: offset(slot), head: head(of: key(slot))) }
    }

    /// The six bytes behind the prefix as a number; zeros stand for what the key does not have.
    @inline(__always)
    private func head(of key: UnsafeRawBufferPointer) -> UInt64 {
        let start = prefixLength
        guard let address = key.baseAddress, key.count > start else { return 0 }
        if key.count >= start + 8 {
            let word = address.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            return UInt64(bigEndian: word) >> 16
        }
        var head: UInt64 = 0
        for position in start..<start + 6 {
            let byte =
                position < key.count
                ? address.load(
                    fromByteOffset: position, as: UInt8.self) : 0
            head = head << 8 | UInt64(byte)
        }
        return head
    }

    @inline(__always)
    private func slotWord(_ slot: Int) -> UInt64 {
        base.load(fromByteOffset: Self.headerBytes + slot * Self.slotBytes, as: UInt64.self)
    }

    @inline(__always)
    private func setSlot(_ slot: Int, offset: Int, head: UInt64) {
        base.storeBytes(
            of: head << 16 | UInt64(offset),
            toByteOffset: Self.headerBytes + slot * Self.slotBytes, as: UInt64.self)
    }

    /// Where the entry of `slot` lies.
    @inline(__always)
    func offset(_ slot: Int) -> Int { Int(slotWord(slot) & 0xFFFF) }

    // MARK: entries

    @inline(__always)
    private var keyOffset: Int { isLeaf ? IndexEntry.keyOffset : Self.branchKeyOffset }
    private static let branchKeyOffset = 12

    @inline(__always)
    func flags(_ slot: Int) -> UInt16 {
        base.loadUnaligned(fromByteOffset: offset(slot) + 2, as: UInt16.self)
    }

    @inline(__always)
    func key(_ slot: Int) -> UnsafeRawBufferPointer {
        let offset = offset(slot)
        let start = base + offset + keyOffset
        let length = Int(base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        let flags = base.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self)
        if flags & Self.externalKeyFlag == 0 {
            return UnsafeRawBufferPointer(start: start, count: length)
        }
        return UnsafeRawBufferPointer(
            start: start.loadUnaligned(as: UnsafeMutableRawPointer.self),
            count: start.loadUnaligned(fromByteOffset: 8, as: Int.self))
    }

    @inline(__always)
    func child(_ slot: Int) -> IndexNode {
        IndexNode(
            base: base.loadUnaligned(
                fromByteOffset: offset(slot) + 4, as: UnsafeMutableRawPointer.self))
    }

    /// Bytes of the entry of `slot`, without the slot itself.
    private func entryBytes(_ slot: Int) -> Int {
        let offset = offset(slot)
        let flags = base.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self)
        let length = Int(base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        let lease = isLeaf && flags & IndexEntry.leaseFlag != 0 ? IndexEntry.leaseBytes : 0
        return keyOffset + (flags & Self.externalKeyFlag != 0 ? Self.externalKeyBytes : length)
            + lease
    }

    // MARK: searching

    /// The first slot whose key is not below `key`, and whether it is that key. `key` must lie
    /// within the bounds of this node.
    @inline(__always)
    func search(_ key: UnsafeRawBufferPointer) -> (slot: Int, isFound: Bool) {
        let wanted = head(of: key)
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let head = slotWord(middle) >> 16
            if head == wanted {
                let order = KeyOrder.compare(self.key(middle), key)
                if order == 0 { return (middle, true) }
                if order < 0 { low = middle + 1 } else { high = middle }
            } else if head < wanted {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, false)
    }

    /// The slot of the child that may hold `key`. Branches only.
    @inline(__always)
    func childSlot(for key: UnsafeRawBufferPointer) -> Int {
        let (slot, isFound) = search(key)
        return isFound ? slot : slot - 1
    }

    // MARK: room

    var freeBytes: Int {
        entriesStart - Self.headerBytes - count * Self.slotBytes + droppedBytes
    }
    var usedBytes: Int { Self.capacity - freeBytes }

    static func branchEntryBytes(keyBytes: Int) -> Int {
        branchKeyOffset + (keyBytes > inlineKeyBytesMax ? externalKeyBytes : keyBytes)
    }

    func hasRoom(for entryBytes: Int) -> Bool { freeBytes >= entryBytes + Self.slotBytes }

    /// Opens `slot` for a new entry of `entryBytes` and returns its offset; there must be room.
    func insertSlot(_ slot: Int, key: UnsafeRawBufferPointer, entryBytes: Int) -> Int {
        precondition(hasRoom(for: entryBytes) && slot <= count)
        if entriesStart - Self.headerBytes - count * Self.slotBytes < entryBytes + Self.slotBytes {
            closeGaps()
        }
        entriesStart -= entryBytes
        let slots = base + Self.headerBytes
        (slots + (slot + 1) * Self.slotBytes).copyMemory(
            from: slots + slot * Self.slotBytes, byteCount: (count - slot) * Self.slotBytes)
        setSlot(slot, offset: entriesStart, head: head(of: key))
        count += 1
        return entriesStart
    }

    /// Drops the slot and its entry, not the block of an external key.
    func removeSlot(_ slot: Int) {
        droppedBytes += entryBytes(slot)
        let slots = base + Self.headerBytes
        (slots + slot * Self.slotBytes).copyMemory(
            from: slots + (slot + 1) * Self.slotBytes,
            byteCount: (count - slot - 1) * Self.slotBytes)
        count -= 1
    }

    /// Moves the entries together again.
    private func closeGaps() {
        withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 16) { copy in
            copy.baseAddress!.copyMemory(from: base, byteCount: Self.byteCount)
            // Everything is read from the copy, because the block is being overwritten.
            let old = IndexNode(base: copy.baseAddress!)
            var position = Self.byteCount
            for slot in 0..<old.count {
                let size = old.entryBytes(slot)
                position -= size
                (base + position).copyMemory(from: old.base + old.offset(slot), byteCount: size)
                setSlot(slot, offset: position, head: old.slotWord(slot) >> 16)
            }
            entriesStart = position
            droppedBytes = 0
        }
    }

    /// Moves the entries from `first` on to the end of `other`, as they are.
    func moveEntries(from first: Int, to other: IndexNode) {
        for slot in first..<count {
            let size = entryBytes(slot)
            let offset = other.insertSlot(other.count, key: key(slot), entryBytes: size)
            (other.base + offset).copyMemory(from: base + self.offset(slot), byteCount: size)
        }
        for slot in stride(from: count - 1, through: first, by: -1) { removeSlot(slot) }
    }

    /// The slot at which the entries are best cut in two halves; at least one stays on each side.
    var middleSlot: Int {
        var bytes = 0
        let half = usedBytes / 2
        for slot in 0..<count - 1 {
            bytes += entryBytes(slot) + Self.slotBytes
            if bytes >= half { return slot + 1 }
        }
        return count - 1
    }

    // MARK: keys

    /// Writes length, flags and key of an entry at `offset`; a long key gets a block of its own.
    func writeKey(_ key: UnsafeRawBufferPointer, at offset: Int, flags: UInt16) {
        let start = base + offset + keyOffset
        if key.count > Self.inlineKeyBytesMax {
            let block = UnsafeMutableRawPointer.allocate(byteCount: key.count, alignment: 1)
            block.copyMemory(from: key.baseAddress!, byteCount: key.count)
            start.storeBytes(of: block, as: UnsafeMutableRawPointer.self)
            start.storeBytes(of: key.count, toByteOffset: 8, as: Int.self)
            writeHead(at: offset, length: 0, flags: flags | Self.externalKeyFlag)
        } else {
            if let address = key.baseAddress {
                start.copyMemory(from: address, byteCount: key.count)
            }
            writeHead(at: offset, length: key.count, flags: flags & ~Self.externalKeyFlag)
        }
    }

    @inline(__always)
    func writeHead(at offset: Int, length: Int, flags: UInt16) {
        base.storeBytes(of: UInt16(length), toByteOffset: offset, as: UInt16.self)
        base.storeBytes(of: flags, toByteOffset: offset + 2, as: UInt16.self)
    }

    /// Frees the block of a long key; the entry must be dropped or overwritten next.
    func freeKey(_ slot: Int) {
        guard flags(slot) & Self.externalKeyFlag != 0 else { return }
        (base + offset(slot) + keyOffset)
            .loadUnaligned(as: UnsafeMutableRawPointer.self).deallocate()
    }

    // MARK: branches

    func insertChild(_ child: IndexNode, key: UnsafeRawBufferPointer, at slot: Int) {
        precondition(!isLeaf)
        let size = Self.branchEntryBytes(keyBytes: key.count)
        let offset = insertSlot(slot, key: key, entryBytes: size)
        base.storeBytes(
            of: child.base, toByteOffset: offset + 4, as: UnsafeMutableRawPointer.self)
        writeKey(key, at: offset, flags: 0)
    }

    /// Makes the key of the first entry empty, as it must be.
    func clearFirstKey() {
        let before = entryBytes(0)
        freeKey(0)
        writeHead(at: offset(0), length: 0, flags: 0)
        setSlot(0, offset: offset(0), head: 0)
        droppedBytes += before - entryBytes(0)
    }

    /// Gives the children from `first` through `last` the longest prefix that their keys in this
    /// branch vouch for, unless they know a longer one. Of the outermost children one bound stands
    /// further up, so that they get what this branch has itself.
    func improvePrefixes(first: Int, last: Int) {
        for slot in max(first, 0)...min(last, count - 1) {
            let isInner = slot > 0 && slot + 1 < count
            let length = isInner ? KeyOrder.common(key(slot), key(slot + 1)) : prefixLength
            child(slot).setPrefixLength(max(length, child(slot).prefixLength))
        }
    }

    /// Adds up the children of a branch or the entries of a leaf.
    func computeSummary() -> IndexSummary {
        var sum = IndexSummary()
        for slot in 0..<count {
            let part = isLeaf ? IndexEntry(self, slot).summary : child(slot).summary
            sum.live += part.live
            sum.compactable += part.compactable
            sum.maxMain = max(sum.maxMain, part.maxMain)
        }
        return sum
    }
}
