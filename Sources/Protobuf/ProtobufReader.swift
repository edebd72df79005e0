//  Reading protobuf's wire format from a slice of bytes, without copying what it contains.

package import RuntimeCore

/// A message could not be read. Offsets count from the start of the message.
package enum ProtobufError: Error, Sendable, Hashable, CustomStringConvertible {
    case truncated(offset: Int)
    case malformedVarint(offset: Int)
    /// Group wire types and field number 0 included.
    case malformedTag(offset: Int)
    case unexpectedWireType(field: Int, offset: Int)
    /// A value that the field cannot have, such as an unknown enum number.
    case invalidValue(field: Int, UInt64)
    /// A string that is not UTF-8.
    case invalidText(field: Int)
    case nestedTooDeeply

    package var description: String {
        switch self {
        case .truncated(let offset): "protobuf: message ends inside a field at byte \(offset)"
        case .malformedVarint(let offset): "protobuf: malformed varint at byte \(offset)"
        case .malformedTag(let offset): "protobuf: malformed tag at byte \(offset)"
        case .unexpectedWireType(let field, let offset):
            "protobuf: field \(field) has an unexpected wire type at byte \(offset)"
        case .invalidValue(let field, let value):
            "protobuf: field \(field) cannot have the value \(value)"
        case .invalidText(let field): "protobuf: field \(field) is not valid UTF-8"
        case .nestedTooDeeply: "protobuf: messages are nested too deeply"
        }
    }
}

package enum ProtobufWireType: UInt64, Sendable {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
}

/// Walks over the fields of one message. The caller asks for a field, then reads or skips it.
package struct ProtobufReader: Sendable {
    private let storage: [UInt8]
    private let start: Int
    private let end: Int
    private var position: Int
    /// Of the field that `next` returned last.
    package private(set) var field = 0
    private var wireType = ProtobufWireType.varint

    package init(_ bytes: Bytes) {
        storage = bytes.storage
        start = bytes.start
        end = bytes.end
        position = bytes.start
    }

    /// The number of the next field, or `nil` at the end of the message.
    package mutating func next() throws(ProtobufError) -> Int? {
        if position == end { return nil }
        let offset = position - start
        let tag = try rawVarint()
        guard let type = ProtobufWireType(rawValue: tag & 7), tag >> 3 > 0, tag >> 3 < 1 << 29
        else { throw .malformedTag(offset: offset) }
        field = Int(tag >> 3)
        wireType = type
        return field
    }

    package mutating func unsigned() throws(ProtobufError) -> UInt64 {
        try expect(.varint)
        return try rawVarint()
    }

    package mutating func signed() throws(ProtobufError) -> Int64 {
        Int64(bitPattern: try unsigned())
    }

    package mutating func bool() throws(ProtobufError) -> Bool { try unsigned() != 0 }

    /// A slice of the message.
    package mutating func bytes() throws(ProtobufError) -> Bytes {
        try expect(.lengthDelimited)
        let length = try rawVarint()
        guard length <= UInt64(end - position) else { throw .truncated(offset: position - start) }
        let from = position
        position += Int(length)
        return Bytes(storage)[from..<position]
    }

    package mutating func text() throws(ProtobufError) -> String { try bytes().text }

    /// Appends the numbers of a repeated field, packed or not.
    package mutating func unsigned(into list: inout [UInt64]) throws(ProtobufError) {
        guard wireType == .lengthDelimited else {
            list.append(try unsigned())
            return
        }
        var packed = ProtobufReader(try bytes())
        while packed.position < packed.end { list.append(try packed.rawVarint()) }
    }

    /// Passes over the field that `next` returned.
    package mutating func skip() throws(ProtobufError) {
        switch wireType {
        case .varint: _ = try rawVarint()
        case .fixed64: try advance(8)
        case .fixed32: try advance(4)
        case .lengthDelimited: _ = try bytes()
        }
    }

    private func expect(_ type: ProtobufWireType) throws(ProtobufError) {
        if wireType != type { throw .unexpectedWireType(field: field, offset: position - start) }
    }

    private mutating func advance(_ count: Int) throws(ProtobufError) {
        guard count <= end - position else { throw .truncated(offset: position - start) }
        position += count
    }

    private mutating func rawVarint() throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = storage[position]
            position += 1
            // The tenth byte has room for one bit only.
            if shift == 63, byte > 1 { throw .malformedVarint(offset: position - start) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .malformedVarint(offset: position - start) }
        }
        throw .truncated(offset: position - start)
    }
}
