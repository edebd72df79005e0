//  Writing protobuf's wire format at the end of a byte array. Nested messages are written in one
//  pass: the caller states their size first.

package import RuntimeCore

/// Sizes in the wire format. Inlinable where `EtcdProto` needs it for every field.
@usableFromInline
package enum ProtobufSize {
    @inlinable @inline(__always)
    package static func varint(_ value: UInt64) -> Int {
        value < 0x80 ? 1 : (70 - (value | 1).leadingZeroBitCount) / 7
    }

    /// Tag and value of a varint field.
    package static func field(_ number: Int, _ value: UInt64) -> Int {
        varint(UInt64(number) << 3) + varint(value)
    }

    /// Tag, length and content of a field with `count` bytes.
    package static func field(_ number: Int, count: Int) -> Int {
        varint(UInt64(number) << 3) + varint(UInt64(count)) + count
    }
}

extension [UInt8] {
    package mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func appendField(_ number: Int, _ value: UInt64) {
        appendVarint(UInt64(number) << 3)
        appendVarint(value)
    }

    package mutating func appendField(_ number: Int, signed value: Int64) {
        appendField(number, UInt64(bitPattern: value))
    }

    package mutating func appendField(_ number: Int, _ value: Bool) {
        appendField(number, value ? 1 : 0)
    }

    package mutating func appendField(_ number: Int, _ value: Bytes) {
        appendHeader(number, count: value.count)
        append(contentsOf: value)
    }

    package mutating func appendField(_ number: Int, _ value: String) {
        appendHeader(number, count: value.utf8.count)
        append(contentsOf: value.utf8)
    }

    /// Tag and length of a field whose `count` bytes the caller writes next.
    package mutating func appendHeader(_ number: Int, count: Int) {
        appendVarint(UInt64(number) << 3 | 2)
        appendVarint(UInt64(count))
    }

    package mutating func append(contentsOf bytes: Bytes) {
        bytes.withUnsafeBytes { append(contentsOf: $0) }
    }
}
