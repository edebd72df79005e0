//  Byte classes of the HTTP grammar.

import Glibc

enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")

    /// One bit per byte below 64 and from 64 to 127: letters, digits and ``!#$%&'*+-.^_`|~``.
    private static let lowTokenBits: UInt64 = 0x03FF_6CFA_0000_0000
    private static let highTokenBits: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return lowTokenBits >> UInt64(byte) & 1 == 1 }
        return byte < 128 && highTokenBits >> UInt64(byte - 64) & 1 == 1
    }

    /// Whether `bytes` are all of a token; true when empty.
    static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<bytes.count where !isToken(bytes[index]) { return false }
        return true
    }

    /// No control character except the tab; bytes beyond ASCII are allowed.
    static func isFieldValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Without a way out of the loop the compiler takes many bytes at a time.
        var bad: UInt8 = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            let isControl = (byte < 0x20 && byte != tab) || byte == 0x7F
            bad |= isControl ? 1 : 0
        }
        return bad == 0
    }

    /// Where `byte` first occurs at or after `start`.
    @inline(__always)
    static func index(
        of byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(byte), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
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

    /// Letters, digits and `!$%&'()*+,-.:;=[]_~`: what Go lets pass in a Host header.
    private static let lowHostBits: UInt64 = 0x2FFF_7FF2_0000_0000
    private static let highHostBits: UInt64 = 0x47FF_FFFE_AFFF_FFFE

    @inline(__always)
    static func isHostByte(_ byte: UInt8) -> Bool {
        if byte < 64 { return lowHostBits >> UInt64(byte) & 1 == 1 }
        return byte < 128 && highHostBits >> UInt64(byte - 64) & 1 == 1
    }

    /// `bytes` as text. What nearly every request contains costs a comparison, not a new string.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        switch bytes.count {
        case 3 where bytes.equals("GET"): "GET"
        case 3 where bytes.equals("PUT"): "PUT"
        case 4 where bytes.equals("Host"): "Host"
        case 4 where bytes.equals("POST"): "POST"
        case 6 where bytes.equals("Accept"): "Accept"
        case 10 where bytes.equals("User-Agent"): "User-Agent"
        case 12 where bytes.equals("Content-Type"): "Content-Type"
        case 14 where bytes.equals("Content-Length"): "Content-Length"
        default: String(decoding: bytes, as: UTF8.self)
        }
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

extension UnsafeRawBufferPointer {
    /// Byte by byte.
    package func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && begins(with: text)
    }

    package func begins(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount, let start = baseAddress else {
            return text.utf8CodeUnitCount == 0
        }
        return memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
}
