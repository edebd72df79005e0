//  JSON of users and roles of the v2 API, read as Go's decoder reads it: names of fields in any
//  case, unknown ones passed over, null for nothing.

import Protobuf
import RuntimeCore

/// The text is no JSON, or not of the form that is wanted.
package struct V2RecordError: Error, Sendable {}

enum V2Record {
    /// The members of an object with their names in lower case; of null none.
    static func fields(_ value: JSONValue) throws(V2RecordError)
        -> [(name: String, value: JSONValue)]
    {
        switch value {
        case .null: []
        case .object(let members): members.map { ($0.name.text.lowercased(), $0.value) }
        default: throw V2RecordError()
        }
    }

    /// Null leaves what is there.
    static func read(_ value: JSONValue, into text: inout Bytes) throws(V2RecordError) {
        switch value {
        case .null: break
        case .string(let bytes): text = Bytes(bytes.text)
        default: throw V2RecordError()
        }
    }

    /// Null makes nothing of what is there.
    static func read(_ value: JSONValue, into list: inout [Bytes]?) throws(V2RecordError) {
        switch value {
        case .null: list = nil
        case .array(let elements):
            var texts: [Bytes] = []
            for element in elements {
                var text = Bytes.empty
                try read(element, into: &text)
                texts.append(text)
            }
            list = texts
        default: throw V2RecordError()
        }
    }

    static func write(_ list: [Bytes]?, into output: inout [UInt8]) {
        guard let list else {
            output += Array("null".utf8)
            return
        }
        output.append(UInt8(ascii: "["))
        for (position, text) in list.enumerated() {
            if position > 0 { output.append(UInt8(ascii: ",")) }
            JSONValue.writeString(text, into: &output)
        }
        output.append(UInt8(ascii: "]"))
    }
}
