//  JSON as a value, for the small documents that members exchange and keep. Objects keep their
//  order; numbers keep their text, because ids do not fit a double.

package import RuntimeCore

package indirect enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// As written.
    case number(String)
    case string(Bytes)
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let name: Bytes
        package let value: JSONValue
    }

    /// The value of the last member with this name, as Go's decoder sees it; `nil` for anything
    /// but objects.
    /// What Go's decoder calls it.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let wanted = Bytes(name)
        return members.last { $0.name == wanted }?.value
    }

    package var unsigned: UInt64? {
        guard case .number(let text) = self else { return nil }
        return UInt64(text)
    }

    package var bytes: Bytes? {
        guard case .string(let bytes) = self else { return nil }
        return bytes
    }

    package var text: String? { bytes?.text }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    package var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The strings of an array of strings; `nil` when it is anything else.
    package var strings: [String]? {
        guard let elements else { return nil }
        var strings: [String] = []
        for element in elements {
            guard let text = element.text else { return nil }
            strings.append(text)
        }
        return strings
    }

    /// Writes a string as Go's encoder does: `<`, `>`, `&`, U+2028 and U+2029 escaped, invalid
    /// UTF-8 as the six characters `\ufffd`.
    package static func writeString(_ text: Bytes, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        text.withUnsafeBytes { buffer in
            var position = 0
            while position < buffer.count {
                let byte = buffer[position]
                if byte < 0x80 {
                    writeASCII(byte, into: &output)
                    position += 1
                    continue
                }
                let length = UTF8Sequence.length(in: buffer, at: position)
                if length == 0 {
                    output += Array("\\ufffd".utf8)
                    position += 1
                } else if length == 3, byte == 0xE2, buffer[position + 1] == 0x80,
                    buffer[position + 2] & 0xFE == 0xA8
                {
                    output += Array("\\u202".utf8)
                    output.append(UInt8(ascii: "8") + (buffer[position + 2] & 1))
                    position += 3
                } else {
                    output.append(contentsOf: buffer[position..<position + length])
                    position += length
                }
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func writeASCII(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            output.append(UInt8(ascii: "\\"))
            output.append(byte)
        case 0x0A: output += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case 0x0D: output += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
        case 0x09: output += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
        case 0..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
            let digits = Array("0123456789abcdef".utf8)
            output += Array("\\u00".utf8)
            output.append(digits[Int(byte >> 4)])
            output.append(digits[Int(byte & 15)])
        default: output.append(byte)
        }
    }
}

/// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
package enum UTF8Sequence {
    /// Bytes of the character that starts at `position`; 0 when none does.
    package static func length(in buffer: UnsafeRawBufferPointer, at position: Int) -> Int {
        let first = buffer[position]
        let (length, lowest, highest): (Int, UInt8, UInt8) =
            switch first {
            case 0..<0x80: (1, 0, 0)
            case 0xC2...0xDF: (2, 0x80, 0xBF)
            case 0xE0: (3, 0xA0, 0xBF)
            case 0xED: (3, 0x80, 0x9F)
            case 0xE1...0xEF: (3, 0x80, 0xBF)
            case 0xF0: (4, 0x90, 0xBF)
            case 0xF1...0xF3: (4, 0x80, 0xBF)
            case 0xF4: (4, 0x80, 0x8F)
            default: (0, 0, 0)
            }
        if length < 2 { return length }
        guard position + length <= buffer.count,
            (lowest...highest).contains(buffer[position + 1])
        else { return 0 }
        for offset in 2..<max(length, 2) where buffer[position + offset] & 0xC0 != 0x80 {
            return 0
        }
        return length
    }
}
