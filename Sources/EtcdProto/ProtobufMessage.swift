//  What all messages of the v3 API have in common: each names its fields once, in `visit`, and the
//  codecs of this module follow from that.

package import Protobuf
package import RuntimeCore

/// A message of etcd's API, its log or its database, with a protobuf and a JSON form.
///
/// The binary form is canonical: fields in ascending order, zero values left out. The JSON form is
/// proto3's with the proto's own field names, as etcd's gateway writes it.
package protocol ProtobufMessage: Sendable, Hashable {
    /// Full name in the proto files, such as `etcdserverpb.RangeRequest`.
    static var messageName: String { get }

    init()

    /// Shows every field to the visitor, in ascending order of the numbers. Visitors that only read
    /// the message leave it as it is.
    mutating func visit<V: FieldVisitor>(_ visitor: inout V)

    /// The same for visitors that only read. Messages that are mostly a oneof have one of their
    /// own, because showing the cases one by one copies the one that is set each time.
    func show<V: FieldVisitor>(to visitor: inout V)

    // The rest has one implementation (ProtobufMessage+Codec.swift). The requirements make this
    // module compile it for each message: other modules reach the fast code through them.

    /// `bytes` fields of the message are slices of `bytes`.
    static func decode(_ bytes: Bytes) throws(ProtobufError) -> Self
    /// The same for a record of the database, which any member may have written: text that is not
    /// UTF-8 is repaired.
    static func decode(stored bytes: Bytes) throws(ProtobufError) -> Self
    /// Bytes of the binary form.
    func measure() -> Int
    /// Writes the binary form into a buffer of exactly `measure()` bytes.
    func write(into buffer: UnsafeMutableRawBufferPointer)
    static func read(_ json: JSONValue) throws(ProtobufJSONError) -> Self
    func writeJSON(into output: inout [UInt8])

    // What visitors need for messages inside messages, for the same reason.

    mutating func merge(_ reader: inout MessageReader)
    func write(_ writer: inout MessageWriter)
}

extension ProtobufMessage {
    package init(decoding bytes: Bytes) throws(ProtobufError) { self = try Self.decode(bytes) }

    /// Of a record of the database.
    package init(decodingStored bytes: Bytes) throws(ProtobufError) {
        self = try Self.decode(stored: bytes)
    }

    package var encodedSize: Int { measure() }

    /// Appends the binary form.
    package func encode(into output: inout [UInt8]) {
        encode(into: &output, size: measure())
    }

    /// - Parameter size: what `measure` says.
    package func encode(into output: inout [UInt8], size: Int) {
        MessageWriter.append(count: size, to: &output) { write(&$0) }
    }

    /// Reads what etcd's gateway reads: field names as in the proto or in lowerCamelCase, unknown
    /// ones passed over, `null` as the default, integers as numbers or strings, base64 of the
    /// standard alphabet with padding, enums by name or number.
    package init(json: JSONValue) throws(ProtobufJSONError) { self = try Self.read(json) }
}

/// What a message shows its fields to. A reading visitor replaces the values, a writing one leaves
/// them alone. A visitor that fails keeps the error to itself and ignores all further fields: with
/// throwing methods the compiler does not specialise this.
package protocol FieldVisitor {
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout String)
    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes)
    mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ value: inout E)
    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?)

    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout [String])
    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout [Bytes])
    mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ list: inout [E])
    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M])
    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout KeyValueList)

    /// A member of a oneof: `value` when it is the one that is set. Unlike a field it is written
    /// even when it is zero.
    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    )
    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    )
    mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    )

    /// The member of a oneof that is set, for visitors that only read.
    mutating func message<M: ProtobufMessage>(_ number: Int, _ name: StaticString, _ value: M)
}

extension FieldVisitor {
    package mutating func message<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M
    ) {
        choice(number, name, value) { _ in }
    }
}

/// An enum of proto3: it keeps numbers that this release has no name for.
package protocol OpenEnum: RawRepresentable<Int32>, Sendable, Hashable {
    /// The proto's full name of the enum.
    static var enumName: String { get }
    /// The proto's names, by number.
    static var names: [String] { get }
    init(rawValue: Int32)
}

extension OpenEnum {
    /// The proto's name, or the number in decimal.
    package var name: String { knownName ?? String(rawValue) }

    var knownName: String? {
        Self.names.indices.contains(Int(rawValue)) ? Self.names[Int(rawValue)] : nil
    }
}
