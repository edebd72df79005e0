//  The head of an HTTP/1.1 request, taken apart in one pass once it is there completely. What is
//  accepted and what is refused follows Go's net/http, byte for byte where clients can see it.

/// A request that cannot be served at all: the answer, after which the connection closes.
struct HTTP1Refusal: Error, Equatable {
    /// Status and reason, for instance `400 Bad Request: missing required Host header`.
    let status: String
    /// Go repeats the status in the body, with one exception.
    let body: String

    private init(_ status: String, body: String? = nil) {
        self.status = status
        self.body = body ?? status
    }

    private static func badRequest(_ reason: String) -> HTTP1Refusal {
        HTTP1Refusal("400 Bad Request: " + reason)
    }

    static let malformed = HTTP1Refusal("400 Bad Request")
    static let missingHost = badRequest("missing required Host header")
    static let malformedHost = badRequest("malformed Host header")
    static let headerName = badRequest("invalid header name")
    static let headerValue = badRequest("invalid header value")
    static let tooLarge = HTTP1Refusal("431 Request Header Fields Too Large")
    static let bodyTooLarge = HTTP1Refusal("413 Request Entity Too Large")
    static let transferEncoding = HTTP1Refusal(
        "501 Not Implemented", body: "Unsupported transfer encoding")
    static let version = HTTP1Refusal(
        "505 HTTP Version Not Supported: unsupported protocol version")

    /// The whole answer on the wire.
    var wire: String {
        "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Connection: close\r\n\r\n\(body)"
    }
}

struct HTTP1Head {
    enum Body: Equatable { case none, fixed(Int), chunked }

    enum Expectation { case none, proceed, unknown }

    var method = ""
    var target = ""
    var isHTTP10 = false
    var fields: [(String, String)] = []
    var body = Body.none
    var keepAlive = true
    var expectation = Expectation.none
    /// The client would rather speak another protocol on this connection.
    var wantsUpgrade = false

    var isHEAD: Bool { method == "HEAD" }
    /// Safe in the sense of RFC 9110: may be answered while earlier safe requests still are.
    var isSafe: Bool { method == "GET" || method == "HEAD" || method == "OPTIONS" }
}

/// Parses one complete head: all bytes up to and including the empty line.
struct HTTP1HeadParser {
    var head = HTTP1Head()
    var host: String?
    var targetHost: String?
    var hasHost = false
    var contentLength: Int?
    var hasContentLength = false
    var transferEncodings = 0
    var isChunked = false
    var wantsClose = false
    var wantsKeepAlive = false
    var refusal: HTTP1Refusal?

    static func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTP1Refusal) -> HTTP1Head {
        var parser = HTTP1HeadParser()
        parser.head.fields.reserveCapacity(8)
        var position = parser.lineEnd(in: bytes, from: 0)
        try parser.parseRequestLine(parser.line(in: bytes, 0, position))
        position += 1
        if position < bytes.count, isBlank(bytes[position]) { throw .malformed }
        while position < bytes.count {
            let start = position
            position = parser.lineEnd(in: bytes, from: position) + 1
            var line = parser.line(in: bytes, start, position - 1)
            if line.isEmpty { break }
            if position < bytes.count, isBlank(bytes[position]) {
                let folded = parser.unfold(bytes, first: line, position: &position)
                // Closures of the standard library's rethrowing functions lose the error's type.
                try folded.withUnsafeBytes { raw in
                    Result { () throws(HTTP1Refusal) in try parser.parseField(raw) }
                }.get()
            } else {
                line = trimmed(line)
                try parser.parseField(line)
            }
        }
        return try parser.finished()
    }

    /// Checks a request line that is complete while its fields are still to come.
    static func check(requestLine bytes: UnsafeRawBufferPointer) throws(HTTP1Refusal) {
        var parser = HTTP1HeadParser()
        try parser.parseRequestLine(
            parser.line(in: bytes, 0, parser.lineEnd(in: bytes, from: 0)))
    }

    // MARK: Lines

    private func lineEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        ASCII.index(of: ASCII.lineFeed, in: bytes, from: start) ?? bytes.count
    }

    private func line(
        in bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> UnsafeRawBufferPointer {
        let end = end > start && bytes[end - 1] == ASCII.carriageReturn ? end - 1 : end
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// A field that continues on lines beginning with a blank, joined by single spaces.
    private func unfold(
        _ bytes: UnsafeRawBufferPointer, first: UnsafeRawBufferPointer, position: inout Int
    ) -> [UInt8] {
        var joined = Array(Self.trimmed(first))
        while position < bytes.count, Self.isBlank(bytes[position]) {
            let end = lineEnd(in: bytes, from: position)
            joined.append(ASCII.space)
            joined.append(contentsOf: Self.trimmed(line(in: bytes, position, end)))
            position = end + 1
        }
        return joined
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }

    static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = bytes.count
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }
}

