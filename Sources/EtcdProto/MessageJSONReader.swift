//  The visitor that fills a message from a JSON object.

import Protobuf
import RuntimeCore

/// Looks every field of a message up in a JSON object. Fields that the message does not have are
/// passed over; `null` and absence leave the default.
struct MessageJSONReader: FieldVisitor {
    private let members: [JSONValue.Member]
    /// The first one. Nothing is read after it.
    private(set) var failure: ProtobufJSONError?

    /// `nil` for `null`, which is a message of defaults.
    init?(_ json: JSONValue) throws(ProtobufJSONError) {
        switch json {
        case .null: return nil
        case .object(let members): self.members = members
        default: throw ProtobufJSONError(json, isNo: "map[string]json.RawMessage")
        }
    }

    /// The last value under the field's name wins, and the lowerCamelCase form before the proto's.
    private func value(_ name: StaticString) -> JSONValue? {
        var plain: JSONValue?
        var camel: JSONValue?
        for member in members {
            if ProtobufJSON.isName(member.name, name) { plain = member.value }
            if ProtobufJSON.isCamelForm(member.name, of: name) { camel = member.value }
        }
        let value = camel ?? plain
        return value == .null ? nil : value
    }

    private typealias Convert<Value> = (JSONValue) throws(ProtobufJSONError) -> Value

    private mutating func read<Value>(
        _ name: StaticString, into target: inout Value, _ convert: Convert<Value>
    ) {
        guard failure == nil, let value = value(name) else { return }
        do throws(ProtobufJSONError) {
            target = try convert(value)
        } catch {
            failure = error
        }
    }

    /// A `null` among the elements is a default, as in Go.
    private mutating func readList<Element>(
        _ name: StaticString, or empty: Element, into list: inout [Element],
        _ convert: Convert<Element>
    ) {
        read(name, into: &list) { value throws(ProtobufJSONError) in
            guard case .array(let elements) = value else {
                throw ProtobufJSONError(value, isNo: "[]json.RawMessage")
            }
            var list: [Element] = []
            for element in elements {
                list.append(element == .null ? empty : try convert(element))
            }
            return list
        }
    }

    private mutating func choose<Value>(
        _ name: StaticString, _ set: (Value) -> Void, _ convert: Convert<Value>
    ) {
        var value: Value?
        read(name, into: &value) { json throws(ProtobufJSONError) in try convert(json) }
        if let value { set(value) }
    }

    // MARK: conversions

    private static func signed(_ value: JSONValue) throws(ProtobufJSONError) -> Int64 {
        try ProtobufJSON.integer(value, "int64")
    }

    private static func text(_ value: JSONValue) throws(ProtobufJSONError) -> String {
        guard case .string(let bytes) = value else {
            throw ProtobufJSONError(value, isNo: "string")
        }
        return bytes.text
    }

    /// Base64; or an array of numbers, which Go takes as well.
    private static func bytes(_ value: JSONValue) throws(ProtobufJSONError) -> Bytes {
        switch value {
        case .string(let text):
            if let flaw = ProtobufJSON.base64Flaw(of: text) {
                throw ProtobufJSONError("illegal base64 data at input byte \(flaw)")
            }
            return ProtobufJSON.readBase64(text) ?? .empty
        case .array(let elements):
            var bytes: [UInt8] = []
            for element in elements {
                if case .string = element { throw ProtobufJSONError(element, isNo: "uint8") }
                bytes.append(try ProtobufJSON.integer(element, "uint8"))
            }
            return Bytes(bytes)
        default: throw ProtobufJSONError(value, isNo: "[]uint8")
        }
    }

    private static func number<E: OpenEnum>(_ value: JSONValue) throws(ProtobufJSONError) -> E {
        guard case .string(let bytes) = value else {
            return E(rawValue: try ProtobufJSON.integer(value, "protoreflect.EnumNumber"))
        }
        if let number = E.names.firstIndex(of: bytes.text) { return E(rawValue: Int32(number)) }
        // The value as JSON, and that quoted once more.
        var shown = bytes
        for _ in 0..<2 {
            var quoted: [UInt8] = []
            JSONValue.writeString(shown, into: &quoted)
            shown = Bytes(quoted)
        }
        throw ProtobufJSONError("unknown value \(shown.text) for enum \(E.enumName)")
    }

    // MARK: fields

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout Int64
    ) {
        read(name, into: &value, Self.signed)
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout UInt64
    ) {
        read(name, into: &value) { json throws(ProtobufJSONError) in
            try ProtobufJSON.integer(json, "uint64")
        }
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout UInt32
    ) {
        read(name, into: &value) { json throws(ProtobufJSONError) in
            try ProtobufJSON.integer(json, "uint32")
        }
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout Bool
    ) {
        read(name, into: &value) { json throws(ProtobufJSONError) in
            guard let bool = json.bool else {
                throw ProtobufJSONError(json, isNo: "bool")
            }
            return bool
        }
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout String
    ) {
        read(name, into: &value, Self.text)
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ value: inout Bytes
    ) {
        read(name, into: &value, Self.bytes)
    }

    mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ value: inout E
    ) {
        read(name, into: &value, Self.number)
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        read(name, into: &value) { json throws(ProtobufJSONError) in try M.read(json) }
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout [String]
    ) {
        readList(name, or: "", into: &list, Self.text)
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout [Bytes]
    ) {
        readList(name, or: .empty, into: &list, Self.bytes)
    }

    mutating func field<E: OpenEnum>(
        _ number: Int, _ name: StaticString, _ list: inout [E]
    ) {
        readList(name, or: E(rawValue: 0), into: &list, Self.number)
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        readList(name, or: M(), into: &list) { json throws(ProtobufJSONError) in
            try M.read(json)
        }
    }

    mutating func field(
        _ number: Int, _ name: StaticString, _ list: inout KeyValueList
    ) {
        var elements: [KeyValue] = []
        field(number, name, &elements)
        if !elements.isEmpty { list = KeyValueList(elements) }
    }

    // MARK: oneofs

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        choose(name, set, Self.signed)
    }

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        choose(name, set, Self.bytes)
    }

    mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        choose(name, set) { json throws(ProtobufJSONError) in try M.read(json) }
    }
}
