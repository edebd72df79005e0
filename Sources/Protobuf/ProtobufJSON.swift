//  The scalars and names of proto3's JSON form, read as etcd's gateway reads them and written as
//  it writes them.

package import RuntimeCore

/// A JSON document does not fit the message that it is read as.
package struct ProtobufJSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// In the words of the libraries behind etcd's gateway.
    package let description: String

    package init(_ description: String) { self.description = description }

    /// - Parameter type: in Go's words.
    package init(_ value: JSONValue, isNo type: String) {
        description = "json: cannot unmarshal \(value.kind) into Go value of type \(type)"
    }
}

package enum ProtobufJSON {
    // MARK: names

    /// Whether `name` is the lowerCamelCase form of a proto name: underscores dropped, the letter
    /// after each in upper case.
    package static func isCamelForm(_ name: Bytes, of proto: StaticString) -> Bool {
        var position = 0
        var raises = false
        for offset in 0..<proto.utf8CodeUnitCount {
            let byte = (proto.utf8Start + offset).pointee
            if byte == UInt8(ascii: "_") {
                raises = true
                continue
            }
            let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            let wanted = raises && isLower ? byte & 0xDF : byte
            raises = false
            guard position < name.count, name[position] == wanted else { return false }
            position += 1
        }
        return position == name.count
    }

    package static func isName(_ name: Bytes, _ proto: StaticString) -> Bool {
        guard name.count == proto.utf8CodeUnitCount else { return false }
        return name.withUnsafeBytes {
            $0.elementsEqual(
                UnsafeRawBufferPointer(start: proto.utf8Start, count: proto.utf8CodeUnitCount))
        }
    }

    // MARK: numbers

    /// A whole number in decimal, as a JSON number or inside a string. Fractions and exponents are
    /// refused even when their value is whole, as Go does.
    ///
    /// - Parameter type: in Go's words.
    package static func integer<Number: FixedWidthInteger>(
        _ value: JSONValue, _ type: String
    ) throws(ProtobufJSONError) -> Number {
        var value = value
        if case .string(let text) = value {
            if let flaw = JSONScanner.flaw(of: text) { throw ProtobufJSONError(flaw) }
            value = (try? JSONValue.parse(text)) ?? .null
        }
        switch value {
        case .null: return 0
        case .number(let text):
            if let number = Number(text) { return number }
            throw ProtobufJSONError(
                "json: cannot unmarshal number \(text) into Go value of type \(type)")
        default: throw ProtobufJSONError(value, isNo: type)
        }
    }

    // MARK: base64

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// A string of standard base64 with padding.
    package static func writeBase64(_ bytes: Bytes, into output: inout [UInt8]) {
        output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4 + 2)
        output.append(UInt8(ascii: "\""))
        let alphabet = alphabet
        bytes.withUnsafeBytes { buffer in
            var position = 0
            while position < buffer.count {
                let count = min(3, buffer.count - position)
                var group: UInt32 = 0
                for offset in 0..<3 {
                    let byte = offset < count ? buffer[position + offset] : 0
                    group = group << 8 | UInt32(byte)
                }
                for digit in 0..<4 {
                    let code = Int(group >> UInt32(18 - 6 * digit) & 63)
                    output.append(digit <= count ? alphabet[code] : UInt8(ascii: "="))
                }
                position += 3
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Base64 of either alphabet, with or without padding; line ends are passed over. `nil` when
    /// it is not that.
    package static func readBase64(_ text: Bytes) -> Bytes? {
        var output: [UInt8] = []
        output.reserveCapacity(text.count / 4 * 3 + 2)
        var group: UInt32 = 0
        var digits = 0
        var padding = 0
        for position in 0..<text.count {
            let byte = text[position]
            if byte == 0x0A || byte == 0x0D { continue }
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let code = sextet(byte) else { return nil }
            group = group << 6 | code
            digits += 1
            if digits == 4 {
                for shift: UInt32 in [16, 8, 0] {
                    output.append(UInt8(truncatingIfNeeded: group >> shift))
                }
                (group, digits) = (0, 0)
            }
        }
        if padding > 0, digits == 0 || digits + padding != 4 { return nil }
        switch digits {
        case 0: break
        case 2: output.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            output.append(UInt8(truncatingIfNeeded: group >> 10))
            output.append(UInt8(truncatingIfNeeded: group >> 2))
        default: return nil
        }
        return Bytes(output)
    }

    /// Where `text` stops to be standard base64 with padding, as Go counts; `nil` if it is that.
    package static func base64Flaw(of text: Bytes) -> Int? {
        var digits = 0
        var padding = 0
        for position in 0..<text.count {
            let byte = text[position]
            if byte == 0x0A || byte == 0x0D { continue }
            if padding > 0 {
                // One that is due, and then nothing more.
                if digits + padding == 4 { return position }
                guard byte == UInt8(ascii: "=") else { return position - 1 }
                padding += 1
            } else if byte == UInt8(ascii: "=") {
                guard digits >= 2 else { return position }
                padding = 1
            } else {
                let isOther = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                guard !isOther, sextet(byte) != nil else { return position }
                digits = (digits + 1) % 4
            }
        }
        if padding > 0 { return digits + padding == 4 ? nil : text.count }
        return digits == 0 ? nil : text.count - digits
    }

    private static func sextet(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
