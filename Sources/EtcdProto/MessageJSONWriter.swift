//  The visitor that writes a message as a JSON object, as etcd's gateway does.

import Protobuf
import RuntimeCore

/// Writes the members of one object: the proto's names, defaults left out, 64-bit integers as
/// strings, bytes in base64, enums by name, no white space.
struct MessageJSONWriter: FieldVisitor {
    var output: [UInt8] = []
    private var isFirst = true

    mutating func open() { output.append(UInt8(ascii: "{")) }
    mutating func close() { output.append(UInt8(ascii: "}")) }

    private mutating func begin(_ name: StaticString) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        output.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { output.append(contentsOf: $0) }
        output.append(UInt8(ascii: "\""))
        output.append(UInt8(ascii: ":"))
    }

    private mutating func write(quoted text: String) {
        output.append(UInt8(ascii: "\""))
        output.append(contentsOf: text.utf8)
        output.append(UInt8(ascii: "\""))
    }

    private mutating func write<E: OpenEnum>(_ value: E) {
        if let name = value.knownName {
            write(quoted: name)
        } else {
            output.append(contentsOf: String(value.rawValue).utf8)
        }
    }

    private mutating func writeList<List: Sequence>(
        _ name: StaticString, _ list: List,
        _ write: (List.Element, inout MessageJSONWriter) -> Void
    ) {
        begin(name)
        output.append(UInt8(ascii: "["))
        var isFirstElement = true
        for element in list {
            if !isFirstElement { output.append(UInt8(ascii: ",")) }
            isFirstElement = false
            write(element, &self)
        }
        output.append(UInt8(ascii: "]"))
    }

    // MARK: fields

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64) {
        if value != 0 { choice(number, name, value) { _ in } }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64) {
        if value == 0 { return }
        begin(name)
        write(quoted: String(value))
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32) {
        if value == 0 { return }
        begin(name)
        output.append(contentsOf: String(value).utf8)
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool) {
        if !value { return }
        begin(name)
        output.append(contentsOf: "true".utf8)
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout String) {
        if value.isEmpty { return }
        begin(name)
        JSONValue.writeString(Bytes(value), into: &output)
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes) {
        if !value.isEmpty { choice(number, name, value) { _ in } }
    }

    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ value: inout E) {
        if value.rawValue == 0 { return }
        begin(name)
        write(value)
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        choice(number, name, value) { _ in }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [String]) {
        if list.isEmpty { return }
        writeList(name, list) { JSONValue.writeString(Bytes($0), into: &$1.output) }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [Bytes]) {
        if list.isEmpty { return }
        writeList(name, list) { ProtobufJSON.writeBase64($0, into: &$1.output) }
    }

    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ list: inout [E]) {
        if !list.isEmpty { writeList(name, list) { $1.write($0) } }
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        if !list.isEmpty { writeList(name, list) { $0.writeJSON(into: &$1.output) } }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout KeyValueList) {
        if !list.isEmpty { writeList(name, list) { $0.writeJSON(into: &$1.output) } }
    }

    // MARK: oneofs

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        guard let value else { return }
        begin(name)
        write(quoted: String(value))
    }

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        guard let value else { return }
        begin(name)
        ProtobufJSON.writeBase64(value, into: &output)
    }

    mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        guard let value else { return }
        begin(name)
        value.writeJSON(into: &output)
    }
}
