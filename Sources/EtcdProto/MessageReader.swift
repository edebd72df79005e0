//  The visitor that reads protobuf's wire format.

import Protobuf
package import RuntimeCore

/// Walks over the fields of a message and of the messages inside it.
///
/// The current field waits until its message offers a place for it, so that fields in ascending
/// order, as everybody writes them, take one visit of the message.
package struct MessageReader: FieldVisitor {
    /// What is taken for a message.
    enum Manner {
        /// What clients and peers send.
        case strict
        /// What a member has written into its log or database: it counts as it stands, and Go's
        /// members take any bytes for text. What is not UTF-8 is repaired, alike on every member.
        case stored
    }

    /// Messages inside messages. A transaction inside a transaction counts twice; the default
    /// bound of operations allows 128 of them, higher settings up to this many. Deeper ones would
    /// endanger the stack.
    package static let depthMax = 300
    /// The log wraps a request once more, and a Go member may have accepted what is deeper.
    private static let storedDepthMax = 1_000

    private let bytes: Bytes
    private var position: Int
    /// Of the message that is being read.
    private var end: Int
    /// Of the current field; 0 at the end of the message and after a failure.
    private(set) var number = 0
    private var wireType = ProtobufWireType.varint
    private var depth = 0
    private let manner: Manner
    /// The first one. Nothing is read after it.
    private(set) var failure: ProtobufError?

    init(_ bytes: Bytes, _ manner: Manner = .strict) {
        self.manner = manner
        self.bytes = bytes
        position = bytes.start
        end = bytes.end
    }

    /// Reads fields into the message up to its end.
    @inline(__always)
    mutating func fill<M: ProtobufMessage>(_ message: inout M) {
        next()
        while number != 0 {
            let before = position
            message.visit(&self)
            // No field took it: this release does not know it.
            if position == before, number != 0 { skip() }
        }
    }

    // MARK: fields

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64) {
        while self.number == number { value = Int64(bitPattern: takeVarint()) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64) {
        while self.number == number { value = takeVarint() }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32) {
        while self.number == number { value = UInt32(truncatingIfNeeded: takeVarint()) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool) {
        while self.number == number { value = takeVarint() != 0 }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout String) {
        while self.number == number { value = takeText() }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes) {
        while self.number == number { value = takeBytes() }
    }

    @inline(__always)
    package mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ value: inout E
    ) {
        while self.number == number { value = Self.decode(takeVarint()) }
    }

    /// A second appearance of the field is merged into the first.
    @inline(__always)
    package mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        while self.number == number {
            var message = value ?? M()
            take(&message)
            value = message
        }
    }

    // MARK: repeated fields

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout [String]) {
        while self.number == number { list.append(takeText()) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout [Bytes]) {
        while self.number == number { list.append(takeBytes()) }
    }

    /// Packed or not.
    package mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ list: inout [E]
    ) {
        while self.number == number {
            guard wireType == .lengthDelimited else {
                list.append(Self.decode(takeVarint()))
                continue
            }
            let length = takeLength()
            let outer = end
            end = position + length
            while position < end { list.append(Self.decode(varint())) }
            end = outer
            next()
        }
    }

    @inline(__always)
    package mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        while self.number == number {
            var message = M()
            take(&message)
            list.append(message)
        }
    }

    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout KeyValueList) {
        while self.number == number {
            let record = takeBytes()
            do throws(ProtobufError) {
                _ = try KeyValue(decoding: record)
                record.withUnsafeBytes { list.append(record: $0) }
            } catch {
                fail(error)
            }
        }
    }

    // MARK: oneofs

    @inline(__always)
    package mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        while self.number == number { set(Int64(bitPattern: takeVarint())) }
    }

    @inline(__always)
    package mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        while self.number == number { set(takeBytes()) }
    }

    @inline(__always)
    package mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        while self.number == number {
            var message = M()
            take(&message)
            set(message)
        }
    }

    // MARK: values of the current field; each goes on to the next one

    private mutating func takeVarint() -> UInt64 {
        guard expect(.varint) else { return 0 }
        let value = varint()
        next()
        return value
    }

    mutating func takeBytes() -> Bytes {
        let length = takeLength()
        let from = position - bytes.start
        let content = bytes[from..<from + length]
        position += length
        next()
        return content
    }

    private mutating func takeText() -> String {
        let field = number
        let content = takeBytes()
        if let text = content.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) {
            return text
        }
        if manner == .stored { return content.text }
        fail(.invalidText(field: field))
        return ""
    }

    @inline(__always)
    private mutating func take<M: ProtobufMessage>(_ message: inout M) {
        let length = takeLength()
        guard depth < depthMax else { return fail(.nestedTooDeeply) }
        let outer = end
        end = position + length
        depth += 1
        message.merge(&self)
        depth -= 1
        end = outer
        next()
    }

    private var depthMax: Int {
        manner == .strict ? MessageReader.depthMax : MessageReader.storedDepthMax
    }

    mutating func takeMessage<M: ProtobufMessage>(_ type: M.Type) -> M {
        var message = M()
        take(&message)
        return message
    }

    /// Bytes of the current field's content, which starts at `position`; 0 after a failure.
    private mutating func takeLength() -> Int {
        guard expect(.lengthDelimited) else { return 0 }
        let length = varint()
        if length <= UInt64(end - position) { return Int(length) }
        fail(.truncated(offset: offset))
        return 0
    }

    private static func decode<E: OpenEnum>(_ value: UInt64) -> E {
        E(rawValue: Int32(truncatingIfNeeded: value))
    }

    // MARK: the wire format

    private var offset: Int { position - bytes.start }

    /// Nothing is left to read, on any level.
    @inline(never)
    private mutating func fail(_ error: ProtobufError) {
        if failure == nil { failure = error }
        number = 0
        end = position
    }

    /// Goes on to the next field of the message.
    mutating func next() {
        if position == end || failure != nil {
            number = 0
            return
        }
        let start = offset
        let tag = varint()
        if let type = ProtobufWireType(rawValue: tag & 7), tag >> 3 > 0, tag >> 3 < 1 << 29 {
            number = Int(tag >> 3)
            wireType = type
        } else {
            fail(.malformedTag(offset: start))
        }
    }

    private mutating func skip() {
        switch wireType {
        case .varint: _ = varint()
        case .fixed64: advance(8)
        case .fixed32: advance(4)
        case .lengthDelimited: position += takeLength()
        }
        next()
    }

    private mutating func advance(_ count: Int) {
        if count <= end - position {
            position += count
        } else {
            fail(.truncated(offset: offset))
        }
    }

    @inline(__always)
    private mutating func expect(_ type: ProtobufWireType) -> Bool {
        if wireType == type { return true }
        fail(.unexpectedWireType(field: number, offset: offset))
        return false
    }

    /// 0 after a failure.
    @inline(__always)
    private mutating func varint() -> UInt64 {
        if position < end, bytes.storage[position] < 0x80 {
            position += 1
            return UInt64(bytes.storage[position - 1])
        }
        return longVarint()
    }

    private mutating func longVarint() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes.storage[position]
            position += 1
            // The tenth byte has room for one bit only.
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { break }
        }
        fail(
            shift >= 63 ? .malformedVarint(offset: offset) : .truncated(offset: offset))
        return 0
    }
}
