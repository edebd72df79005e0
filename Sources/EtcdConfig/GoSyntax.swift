//  Numbers, booleans and durations as Go's flag package reads them, so that every value that works
//  with etcd works here and every other fails with the same words.

/// Why a text is no value of its kind, in etcd's words.
package struct ValueError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    static let syntax = ValueError("parse error")
    static let range = ValueError("value out of range")
    static let choice = ValueError("invalid value")
}

package enum GoSyntax {
    package static func bool(_ text: String) throws(ValueError) -> Bool {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": return true
        case "0", "f", "F", "FALSE", "false", "False": return false
        default: throw .syntax
        }
    }

    /// A number in base 10, or with a prefix `0x`, `0o`, `0b` or `0`; `_` between digits.
    static func unsigned(_ text: String, bits: Int = 64) throws(ValueError) -> UInt64 {
        var digits = Array(text.utf8)
        var base: UInt64 = 10
        let hasPrefix = digits.count > 1 && digits[0] == UInt8(ascii: "0")
        if hasPrefix {
            switch digits[1] | 0x20 {
            case UInt8(ascii: "x"): base = 16
            case UInt8(ascii: "o"): base = 8
            case UInt8(ascii: "b"): base = 2
            default: base = 0
            }
            digits.removeFirst(base == 0 ? 1 : 2)
            if base == 0 { base = 8 }
        }
        // An underscore stands between digits, or between the prefix and a digit.
        var lastIsDigit = hasPrefix
        var hasDigit = false
        var value: UInt64 = 0
        var overflows = false
        for byte in digits {
            if byte == UInt8(ascii: "_") {
                guard lastIsDigit else { throw .syntax }
                lastIsDigit = false
                continue
            }
            guard let digit = hexDigit(byte), digit < base else { throw .syntax }
            lastIsDigit = true
            hasDigit = true
            let (product, over) = value.multipliedReportingOverflow(by: base)
            let (sum, carry) = product.addingReportingOverflow(digit)
            overflows = overflows || over || carry
            value = sum
        }
        guard hasDigit, lastIsDigit else { throw .syntax }
        guard !overflows, bits >= 64 || value >> UInt64(bits) == 0 else { throw .range }
        return value
    }

    static func signed(_ text: String) throws(ValueError) -> Int64 {
        let isNegative = text.hasPrefix("-")
        let rest = isNegative || text.hasPrefix("+") ? String(text.dropFirst()) : text
        let magnitude = try unsigned(rest)
        if isNegative {
            guard magnitude <= 1 << 63 else { throw .range }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        guard magnitude < 1 << 63 else { throw .range }
        return Int64(magnitude)
    }

    /// Nanoseconds of a text such as `1h30m`, `1.5s`, `-2ms` or `0`.
    package static func duration(_ text: String) throws(ValueError) -> Int64 {
        var rest = Substring(text)
        var sign = 1.0
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest = rest.dropFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { throw .syntax }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            guard number.contains(where: \.isNumber), let scale = units[String(unit)],
                let amount = Double("0" + number + (number.last == "." ? "0" : ""))
            else { throw .syntax }
            total += amount * scale
        }
        guard total < 9.2e18 else { throw .syntax }
        return Int64((sign * total).rounded())
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "\u{b5}s": 1e3, "\u{3bc}s": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10,
        "h": 3.6e12,
    ]

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
