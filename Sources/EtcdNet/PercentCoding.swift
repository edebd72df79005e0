//  Percent escapes, Go's quoting of text in error messages, and cleaning of paths.

package import RuntimeCore

package enum PercentCoding {
    /// Replaces `%XX`, and `+` by a space if `plusIsSpace`. A bad escape is reported as Go does,
    /// with up to three bytes from the percent sign on.
    static func decode(
        _ text: some Collection<UInt8>, plusIsSpace: Bool
    ) throws(TargetError) -> Bytes {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = text.startIndex
        while index != text.endIndex {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "%"):
                let escape = Array(text[index...].prefix(3))
                guard escape.count == 3, let high = hexValue(escape[1]),
                    let low = hexValue(escape[2])
                else { throw .escape(escape) }
                decoded.append(high << 4 | low)
                index = text.index(index, offsetBy: 3)
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(UInt8(ascii: " "))
                index = text.index(after: index)
            default:
                decoded.append(byte)
                index = text.index(after: index)
            }
        }
        return Bytes(decoded)
    }

    /// The text without its `%XX`; `nil` when one of them is none.
    package static func decoded(_ text: String) -> String? {
        try? decode(text.utf8, plusIsSpace: false).text
    }

    /// Whether every percent sign in `path` begins a valid escape.
    static func isValid(path: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < path.count {
            if path[index] == UInt8(ascii: "%") {
                guard index + 2 < path.count, hexValue(path[index + 1]) != nil,
                    hexValue(path[index + 2]) != nil
                else { return false }
                index += 3
            } else {
                index += 1
            }
        }
        return true
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static let upperHexDigits = Array("0123456789ABCDEF".utf8)

    /// A path as Go writes it into a URL (`Location` headers): unreserved bytes and `$&+,/:;=@`
    /// as they are, everything else as `%XX`.
    package static func encode(path: Bytes) -> String {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(path.count)
        for position in 0..<path.count {
            let byte = path[position]
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "$"), UInt8(ascii: "&"),
                UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "/"), UInt8(ascii: ":"),
                UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "@"):
                encoded.append(byte)
            default:
                encoded.append(UInt8(ascii: "%"))
                encoded.append(upperHexDigits[Int(byte >> 4)])
                encoded.append(upperHexDigits[Int(byte & 15)])
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}

package enum PathCleaning {
    /// The path that Go's request router redirects to: rooted, without empty, `.` and `..`
    /// elements, a final slash kept. Equal to `path` when no redirect is due.
    package static func cleaned(_ path: Bytes) -> Bytes {
        guard needsCleaning(path) else { return path }
        let slash = UInt8(ascii: "/")
        var elements: [Bytes] = []
        var start = 0
        while start < path.count {
            var end = start
            while end < path.count, path[end] != slash { end += 1 }
            let element = path[start..<end]
            if element == Bytes("..") {
                _ = elements.popLast()
            } else if !element.isEmpty, element != Bytes(".") {
                elements.append(element)
            }
            start = end + 1
        }
        var result: [UInt8] = []
        for element in elements {
            result.append(slash)
            element.withUnsafeBytes { result.append(contentsOf: $0) }
        }
        if result.isEmpty || (path.count > 0 && path[path.count - 1] == slash) {
            result.append(slash)
        }
        return Bytes(result)
    }

    /// One pass for the usual case of a path that is clean already.
    private static func needsCleaning(_ path: Bytes) -> Bool {
        path.withUnsafeBytes { raw in
            guard raw.first == UInt8(ascii: "/") else { return true }
            for index in raw.indices.dropLast() where raw[index] == UInt8(ascii: "/") {
                let next = raw[index + 1]
                if next == UInt8(ascii: "/") || next == UInt8(ascii: ".") { return true }
            }
            return false
        }
    }
}

enum GoQuoting {
    /// `bytes` in double quotes as Go's `%q` writes them; enough for the three bytes of an escape.
    static func quoted(_ bytes: some Sequence<UInt8>) -> String {
        var text = "\""
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                text += "\\x" + (digits.count == 1 ? "0" : "") + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
