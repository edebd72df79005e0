//  The rules of HTTP/2 for the fields of a request (RFC 9113, 8.2 and 8.3). The library has them
//  too, but cannot be told to let an authority pass that is none: gRPC clients of etcd put URLs
//  and names of their own there, and Go's server takes them. So its checks of messages are off as a
//  whole, and these take their place.

import CNGHTTP2

/// Looks at one field block at a time, field by field: the head of a request, or its trailers.
/// Confined to the event loop of its connection.
struct HTTP2FieldCheck {
    private struct Seen: OptionSet {
        var rawValue: UInt8

        static let method = Seen(rawValue: 1)
        static let scheme = Seen(rawValue: 2)
        static let path = Seen(rawValue: 4)
        static let authority = Seen(rawValue: 8)
        static let regularField = Seen(rawValue: 16)
    }

    private var seen: Seen = []
    private var isTrailers = false
    private var isConnect = false
    private var hasAuthority = false
    private var isMalformed = false
    /// The length of the body by the word of the request's head; `nil` when it does not say.
    private(set) var statedLength: Int?

    /// A new block begins.
    mutating func begin(isTrailers: Bool) {
        self = HTTP2FieldCheck()
        self.isTrailers = isTrailers
    }

    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let isSound =
            if name.first == ASCII.colon {
                notePseudo(name, value)
            } else {
                noteField(name, value)
            }
        if !isSound { isMalformed = true }
    }

    /// There were more, which nobody has looked at.
    mutating func stop() { isMalformed = true }

    /// Whether the block that has ended is one that a request may have there.
    func isSound(endsStream: Bool) -> Bool {
        if isMalformed { return false }
        if isTrailers { return endsStream }
        if endsStream, let statedLength, statedLength != 0 { return false }
        if isConnect { return hasAuthority && seen.isDisjoint(with: [.scheme, .path]) }
        return seen.isSuperset(of: [.method, .scheme, .path])
    }

    // MARK: fields

    private mutating func notePseudo(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        guard !isTrailers, !seen.contains(.regularField) else { return false }
        if name.equals(":method") {
            isConnect = value.equals("CONNECT")
            return isFirst(.method) && Self.passes(value, nghttp2_check_method)
        } else if name.equals(":path") {
            return isFirst(.path) && !value.isEmpty && Self.passes(value, nghttp2_check_path)
        } else if name.equals(":scheme") {
            return isFirst(.scheme) && Self.isScheme(value)
        } else if name.equals(":authority") {
            hasAuthority = !value.isEmpty
            return isFirst(.authority) && Self.passes(value, nghttp2_check_header_value)
        }
        return false
    }

    private mutating func isFirst(_ field: Seen) -> Bool { seen.insert(field).inserted }

    private mutating func noteField(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        seen.insert(.regularField)
        guard Self.passes(name, nghttp2_check_header_name),
            Self.passes(value, nghttp2_check_header_value)
        else { return false }
        switch name.count {
        case 2 where name.equals("te"): return ASCII.equals(value, "trailers")
        case 7: return !name.equals("upgrade")
        case 10: return !name.equals("connection") && !name.equals("keep-alive")
        case 14 where name.equals("content-length"): return noteLength(value)
        case 16: return !name.equals("proxy-connection")
        case 17: return !name.equals("transfer-encoding")
        default: return true
        }
    }

    private mutating func noteLength(_ value: UnsafeRawBufferPointer) -> Bool {
        // 18 digits cannot overflow.
        guard !isTrailers, statedLength == nil, !value.isEmpty, value.count <= 18,
            value.allSatisfy(ASCII.isDigit)
        else { return false }
        statedLength = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return true
    }

    // MARK: text

    private static func isScheme(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first, ASCII.isLetter(first) else { return false }
        return text.allSatisfy(ASCII.isSchemeByte)
    }

    /// Asks one of the library's tables of octets.
    private static func passes(
        _ text: UnsafeRawBufferPointer, _ check: (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Bool {
        check(text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count) != 0
    }
}
