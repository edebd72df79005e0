//  The visitors that write protobuf's wire format: one adds up how long a message will be, the
//  other writes it into a buffer of that length. Both must agree on every byte.

import Protobuf
package import RuntimeCore

/// Adds up the size of a message.
struct MessageSizer: FieldVisitor {
    private(set) var size = 0

    @inline(__always)
    private mutating func add(_ number: Int, count: Int) {
        size +=
            ProtobufSize.varint(UInt64(number) << 3) + ProtobufSize.varint(UInt64(count)) + count
    }

    @inline(__always)
    private mutating func add(_ number: Int, _ value: UInt64) {
        size += ProtobufSize.varint(UInt64(number) << 3) + ProtobufSize.varint(value)
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64) {
        if value != 0 { add(number, UInt64(bitPattern: value)) }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64) {
        if value != 0 { add(number, value) }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32) {
        if value != 0 { add(number, UInt64(value)) }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool) {
        if value { add(number, 1) }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout String) {
        if !value.isEmpty { add(number, count: value.utf8.count) }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes) {
        if !value.isEmpty { add(number, count: value.count) }
    }

    @inline(__always)
    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ value: inout E) {
        if value.rawValue != 0 { add(number, value.wireValue) }
    }

    @inline(__always)
    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        if let value { add(number, count: value.measure()) }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [String]) {
        for text in list { add(number, count: text.utf8.count) }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [Bytes]) {
        for bytes in list { add(number, count: bytes.count) }
    }

    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ list: inout [E]) {
        if !list.isEmpty { add(number, count: Self.packedSize(list)) }
    }

    static func packedSize<E: OpenEnum>(_ list: [E]) -> Int {
        list.reduce(0) { $0 + ProtobufSize.varint($1.wireValue) }
    }

    @inline(__always)
    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        list.withUnsafeBufferPointer { list in
            for index in list.indices { add(number, count: list[index].measure()) }
        }
    }

    @inline(__always)
    mutating func field(_ number: Int, _ name: StaticString, _ list: inout KeyValueList) {
        size += list.framedSize(field: number)
    }

    @inline(__always)
    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        if let value { add(number, UInt64(bitPattern: value)) }
    }

    @inline(__always)
    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        if let value { add(number, count: value.count) }
    }

    @inline(__always)
    mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        if let value { add(number, count: value.measure()) }
    }

    @inline(__always)
    mutating func message<M: ProtobufMessage>(_ number: Int, _ name: StaticString, _ value: M) {
        add(number, count: value.measure())
    }
}

/// Writes a message into a buffer of the size that `MessageSizer` found.
package struct MessageWriter: FieldVisitor {
    private let buffer: UnsafeMutableRawBufferPointer
    private var position = 0

    private init(buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    /// `body` fills the buffer exactly.
    @inline(__always)
    static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, _ body: (inout MessageWriter) -> Void
    ) {
        var writer = MessageWriter(buffer: buffer)
        body(&writer)
        precondition(writer.position == buffer.count, "a message shrank while it was written")
    }

    /// Appends `count` bytes, written by `body`.
    @inline(__always)
    static func append(
        count: Int, to output: inout [UInt8], _ body: (inout MessageWriter) -> Void
    ) {
        output.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                let place = initialized..<initialized + count
                let target = UnsafeMutableBufferPointer(rebasing: buffer[place])
                fill(UnsafeMutableRawBufferPointer(target), body)
                initialized = place.upperBound
            }
        }
    }

    @inline(__always)
    private mutating func byte(_ value: UInt8) {
        precondition(position < buffer.count, "a message grew while it was written")
        buffer[position] = value
        position += 1
    }

    @inline(__always)
    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    private mutating func varint(_ number: Int, _ value: UInt64) {
        varint(UInt64(number) << 3)
        varint(value)
    }

    /// Tag and length of a field whose `count` bytes come next.
    @inline(__always)
    private mutating func header(_ number: Int, count: Int) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(count))
    }

    @inline(__always)
    mutating func copy(_ source: UnsafeRawBufferPointer) {
        precondition(source.count <= buffer.count - position, "a message grew while it was written")
        if let base = source.baseAddress {
            (buffer.baseAddress! + position).copyMemory(from: base, byteCount: source.count)
        }
        position += source.count
    }

    private mutating func text(_ number: Int, _ value: String) {
        header(number, count: value.utf8.count)
        var value = value
        value.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    private mutating func bytes(_ number: Int, _ value: Bytes) {
        header(number, count: value.count)
        value.withUnsafeBytes { copy($0) }
    }

    @inline(__always)
    package mutating func message<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M
    ) {
        header(number, count: value.measure())
        value.write(&self)
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64) {
        if value != 0 { varint(number, UInt64(bitPattern: value)) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64) {
        if value != 0 { varint(number, value) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32) {
        if value != 0 { varint(number, UInt64(value)) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool) {
        if value { varint(number, 1) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout String) {
        if !value.isEmpty { text(number, value) }
    }

    @inline(__always)
    package mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes) {
        if !value.isEmpty { bytes(number, value) }
    }

    @inline(__always)
    package mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ value: inout E
    ) {
        if value.rawValue != 0 { varint(number, value.wireValue) }
    }

    @inline(__always)
    package mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        if let value { message(number, name, value) }
    }

    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout [String]) {
        for value in list { text(number, value) }
    }

    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout [Bytes]) {
        for value in list { bytes(number, value) }
    }

    package mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ list: inout [E]
    ) {
        if list.isEmpty { return }
        header(number, count: MessageSizer.packedSize(list))
        for value in list { varint(value.wireValue) }
    }

    @inline(__always)
    package mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        list.withUnsafeBufferPointer { list in
            for index in list.indices { message(number, name, list[index]) }
        }
    }

    package mutating func field(_ number: Int, _ name: StaticString, _ list: inout KeyValueList) {
        list.withFrames(field: number) { copy($0) }
    }

    @inline(__always)
    package mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        if let value { varint(number, UInt64(bitPattern: value)) }
    }

    @inline(__always)
    package mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        if let value { bytes(number, value) }
    }

    @inline(__always)
    package mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        if let value { message(number, name, value) }
    }
}

extension OpenEnum {
    /// Negative numbers take ten bytes, as in all of protobuf.
    @inline(__always)
    var wireValue: UInt64 { UInt64(bitPattern: Int64(rawValue)) }
}
