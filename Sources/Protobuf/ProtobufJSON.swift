//  The scalars and names of proto3's JSON form, read as etcd's gateway reads them and written as
//  it writes them.

package import RuntimeCore

/// A JSON document does not fit the message that it is read as.
package struct ProtobufJSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Path from the outermost message, such as `success[0].request_put.key`; empty for that
    /// message itself.
    package var field: String
    package let reason: String

    package init(field: String = "", reason: String) {
        self.field = field
        self.reason = reason
    }

    /// The same error, seen from the message whose field `name` holds the one that failed.
    package func inside(_ name: String) -> ProtobufJSONError {
        let separator = field.isEmpty || field.utf8.first == UInt8(ascii: "[") ? "" : "."
        return ProtobufJSONError(field: name + separator + field, reason: reason)
    }

    package var description: String { field.isEmpty ? reason : "field \(field): \(reason)" }
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
    package static func integer<Number: FixedWidthInteger>(
        _ value: JSONValue, as type: Number.Type
    ) throws(ProtobufJSONError) -> Number {
        let text: String
        switch value {
        case .number(let number): text = number
        case .string(let bytes): text = bytes.text
        default: throw ProtobufJSONError(reason: "a number is expected")
        }
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        let isDecimal =
            digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && (digits.first != UInt8(ascii: "0") || digits.count == 1)
        guard isDecimal, !digits.isEmpty else {
            throw ProtobufJSONError(reason: "a whole number is expected")
        }
        guard let number = Number(text) else {
            throw ProtobufJSONError(
                reason: "\(text) does not fit \(Number.isSigned ? "a signed" : "an unsigned") "
                    + "number of \(Number.bitWidth) bits")
        }
        return number
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
