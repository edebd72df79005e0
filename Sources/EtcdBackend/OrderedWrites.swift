//  What one generation wrote to one bucket, in key order: small sorted blocks, so that neither an
//  append at the end nor an insertion anywhere moves more than one block.

import RuntimeCore

/// One write: a value, or `nil` for a deletion.
struct Write: Sendable {
    /// The first eight bytes of the key as a big-endian number (zeros behind a short key). It
    /// decides nearly every comparison without touching the key.
    let prefix: UInt64
    let key: Bytes
    let value: Bytes?
}

/// A sorted map from key to the last write of it.
///
/// A value type with copy-on-write blocks: a scan takes a copy for nothing and goes on in peace
/// while the writer changes at most one block more than it would have.
struct OrderedWrites: Sendable {
    /// Where a write stands; past the last block is the end.
    struct Position {
        var block: Int
        var index: Int
    }

    private static let blockMax = 256

    /// Invariant: no block is empty; keys ascend strictly within and across blocks.
    private(set) var blocks: [[Write]] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var start: Position { Position(block: 0, index: 0) }

    /// The write at `position`; `nil` at the end.
    func write(at position: Position) -> Write? {
        position.block < blocks.count ? blocks[position.block][position.index] : nil
    }

    func position(after position: Position) -> Position {
        position.index + 1 < blocks[position.block].count
            ? Position(block: position.block, index: position.index + 1)
            : Position(block: position.block + 1, index: 0)
    }

    /// The last write of `key`.
    func find(_ key: UnsafeRawBufferPointer, prefix: UInt64) -> Write? {
        let (position, found) = search(key, prefix: prefix)
        return found ? blocks[position.block][position.index] : nil
    }

    /// The first write whose key is not below `key`.
    func lowerBound(_ key: UnsafeRawBufferPointer) -> Position {
        search(key, prefix: KeyOrder.prefix(key)).position
    }

    /// Replaces an earlier write of the same key.
    mutating func set(_ write: Write) {
        guard let last = blocks.last?.last else {
            startBlock(with: write)
            return
        }
        if KeyOrder.precedes(last, write) {
            append(write)
            return
        }
        let (position, found) = write.key.withUnsafeBytes { search($0, prefix: write.prefix) }
        if found {
            blocks[position.block][position.index] = write
        } else {
            insert(write, at: position)
        }
    }

    private mutating func startBlock(with write: Write) {
        var block: [Write] = []
        block.reserveCapacity(OrderedWrites.blockMax)
        block.append(write)
        blocks.append(block)
        count += 1
    }

    private mutating func append(_ write: Write) {
        let last = blocks.count - 1
        if blocks[last].count == OrderedWrites.blockMax {
            startBlock(with: write)
        } else {
            blocks[last].append(write)
            count += 1
        }
    }

    private mutating func insert(_ write: Write, at position: Position) {
        precondition(position.block < blocks.count, "an insertion at the end is an append")
        var position = position
        if position.index == 0, position.block > 0 {
            // Ascending insertions before a run fill blocks instead of halving them.
            if blocks[position.block - 1].count < OrderedWrites.blockMax {
                blocks[position.block - 1].append(write)
                count += 1
                return
            }
        }
        if blocks[position.block].count == OrderedWrites.blockMax {
            let half = OrderedWrites.blockMax / 2
            let upper = Array(blocks[position.block][half...])
            blocks[position.block].removeSubrange(half...)
            blocks.insert(upper, at: position.block + 1)
            if position.index > half {
                position = Position(block: position.block + 1, index: position.index - half)
            }
        }
        blocks[position.block].insert(write, at: position.index)
        count += 1
    }

    /// The first position whose key is not below `key`, and whether it is that key.
    private func search(_ key: UnsafeRawBufferPointer, prefix: UInt64) -> (
        position: Position, found: Bool
    ) {
        // The first block whose last key is not below the key.
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            let last = blocks[middle][blocks[middle].count - 1]
            if KeyOrder.compare(last, key, prefix: prefix) < 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < blocks.count else { return (Position(block: low, index: 0), false) }
        let block = low
        return blocks[block].withUnsafeBufferPointer { writes in
            var low = 0
            var high = writes.count
            while low < high {
                let middle = (low + high) / 2
                if KeyOrder.compare(writes[middle], key, prefix: prefix) < 0 {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            let found = KeyOrder.compare(writes[low], key, prefix: prefix) == 0
            return (Position(block: block, index: low), found)
        }
    }
}

/// The order of keys: bytewise, a shorter key before its extensions.
enum KeyOrder {
    static func prefix(_ key: UnsafeRawBufferPointer) -> UInt64 {
        if key.count >= 8 {
            return UInt64(bigEndian: key.loadUnaligned(as: UInt64.self))
        }
        var value: UInt64 = 0
        for byte in key { value = value << 8 | UInt64(byte) }
        return value << UInt64((8 - key.count) * 8)
    }

    static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        var offset = 0
        while common - offset >= 8 {
            let a = UInt64(bigEndian: left.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let b = UInt64(bigEndian: right.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if a != b { return a < b ? -1 : 1 }
            offset += 8
        }
        while offset < common {
            if left[offset] != right[offset] { return left[offset] < right[offset] ? -1 : 1 }
            offset += 1
        }
        return left.count - right.count
    }

    static func compare(_ write: Write, _ key: UnsafeRawBufferPointer, prefix: UInt64) -> Int {
        if write.prefix != prefix { return write.prefix < prefix ? -1 : 1 }
        return write.key.withUnsafeBytes { compare($0, key) }
    }

    static func precedes(_ left: Write, _ right: Write) -> Bool {
        if left.prefix != right.prefix { return left.prefix < right.prefix }
        return right.key.withUnsafeBytes { compare(left, $0, prefix: right.prefix) < 0 }
    }
}
