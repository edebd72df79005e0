//  The fields of a request head: their grammar, and those that decide about framing.

extension HTTP1HeadParser {
    mutating func parseField(_ line: UnsafeRawBufferPointer) throws(HTTP1Refusal) {
        guard let colon = ASCII.index(of: ASCII.colon, in: line) else { throw .malformed }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        let value = Self.trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
        // Go tolerates a field without a name by skipping it.
        if name.isEmpty { return }
        guard head.fields.count < HTTPServerLimits.headerFieldsMax else { throw .tooLarge }
        guard ASCII.isToken(name) else {
            refusal = refusal ?? .headerName
            return
        }
        if !ASCII.isFieldValue(value) { refusal = refusal ?? .headerValue }
        let text = String(decoding: value, as: UTF8.self)
        head.fields.append((ASCII.text(name), text))
        try noteFraming(name: name, value: value, text: text)
    }

    /// Most names fall through on their length alone.
    private mutating func noteFraming(
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, text: String
    ) throws(HTTP1Refusal) {
        switch name.count {
        case 4 where ASCII.equals(name, "host"):
            guard !hasHost else { throw .malformed }
            hasHost = true
            for byte in value where !ASCII.isHostByte(byte) {
                refusal = refusal ?? .malformedHost
            }
            host = text
        case 6 where ASCII.equals(name, "expect"):
            if !value.isEmpty {
                head.expectation =
                    Self.hasToken(value, "100-continue") ? .proceed : .unknown
            }
        case 10 where ASCII.equals(name, "connection"):
            if Self.hasToken(value, "close") { wantsClose = true }
            if Self.hasToken(value, "keep-alive") { wantsKeepAlive = true }
            if Self.hasToken(value, "upgrade") { head.wantsUpgrade = true }
        case 14 where ASCII.equals(name, "content-length"):
            try noteContentLength(value)
        case 17 where ASCII.equals(name, "transfer-encoding"):
            transferEncodings += 1
            isChunked = ASCII.equals(value, "chunked")
        default:
            break
        }
    }

    private mutating func noteContentLength(
        _ value: UnsafeRawBufferPointer
    ) throws(HTTP1Refusal) {
        var length: Int?
        if !value.isEmpty {
            // 18 digits cannot overflow.
            guard value.count <= 18, value.allSatisfy(ASCII.isDigit) else { throw .malformed }
            length = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }
        guard !hasContentLength || length == contentLength else { throw .malformed }
        hasContentLength = true
        contentLength = length
    }

    static func hasToken(_ value: UnsafeRawBufferPointer, _ token: StaticString) -> Bool {
        var start = 0
        while start <= value.count {
            let end = ASCII.index(of: UInt8(ascii: ","), in: value, from: start) ?? value.count
            let part = trimmed(UnsafeRawBufferPointer(rebasing: value[start..<end]))
            if ASCII.equals(part, token) { return true }
            start = end + 1
        }
        return false
    }

    /// Framing and the checks that need all fields, in the order in which Go makes them.
    mutating func finished() throws(HTTP1Refusal) -> HTTP1Head {
        if head.isHTTP10 {
            // Go ignores Transfer-Encoding in HTTP/1.0 requests. The connection closes after the
            // answer, so that what follows can never be taken for another request.
            if transferEncodings > 0 {
                guard !hasContentLength else { throw .malformed }
                wantsClose = true
            }
        } else if transferEncodings > 0 {
            guard transferEncodings == 1, isChunked else { throw .transferEncoding }
            // Two lengths are how requests are smuggled past a proxy; Go trusts the chunks.
            guard !hasContentLength else { throw .malformed }
            head.body = .chunked
        }
        if let length = contentLength, length > 0 { head.body = .fixed(length) }
        if refusal == .version { throw .version }
        if !head.isHTTP10, !hasHost, head.method != "CONNECT" { throw .missingHost }
        if let refusal { throw refusal }
        if let targetHost { replaceHost(with: targetHost) }
        head.keepAlive = head.isHTTP10 ? wantsKeepAlive && !wantsClose : !wantsClose
        return head
    }

    /// The authority of an absolute target replaces the Host field.
    private mutating func replaceHost(with authority: String) {
        head.fields.removeAll { $0.0.utf8.count == 4 && $0.0.lowercased() == "host" }
        head.fields.append(("Host", authority))
    }
}
