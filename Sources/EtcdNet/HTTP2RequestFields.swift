//  The fields of an ordinary HTTP/2 request. Their grammar has been checked by `HTTP2FieldCheck`.

import NIOHTTP1

struct HTTP2RequestFields {
    private(set) var method = ""
    private(set) var path = ""
    /// Any text: what Go takes for a host is not limited to names. An empty one is none.
    private(set) var authority: String?
    private(set) var fields: [(String, String)] = []
    let isTooLarge: Bool
    /// Whether a body follows that the client holds back until it is told to go on.
    private(set) var expectsContinue = false

    init(isTooLarge: Bool) { self.isTooLarge = isTooLarge }

    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        if name.first == ASCII.colon {
            addPseudo(name: name, value: value)
        } else if ASCII.equals(name, "host") {
            if authority == nil { authority = String(decoding: value, as: UTF8.self) }
        } else {
            if ASCII.equals(name, "expect"), HTTP1HeadParser.hasToken(value, "100-continue") {
                expectsContinue = true
            }
            fields.append(
                (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
    }

    private mutating func addPseudo(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        if ASCII.equals(name, ":method") {
            method = String(decoding: value, as: UTF8.self)
        } else if ASCII.equals(name, ":path") {
            path = Self.escaped(value)
        } else if ASCII.equals(name, ":authority") {
            if !value.isEmpty { authority = String(decoding: value, as: UTF8.self) }
        }
    }

    /// Bytes beyond ASCII become escapes, so that the text keeps them.
    private static func escaped(_ path: UnsafeRawBufferPointer) -> String {
        guard path.contains(where: { $0 >= 0x80 }) else {
            return String(decoding: path, as: UTF8.self)
        }
        var text: [UInt8] = []
        for byte in path {
            if byte < 0x80 {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(PercentCoding.upperHexDigits[Int(byte >> 4)])
                text.append(PercentCoding.upperHexDigits[Int(byte & 15)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` when the target is malformed.
    func head(_ facts: ConnectionFacts) -> HTTPRequestHead? {
        var path = path
        let isValid = path.withUTF8 { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            guard raw.first == ASCII.slash else {
                return method == "CONNECT" || (method == "OPTIONS" && ASCII.equals(raw, "*"))
            }
            let end = ASCII.index(of: UInt8(ascii: "?"), in: raw) ?? raw.count
            return PercentCoding.isValid(path: UnsafeRawBufferPointer(rebasing: raw[..<end]))
        }
        guard isValid else { return nil }
        var all = fields
        if let authority { all.insert(("host", authority), at: 0) }
        return HTTPRequestHead(
            method: method, target: path, headers: HTTPHeaders(all), version: .http2,
            connection: facts)
    }
}
