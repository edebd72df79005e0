//  A reader of JSON text for the one document that this module loads: the saved store. It is pulled
//  member by member into the caller's structures, since a tree of generic values would cost many
//  times the memory of the store itself.

import RuntimeCore

/// A saved store that is none, with the byte at which it stops being one.
package struct V2FormatError: Error, Sendable, Hashable, CustomStringConvertible {
    package let offset: Int
    package let reason: String

    package var description: String { "saved v2 store, byte \(offset): \(reason)" }
}

struct JSONReader {
    /// Values inside values that are skipped; recursion has a stack.
    private static let skippedDepthMax = 200

    private let input: [UInt8]
    private(set) var position = 0

    init(_ input: Bytes) { self.input = input.array }

    func error(_ reason: String) -> V2FormatError {
        V2FormatError(offset: position, reason: reason)
    }

    // MARK: structure

    /// Consumes `{`, and `}` if nothing stands between them: `false` then.
    mutating func beginObject() throws(V2FormatError) -> Bool {
        try expect("{")
        return !take("}")
    }

    /// Consumes the name of a member and the colon after it.
    mutating func memberName() throws(V2FormatError) -> [UInt8] {
        let name = try string()
        try expect(":")
        return name
    }

    /// Consumes what follows a member: a comma, or the end of the object.
    mutating func hasNextMember() throws(V2FormatError) -> Bool {
        if take(",") { return true }
        try expect("}")
        return false
    }

    /// Consumes `[`, and `]` if nothing stands between them: `false` then.
    mutating func beginArray() throws(V2FormatError) -> Bool {
        try expect("[")
        return !take("]")
    }

    /// Consumes what follows an element: a comma, or the end of the array.
    mutating func hasNextElement() throws(V2FormatError) -> Bool {
        if take(",") { return true }
        try expect("]")
        return false
    }

    /// Consumes `null` if it is next.
    mutating func null() throws(V2FormatError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    mutating func end() throws(V2FormatError) {
        if peek() != nil { throw error("text after the end") }
    }

    mutating func skipValue(depth: Int = 0) throws(V2FormatError) {
        if depth > Self.skippedDepthMax { throw error("nested too deeply") }
        switch peek() {
        case UInt8(ascii: "{"):
            guard try beginObject() else { return }
            repeat {
                _ = try memberName()
                try skipValue(depth: depth + 1)
            } while try hasNextMember()
        case UInt8(ascii: "["):
            guard try beginArray() else { return }
            repeat { try skipValue(depth: depth + 1) } while try hasNextElement()
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try bool()
        case UInt8(ascii: "n"): try word("null")
        default: try skipNumber()
        }
    }

    private mutating func skipNumber() throws(V2FormatError) {
        let start = position
        while let byte = current,
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "+-.eE".utf8.contains(byte)
        {
            position += 1
        }
        if position == start { throw error("no value") }
    }

    // MARK: values

    mutating func bool() throws(V2FormatError) -> Bool {
        if peek() == UInt8(ascii: "t") {
            try word("true")
            return true
        }
        try word("false")
        return false
    }

    mutating func unsigned() throws(V2FormatError) -> UInt64 {
        _ = peek()
        let start = position
        var value: UInt64 = 0
        while let byte = current, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = product.addingReportingOverflow(
                UInt64(byte - UInt8(ascii: "0")))
            if overflow || overflowed { throw error("number too large") }
            value = sum
            position += 1
        }
        if position == start { throw error("no number") }
        return value
    }

    mutating func signed() throws(V2FormatError) -> Int64 {
        let isNegative = take("-")
        guard let magnitude = Int64(exactly: try unsigned()) else {
            throw error("number too large")
        }
        return isNegative ? -magnitude : magnitude
    }

    /// A number that counts things in memory.
    mutating func count() throws(V2FormatError) -> Int {
        guard let count = Int(exactly: try unsigned()) else { throw error("number too large") }
        return count
    }

    // MARK: characters

    var current: UInt8? { position < input.count ? input[position] : nil }

    /// The next byte that is not white space, not consumed.
    mutating func peek() -> UInt8? {
        while let byte = current,
            byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
        {
            position += 1
        }
        return current
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(V2FormatError) {
        if !take(character) { throw error("no \(character)") }
    }

    private mutating func word(_ text: StaticString) throws(V2FormatError) {
        let end = position + text.utf8CodeUnitCount
        let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard end <= input.count, input[position..<end].elementsEqual(expected) else {
            throw error("no value")
        }
        position = end
    }
}

extension JSONReader {
    // MARK: strings

    mutating func string() throws(V2FormatError) -> [UInt8] {
        try expect("\"")
        var text: [UInt8] = []
        var plainStart = position
        while let byte = current {
            if byte == UInt8(ascii: "\"") {
                text.append(contentsOf: input[plainStart..<position])
                position += 1
                return text
            }
            if byte < 0x20 { throw error("control character in a string") }
            position += 1
            if byte == UInt8(ascii: "\\") {
                text.append(contentsOf: input[plainStart..<position - 1])
                try escape(into: &text)
                plainStart = position
            }
        }
        throw error("a string without end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(V2FormatError) {
        guard let byte = current else { throw error("a string without end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try unicodeEscape())!)
        default: throw error("an unknown escape")
        }
    }

    /// The character of `\u` with one or two groups of digits; lone surrogates become U+FFFD.
    private mutating func unicodeEscape() throws(V2FormatError) -> Unicode.Scalar {
        let first = try hexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let afterFirst = position
        if UTF16.isLeadSurrogate(first), take(raw: "\\"), take(raw: "u") {
            let second = try hexDigits()
            if UTF16.isTrailSurrogate(second) {
                let pair = (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF)) + 0x10000
                return Unicode.Scalar(pair) ?? "\u{FFFD}"
            }
        }
        // What follows stands for itself.
        position = afterFirst
        return "\u{FFFD}"
    }

    private mutating func take(raw character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func hexDigits() throws(V2FormatError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else { throw error("no hexadecimal digit") }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
