//  Finds the ends of JSON values in a stream of bytes, and refuses what is none in the words of
//  Go's decoder, which etcd's gateway passes on.

package import RuntimeCore

/// A push-down automaton over one value. Feed it byte by byte; after the end of a value it is ready
/// for the next one.
package struct JSONScanner {
    package enum Step: Equatable {
        case goOn
        /// The value ends with this byte.
        case ended
        /// The value, a number, ended before this byte, which belongs to what follows.
        case endedBefore
    }

    package struct Failure: Error, Equatable {
        /// Go's text.
        package let text: String

        package init(text: String) { self.text = text }

        static let unexpectedEnd = Failure(text: "unexpected EOF")
    }

    private enum State {
        case value
        case valueOrEnd
        case key
        case keyOrEnd
        case string
        case escape
        case hexadecimal(left: Int)
        case literal(Literal, position: Int)
        case afterMinus
        case afterZero
        case digits
        case afterPoint
        case fraction
        case afterE
        case afterExponentSign
        case exponent
        case afterValue
    }

    private enum Nesting { case key, member, element }

    private enum Literal: String { case yes = "true", no = "false", null = "null" }

    /// Go's bound.
    private static let depthMax = 10_000

    private var state = State.value
    private var nesting: [Nesting] = []
    /// Whether a value has begun.
    package private(set) var isInside = false

    package init() {}

    package mutating func feed(_ byte: UInt8) throws(Failure) -> Step {
        switch state {
        case .value, .valueOrEnd, .key, .keyOrEnd, .afterValue:
            return try feedBetween(byte)
        case .string, .escape, .hexadecimal:
            return try feedString(byte)
        case .literal(let literal, let position):
            return try feedLiteral(byte, literal, position)
        default:
            return try feedNumber(byte)
        }
    }

    /// What the end of all bytes means: true when a number ends with it, false when nothing has
    /// begun.
    package mutating func feedEnd() throws(Failure) -> Bool {
        guard isInside else { return false }
        // A number is all that can end here.
        guard nesting.isEmpty else { throw .unexpectedEnd }
        switch state {
        case .afterZero, .digits, .fraction, .exponent:
            self = JSONScanner()
            return true
        default: throw .unexpectedEnd
        }
    }

    /// Why `text` is not exactly one value, in the words of Go's `json.Unmarshal`; `nil` if it is.
    package static func flaw(of text: Bytes) -> String? {
        var scanner = JSONScanner()
        var hasEnded = false
        // Go looks at what a space would do at the end.
        for position in 0...text.count {
            let byte = position < text.count ? text[position] : 0x20
            if hasEnded {
                if isSpace(byte) { continue }
                return "invalid character \(quoted(byte)) after top-level value"
            }
            do throws(Failure) {
                switch try scanner.feed(byte) {
                case .goOn: break
                case .ended: hasEnded = true
                case .endedBefore:
                    hasEnded = true
                    if isSpace(byte) { continue }
                    return "invalid character \(quoted(byte)) after top-level value"
                }
            } catch {
                return error.text
            }
        }
        return hasEnded ? nil : "unexpected end of JSON input"
    }

    // MARK: between values

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private mutating func feedBetween(_ byte: UInt8) throws(Failure) -> Step {
        if JSONScanner.isSpace(byte) { return .goOn }
        switch state {
        case .valueOrEnd where byte == UInt8(ascii: "]"): return endValue(closing: true)
        case .keyOrEnd where byte == UInt8(ascii: "}"): return endValue(closing: true)
        case .key, .keyOrEnd:
            guard byte == UInt8(ascii: "\"") else {
                throw failure(byte, "looking for beginning of object key string")
            }
            state = .string
            return .goOn
        case .afterValue: return try feedAfterValue(byte)
        default: return try beginValue(byte)
        }
    }

    private mutating func beginValue(_ byte: UInt8) throws(Failure) -> Step {
        isInside = true
        switch byte {
        case UInt8(ascii: "{"): try open(.key, .keyOrEnd)
        case UInt8(ascii: "["): try open(.element, .valueOrEnd)
        case UInt8(ascii: "\""): state = .string
        case UInt8(ascii: "-"): state = .afterMinus
        case UInt8(ascii: "0"): state = .afterZero
        case UInt8(ascii: "1")...UInt8(ascii: "9"): state = .digits
        case UInt8(ascii: "t"): state = .literal(.yes, position: 1)
        case UInt8(ascii: "f"): state = .literal(.no, position: 1)
        case UInt8(ascii: "n"): state = .literal(.null, position: 1)
        default: throw failure(byte, "looking for beginning of value")
        }
        return .goOn
    }

    private mutating func open(_ inner: Nesting, _ next: State) throws(Failure) {
        guard nesting.count < JSONScanner.depthMax else {
            throw Failure(text: "exceeded max depth")
        }
        nesting.append(inner)
        state = next
    }

    private mutating func feedAfterValue(_ byte: UInt8) throws(Failure) -> Step {
        switch (nesting.last, byte) {
        case (.key, UInt8(ascii: ":")):
            nesting[nesting.count - 1] = .member
            state = .value
        case (.member, UInt8(ascii: ",")):
            nesting[nesting.count - 1] = .key
            state = .key
        case (.element, UInt8(ascii: ",")): state = .value
        case (.member, UInt8(ascii: "}")), (.element, UInt8(ascii: "]")):
            return endValue(closing: true)
        case (.key, _): throw failure(byte, "after object key")
        case (.member, _): throw failure(byte, "after object key:value pair")
        default: throw failure(byte, "after array element")
        }
        return .goOn
    }

    /// - Parameter closing: the value is an object or an array.
    private mutating func endValue(closing: Bool = false) -> Step {
        if closing { nesting.removeLast() }
        state = .afterValue
        guard nesting.isEmpty else { return .goOn }
        self = JSONScanner()
        return .ended
    }

    // MARK: inside values

    private mutating func feedString(_ byte: UInt8) throws(Failure) -> Step {
        switch state {
        case .escape:
            switch byte {
            case UInt8(ascii: "u"): state = .hexadecimal(left: 4)
            case UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
                UInt8(ascii: "t"), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "\""):
                state = .string
            default: throw failure(byte, "in string escape code")
            }
        case .hexadecimal(let left):
            guard Character(Unicode.Scalar(byte)).isHexDigit else {
                throw failure(byte, "in \\u hexadecimal character escape")
            }
            state = left == 1 ? .string : .hexadecimal(left: left - 1)
        default:
            switch byte {
            case UInt8(ascii: "\""): return endValue()
            case UInt8(ascii: "\\"): state = .escape
            case 0..<0x20: throw failure(byte, "in string literal")
            default: break
            }
        }
        return .goOn
    }

    private mutating func feedLiteral(
        _ byte: UInt8, _ literal: Literal, _ position: Int
    ) throws(Failure) -> Step {
        let letters = Array(literal.rawValue.utf8)
        guard byte == letters[position] else {
            let expected = Character(Unicode.Scalar(letters[position]))
            throw failure(byte, "in literal \(literal.rawValue) (expecting '\(expected)')")
        }
        if position + 1 == letters.count { return endValue() }
        state = .literal(literal, position: position + 1)
        return .goOn
    }

    private mutating func feedNumber(_ byte: UInt8) throws(Failure) -> Step {
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        switch state {
        case .afterMinus:
            guard isDigit else { throw failure(byte, "in numeric literal") }
            state = byte == UInt8(ascii: "0") ? .afterZero : .digits
        case .digits where isDigit, .fraction where isDigit, .exponent where isDigit: break
        case .digits where byte == UInt8(ascii: "."), .afterZero where byte == UInt8(ascii: "."):
            state = .afterPoint
        case .afterPoint:
            guard isDigit else {
                throw failure(byte, "after decimal point in numeric literal")
            }
            state = .fraction
        case .afterE where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"):
            state = .afterExponentSign
        case .afterE, .afterExponentSign:
            guard isDigit else { throw failure(byte, "in exponent of numeric literal") }
            state = .exponent
        case .digits, .afterZero, .fraction:
            if byte | 0x20 == UInt8(ascii: "e") {
                state = .afterE
                return .goOn
            }
            return try endNumber(before: byte)
        default: return try endNumber(before: byte)
        }
        return .goOn
    }

    private mutating func endNumber(before byte: UInt8) throws(Failure) -> Step {
        if endValue() == .ended { return .endedBefore }
        return try feedBetween(byte)
    }

    // MARK: words

    private func failure(_ byte: UInt8, _ context: String) -> Failure {
        Failure(text: "invalid character \(JSONScanner.quoted(byte)) \(context)")
    }

    /// The byte as Go quotes a character.
    private static func quoted(_ byte: UInt8) -> String {
        func hexadecimal(_ digits: Int) -> String {
            let text = String(byte, radix: 16)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        switch byte {
        case UInt8(ascii: "'"): return "'\\''"
        case UInt8(ascii: "\\"): return "'\\\\'"
        case 0x07: return "'\\a'"
        case 0x08: return "'\\b'"
        case 0x09: return "'\\t'"
        case 0x0A: return "'\\n'"
        case 0x0B: return "'\\v'"
        case 0x0C: return "'\\f'"
        case 0x0D: return "'\\r'"
        case 0..<0x20, 0x7F: return "'\\x\(hexadecimal(2))'"
        case 0x80...0xA0, 0xAD: return "'\\u\(hexadecimal(4))'"
        default: return "'\(Character(Unicode.Scalar(byte)))'"
        }
    }
}