// MARK: - Request line

extension HTTP1HeadParser {
    mutating func parseRequestLine(
        _ line: UnsafeRawBufferPointer
    ) throws(HTTP1Refusal) {
        guard let methodEnd = ASCII.index(of: ASCII.space, in: line),
            let targetEnd = ASCII.index(of: ASCII.space, in: line, from: methodEnd + 1)
        else { throw .malformed }
        let method = UnsafeRawBufferPointer(rebasing: line[..<methodEnd])
        let target = UnsafeRawBufferPointer(rebasing: line[(methodEnd + 1)..<targetEnd])
        try parseVersion(UnsafeRawBufferPointer(rebasing: line[(targetEnd + 1)...]))
        guard !method.isEmpty, ASCII.isToken(method) else { throw .malformed }
        head.method = ASCII.text(method)
        try parseTarget(target)
    }

    /// `HTTP/1.1`
    private static let http11: UInt64 = 0x4854_5450_2F31_2E31

    mutating func parseVersion(
        _ version: UnsafeRawBufferPointer
    ) throws(HTTP1Refusal) {
        guard version.count == 8 else { throw .malformed }
        let word = UInt64(bigEndian: version.loadUnaligned(as: UInt64.self))
        if word == Self.http11 { return }
        guard word & 0xFFFF_FFFF_FF00_FF00 == Self.http11 & 0xFFFF_FFFF_FF00_FF00,
            ASCII.isDigit(version[5]), ASCII.isDigit(version[7])
        else { throw .malformed }
        // Go reports this only after the fields; nothing that follows can change the answer.
        if version[5] != UInt8(ascii: "1") { refusal = .version }
        head.isHTTP10 = version[7] == UInt8(ascii: "0")
    }

    mutating func parseTarget(
        _ target: UnsafeRawBufferPointer
    ) throws(HTTP1Refusal) {
        var isPlain = !target.isEmpty
        for byte in target where byte < 0x21 || byte >= 0x7F {
            guard byte >= 0x80 else { throw .malformed }
            isPlain = false
        }
        guard !target.isEmpty else { throw .malformed }
        if target[0] == ASCII.slash, isPlain {
            head.target = String(decoding: target, as: UTF8.self)
            try checkPath(target)
            return
        }
        if target.count == 1, target[0] == UInt8(ascii: "*") {
            head.target = "*"
            return
        }
        try parseUnusualTarget(target)
    }

    /// Absolute form, the authority of a CONNECT, and bytes beyond ASCII, which are escaped so
    /// that the text keeps them.
    mutating func parseUnusualTarget(
        _ target: UnsafeRawBufferPointer
    ) throws(HTTP1Refusal) {
        var rest = target[...]
        if target[0] != ASCII.slash, head.method != "CONNECT" {
            guard let colon = target.firstIndex(of: ASCII.colon), colon > 0,
                target[..<colon].allSatisfy(ASCII.isSchemeByte), ASCII.isLetter(target[0]),
                target[(colon + 1)...].starts(with: "//".utf8)
            else { throw .malformed }
            let start = colon + 3
            let end = target[start...].firstIndex {
                $0 == ASCII.slash || $0 == UInt8(ascii: "?")
            }
            targetHost = String(decoding: target[start..<(end ?? target.count)], as: UTF8.self)
            rest = target[(end ?? target.count)...]
        }
        var text: [UInt8] = rest.first == ASCII.slash ? [] : [ASCII.slash]
        for byte in rest {
            if byte < 0x80 {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(PercentCoding.upperHexDigits[Int(byte >> 4)])
                text.append(PercentCoding.upperHexDigits[Int(byte & 15)])
            }
        }
        head.target = String(decoding: text, as: UTF8.self)
        try text.withUnsafeBytes { raw in
            Result { () throws(HTTP1Refusal) in try checkPath(raw) }
        }.get()
    }

    private func checkPath(_ target: UnsafeRawBufferPointer) throws(HTTP1Refusal) {
        guard ASCII.index(of: UInt8(ascii: "%"), in: target) != nil else { return }
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        guard PercentCoding.isValid(path: UnsafeRawBufferPointer(rebasing: target[..<end])) else {
            throw .malformed
        }
    }
}
