//  Percent coding as Go's net/url does it, because paths, queries and forms that etcd accepts,
//  refuses or answers with are defined by that.

import RuntimeCore

enum PercentCoding {
    /// `text` is what Go quotes: the bad escape, at most three bytes.
    struct InvalidEscape: Error {
        let text: Bytes
    }

    /// Decodes `%XX`, and `+` as a space where `plusIsSpace`. Costs nothing when there is nothing
    /// to decode.
    static func decode(_ bytes: Bytes, plusIsSpace: Bool) throws(InvalidEscape) -> Bytes {
        let needsWork = bytes.withUnsafeBytes { buffer in
            buffer.contains { byte in
                byte == UInt8(ascii: "%") || (plusIsSpace && byte == UInt8(ascii: "+"))
            }
        }
        if !needsWork { return bytes }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "%") {
                guard position + 2 < bytes.count, let high = hexValue(bytes[position + 1]),
                    let low = hexValue(bytes[position + 2])
                else {
                    throw InvalidEscape(text: bytes.dropFirst(position).prefix(3))
                }
                output.append(high << 4 | low)
                position += 3
            } else {
                let isSpace = plusIsSpace && byte == UInt8(ascii: "+")
                output.append(isSpace ? 0x20 : byte)
                position += 1
            }
        }
        return Bytes(output)
    }

    /// A path as it is written into a Location header.
    static func encodePath(_ path: Bytes) -> String {
        var output: [UInt8] = []
        for position in 0..<path.count {
            let byte = path[position]
            if isLiteralInPath(byte) { output.append(byte) } else { appendEscape(byte, &output) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Header values are ASCII: whatever else stands in a query is escaped.
    static func escapeNonASCII(_ bytes: Bytes) -> String {
        var output: [UInt8] = []
        for position in 0..<bytes.count {
            let byte = bytes[position]
            if byte < 0x80 { output.append(byte) } else { appendEscape(byte, &output) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func appendEscape(_ byte: UInt8, _ output: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        output.append(UInt8(ascii: "%"))
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
    }

    private static func isLiteralInPath(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: literalPunctuation.contains(byte)
        }
    }

    private static let literalPunctuation = Array("-_.~$&+,/:;=@".utf8)

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
