//  Text forms of values as Go's standard library writes them, where they reach clients.

import Glibc
import RuntimeCore

enum GoText {
    /// RFC 3339 with up to nine decimals, in the zone of the process.
    static func time(_ time: WallTime) -> String {
        let billion: Int64 = 1_000_000_000
        var nanoseconds = time.unixNanoseconds % billion
        var seconds = time_t(time.unixNanoseconds / billion)
        if nanoseconds < 0 {
            nanoseconds += billion
            seconds -= 1
        }
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = padded(Int(parts.tm_year) + 1900, 4)
        text += "-" + padded(Int(parts.tm_mon) + 1, 2) + "-" + padded(Int(parts.tm_mday), 2)
        text += "T" + padded(Int(parts.tm_hour), 2) + ":" + padded(Int(parts.tm_min), 2)
        text += ":" + padded(Int(parts.tm_sec), 2)
        text += decimals(UInt64(nanoseconds), digits: 9)
        let offset = Int(parts.tm_gmtoff) / 60
        if offset == 0 { return text + "Z" }
        let sign = offset < 0 ? "-" : "+"
        return text + sign + padded(abs(offset) / 60, 2) + ":" + padded(abs(offset) % 60, 2)
    }

    /// A number as Go's JSON encoder writes a float64: shortest digits, an exponent only below
    /// 1e-6 and from 1e21 on. Infinities and NaN, which JSON has not, become 0.
    static func number(_ value: Double) -> String {
        if !value.isFinite || value == 0 { return "0" }
        let sign = value < 0 ? "-" : ""
        let (digits, exponent) = decimalParts(abs(value))
        let text = String(decoding: digits, as: UTF8.self)
        if abs(value) < 1e-6 || abs(value) >= 1e21 {
            let tail = digits.count > 1 ? "." + text.dropFirst() : ""
            let mark = exponent < 0 ? "e-" : "e+"
            return sign + text.prefix(1) + tail + mark + String(abs(exponent))
        }
        if exponent < 0 {
            return sign + "0." + String(repeating: "0", count: -exponent - 1) + text
        }
        if digits.count <= exponent + 1 {
            return sign + text + String(repeating: "0", count: exponent + 1 - digits.count)
        }
        return sign + text.prefix(exponent + 1) + "." + text.dropFirst(exponent + 1)
    }

    /// The shortest significant digits, and the power of ten of the first one.
    private static func decimalParts(_ value: Double) -> (digits: [UInt8], exponent: Int) {
        let description = "\(value)"
        let halves = description.split(separator: "e")
        var exponent = halves.count > 1 ? Int(halves[1]) ?? 0 : 0
        let mantissa = halves[0].split(separator: ".")
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        var digits = Array((String(mantissa[0]) + fraction).utf8)
        exponent += mantissa[0].utf8.count - 1
        while digits.count > 1, digits[0] == UInt8(ascii: "0") {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return (digits, exponent)
    }

    /// `.` and the decimals without trailing zeros; nothing for 0.
    private static func decimals(_ value: UInt64, digits: Int) -> String {
        if value == 0 { return "" }
        var text = Substring(padded(Int(value), digits))
        while text.last == "0" { text.removeLast() }
        return "." + text
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
