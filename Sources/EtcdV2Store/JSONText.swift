//  JSON text to the letter of Go's encoder, appended to byte arrays without detours.

import RuntimeCore

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// `"name":`
    mutating func appendName(_ name: StaticString) {
        append(UInt8(ascii: "\""))
        append(name)
        append("\":")
    }

    mutating func appendDecimal(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendDecimal(number.magnitude)
    }

    /// At least `width` digits.
    mutating func appendDecimal(_ number: UInt64, width: Int = 1) {
        let start = count
        var rest = number
        while rest != 0 || count - start < width {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        }
        self[start...].reverse()
    }

    /// A quoted string. Go escapes `<`, `>`, `&`, U+2028 and U+2029 besides what JSON asks for,
    /// and writes `\ufffd` for every byte that is not part of valid UTF-8.
    mutating func appendJSONString(_ text: Bytes) {
        append(UInt8(ascii: "\""))
        appendEscaped(text)
        append(UInt8(ascii: "\""))
    }

    /// The inside of a JSON string; U+FFFD itself is escaped only on demand.
    mutating func appendEscaped(_ text: Bytes, escapingReplacements: Bool = false) {
        text.withBuffer { text in
            var plainStart = 0
            var position = 0
            while position < text.count {
                let byte = text[position]
                if byte.isPlainInJSON {
                    position += 1
                    continue
                }
                let length = UTF8Text.sequenceLength(text, at: position)
                let isReplacement =
                    escapingReplacements && UTF8Text.isReplacement(text, at: position)
                if length > 1, !isReplacement, !UTF8Text.isLineSeparator(text, at: position) {
                    position += length
                    continue
                }
                append(contentsOf: text[plainStart..<position])
                appendEscape(of: text, at: position, length: isReplacement ? 0 : length)
                position += Swift.max(length, 1)
                plainStart = position
            }
            append(contentsOf: text[plainStart..<position])
        }
    }

    private mutating func appendEscape(
        of text: UnsafeBufferPointer<UInt8>, at position: Int, length: Int
    ) {
        let byte = text[position]
        switch (length, byte) {
        case (0, _): append("\\ufffd")
        case (3, _): append(text[position + 2] == 0xA8 ? "\\u2028" : "\\u2029")
        case (_, UInt8(ascii: "\"")): append("\\\"")
        case (_, UInt8(ascii: "\\")): append("\\\\")
        case (_, UInt8(ascii: "\n")): append("\\n")
        case (_, UInt8(ascii: "\r")): append("\\r")
        case (_, UInt8(ascii: "\t")): append("\\t")
        default:
            append("\\u00")
            append(Self.hexDigit(byte >> 4))
            append(Self.hexDigit(byte & 0xF))
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

extension UInt8 {
    fileprivate var isPlainInJSON: Bool {
        self >= 0x20 && self < 0x80 && self != UInt8(ascii: "\"") && self != UInt8(ascii: "\\")
            && self != UInt8(ascii: "<") && self != UInt8(ascii: ">") && self != UInt8(ascii: "&")
    }
}

/// What counts as UTF-8: shortest forms, no surrogates, nothing beyond U+10FFFF.
enum UTF8Text {
    /// Length of the encoded character at `position`; 0 when there is none.
    static func sequenceLength(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
        func continues(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + offset < text.count && range.contains(text[position + offset])
        }
        switch text[position] {
        case 0...0x7F: return 1
        case 0xC2...0xDF: return continues(1) ? 2 : 0
        case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : 0
        case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : 0
        case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : 0
        case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : 0
        case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : 0
        default: return 0
        }
    }

    static func isReplacement(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 2 < text.count && text[position] == 0xEF && text[position + 1] == 0xBF
            && text[position + 2] == 0xBD
    }

    /// U+2028 or U+2029.
    static func isLineSeparator(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 2 < text.count && text[position] == 0xE2 && text[position + 1] == 0x80
            && (text[position + 2] == 0xA8 || text[position + 2] == 0xA9)
    }

    /// `bytes` with every byte that is not part of a character replaced by U+FFFD, as Go does it;
    /// Swift's own repair replaces several at once.
    static func repaired(_ bytes: Bytes) -> String {
        let repaired = bytes.withBuffer { text in
            var result: [UInt8] = []
            result.reserveCapacity(text.count)
            var position = 0
            while position < text.count {
                let length = sequenceLength(text, at: position)
                if length == 0 {
                    result.append(contentsOf: [0xEF, 0xBF, 0xBD])
                } else {
                    result.append(contentsOf: text[position..<position + length])
                }
                position += max(length, 1)
            }
            return result
        }
        return String(decoding: repaired, as: UTF8.self)
    }
}
