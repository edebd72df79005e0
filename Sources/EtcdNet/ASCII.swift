//  Byte classes of the HTTP grammar.

enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")

    /// One bit per byte below 128: letters, digits and ``!#$%&'*+-.^_`|~``.
    private static let tokenBits: (UInt64, UInt64) = {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in "!#$%&'*+-.^_`|~".utf8 { mark(byte) }
        for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { mark(byte) }
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") { mark(byte) }
        for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { mark(byte) }
        func mark(_ byte: UInt8) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        return (low, high)
    }()

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return tokenBits.0 >> UInt64(byte) & 1 == 1 }
        return byte < 128 && tokenBits.1 >> UInt64(byte - 64) & 1 == 1
    }

    /// No control character except the tab; bytes beyond ASCII are allowed.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == tab
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        let lowered = byte | 0x20
        return lowered >= UInt8(ascii: "a") && lowered <= UInt8(ascii: "z")
    }

    static func isSchemeByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: "-") || byte == dot
    }

    /// What Go lets pass in a Host header.
    static func isHostByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "!$%&'()*+,-.:;=[]_~".utf8.contains(byte)
    }

    /// ASCII letters compared without case; `lowercase` must be in lower case.
    @inline(__always)
    static func equals(_ bytes: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        let wanted = lowercase.utf8Start
        for index in 0..<bytes.count {
            var byte = bytes[index]
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") { byte |= 0x20 }
            if byte != wanted[index] { return false }
        }
        return true
    }
}
