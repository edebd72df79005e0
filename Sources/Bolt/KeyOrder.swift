//  The order of keys: bytewise, eight bytes at a time.

/// Negative, zero or positive as `left` comes before, equals or comes after `right`.
@inline(__always)
func compareKeys(
    _ left: UnsafeRawPointer, _ leftCount: Int, _ right: UnsafeRawPointer, _ rightCount: Int
) -> Int {
    let common = min(leftCount, rightCount)
    var offset = 0
    while common - offset >= 8 {
        let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if a != b { return UInt64(bigEndian: a) < UInt64(bigEndian: b) ? -1 : 1 }
        offset += 8
    }
    while offset < common {
        let a = left.loadUnaligned(fromByteOffset: offset, as: UInt8.self)
        let b = right.loadUnaligned(fromByteOffset: offset, as: UInt8.self)
        if a != b { return a < b ? -1 : 1 }
        offset += 1
    }
    return leftCount - rightCount
}

/// A key that stands in memory somebody else keeps: a mapped page or a transaction's arena.
struct KeyReference: Sendable {
    let address: UInt
    let count: Int

    @inline(__always)
    init(address: UInt, count: Int) {
        self.address = address
        self.count = count
    }

    /// The keys of this format are not empty, so the buffer has an address.
    @inline(__always)
    init(_ buffer: UnsafeRawBufferPointer) {
        address = UInt(bitPattern: buffer.baseAddress)
        count = buffer.count
    }

    @inline(__always)
    var pointer: UnsafeRawPointer { UnsafeRawPointer(bitPattern: address)! }
    @inline(__always)
    var buffer: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
    }

    @inline(__always)
    static func compare(_ left: KeyReference, _ right: KeyReference) -> Int {
        compareKeys(left.pointer, left.count, right.pointer, right.count)
    }
}
