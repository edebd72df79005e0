//  Comparing keys eight bytes at a time: the inner loop of every search in the index.

/// The bytewise order of keys over raw memory.
enum KeyOrder {
    /// Negative, zero or positive, as the first key stands before, at or behind the second.
    @inline(__always)
    static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        guard common > 0, let a = left.baseAddress, let b = right.baseAddress else {
            return left.count - right.count
        }
        if common < 8 { return compareShort(a, b, common, left.count - right.count) }
        var offset = 0
        while offset <= common - 8 {
            let difference = compareWord(a, b, offset)
            if difference != 0 { return difference }
            offset += 8
        }
        // The last word overlaps bytes already found equal, which cannot change the outcome.
        let difference = offset == common ? 0 : compareWord(a, b, common - 8)
        return difference != 0 ? difference : left.count - right.count
    }

    @inline(__always)
    private static func compareWord(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ offset: Int
    ) -> Int {
        let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if a == b { return 0 }
        return UInt64(bigEndian: a) < UInt64(bigEndian: b) ? -1 : 1
    }

    @inline(__always)
    private static func compareShort(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int, _ otherwise: Int
    ) -> Int {
        for offset in 0..<count {
            let a = left.load(fromByteOffset: offset, as: UInt8.self)
            let b = right.load(fromByteOffset: offset, as: UInt8.self)
            if a != b { return a < b ? -1 : 1 }
        }
        return otherwise
    }

    /// Length of the longest prefix that both keys have.
    static func common(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let end = min(left.count, right.count)
        var position = 0
        while position < end, left[position] == right[position] { position += 1 }
        return position
    }
}
