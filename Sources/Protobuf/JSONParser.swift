//  A strict JSON parser (RFC 8259) over bytes, with bounded depth.

package import RuntimeCore

package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    package let offset: Int
    package let reason: String
    package var description: String { "bad JSON at byte \(offset): \(reason)" }
}

extension JSONValue {
    /// Deeper documents are refused: they are attacks, and recursion has a stack.
    private static let depthMax = 200

    package static func parse(_ bytes: Bytes) throws(JSONError) -> JSONValue {
        var parser = JSONParser(input: bytes.array, position: 0)
        let value = try parser.value(depth: depthMax)
        parser.skipSpace()
        if parser.position < parser.input.count {
            throw parser.error("text after the value")
        }
        return value
    }
}

extension JSONValue {
    /// The first value of a text, whatever follows, as a decoder of streams reads it.
    package static func parseFirst(_ bytes: Bytes) throws(JSONError) -> JSONValue {
        var parser = JSONParser(input: bytes.array, position: 0)
        return try parser.value(depth: depthMax)
    }
}

private struct JSONParser {
    let input: [UInt8]
    var position: Int

    func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

    var current: UInt8? { position < input.count ? input[position] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        if depth == 0 { throw error("nested too deeply") }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .some: return try number()
        case nil: throw error("a value is missing")
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard input[position...].starts(with: text.utf8) else { throw error("unknown word") }
        position += text.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw error("a name is missing") }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("':' is missing") }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth - 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("',' or '}' is missing") }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth - 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw error("',' or ']' is missing") }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let leading = current
        let count = digits()
        guard count > 0 else { throw error("not a value") }
        if leading == UInt8(ascii: "0"), count > 1 { throw error("a number may not start with 0") }
        if take(UInt8(ascii: ".")), digits() == 0 { throw error("digits are missing") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            if digits() == 0 { throw error("digits are missing") }
        }
        return .number(String(decoding: input[start..<position], as: UTF8.self))
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        return position - start
    }

    private mutating func string() throws(JSONError) -> Bytes {
        position += 1
        var content: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return Bytes(content)
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20: throw error("a control character in a string")
            default: content.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw error("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            if (0xD800..<0xDC00).contains(code), input[position...].starts(with: "\\u".utf8) {
                let mark = position
                position += 2
                let low = try fourDigits()
                if (0xDC00..<0xE000).contains(low) {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                } else {
                    position = mark
                }
            }
            // A lone surrogate becomes the replacement character, as in Go.
            let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
            content += Array(String(scalar).utf8)
        default: throw error("unknown escape")
        }
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        guard position + 4 <= input.count,
            let code = UInt32(
                String(decoding: input[position..<position + 4], as: UTF8.self), radix: 16),
            input[position] != UInt8(ascii: "+"), input[position] != UInt8(ascii: "-")
        else { throw error("four hexadecimal digits are missing") }
        position += 4
        return code
    }
}
