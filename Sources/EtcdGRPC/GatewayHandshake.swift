//  What a WebSocket handshake says about the call to come: browsers cannot add header fields to it,
//  so that the token travels as a subprotocol or as a cookie (spec grpc-v3 13).

import EtcdNet

import struct NIOHTTP1.HTTPHeaders

enum GatewayHandshake {
    static let scheme = "Bearer"
    private static let cookieName = "token"

    /// The subprotocol to answer with.
    static func subprotocol(_ headers: HTTPHeaders) -> String? {
        let wanted = headers.first(name: "sec-websocket-protocol") ?? ""
        return wanted.hasPrefix(scheme) ? scheme : nil
    }

    /// The request that the gateway serves for the socket. Of the handshake's fields only those
    /// that carry a token concern a call; the client's own Authorization is not among them.
    static func innerRequest(of head: HTTPRequestHead) -> HTTPRequestHead {
        var inner = head
        inner.method = "POST"
        inner.asksForWebSocket = false
        inner.headers = HTTPHeaders()
        if let authorization = authorization(head.headers) {
            inner.headers.add(name: "Authorization", value: authorization)
        }
        return inner
    }

    /// A cookie wins over a subprotocol; a subprotocol without a token is a token that is none.
    static func authorization(_ headers: HTTPHeaders) -> String? {
        if let token = cookie(headers) { return "\(scheme) \(token)" }
        guard let wanted = headers.first(name: "sec-websocket-protocol"), !wanted.isEmpty else {
            return nil
        }
        let mark = scheme + ","
        guard let found = wanted.ranges(of: mark).first else { return "" }
        let token = wanted[found.upperBound...].drop { $0 == " " }
        return "\(scheme) \(token)"
    }

    /// The first proper cookie of our name, without quotes around its value (RFC 6265 4.2.1).
    private static func cookie(_ headers: HTTPHeaders) -> String? {
        for field in headers["cookie"] {
            for pair in field.split(separator: ";") {
                let parts = trimmed(pair).split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0] == cookieName else { continue }
                var value = parts[1]
                if value.count > 1, value.first == "\"", value.last == "\"" {
                    value = value.dropFirst().dropLast()
                }
                if value.utf8.allSatisfy(isCookieByte) { return String(value) }
            }
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static func isCookieByte(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
