//  The request that turns an HTTP/1.1 connection into a WebSocket (RFC 6455 4.2), with the choices
//  of the library that etcd uses: the key may be any text, the version of HTTP does not matter.

import Crypto
import FoundationEssentials
import NIOHTTP1

package enum WebSocketHandshake {
    package static let version = "13"
    private static let acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Whether a client that wants another protocol means WebSocket.
    static func isMeant(by headers: HTTPHeaders) -> Bool {
        hasToken("websocket", headers[canonicalForm: "upgrade"])
    }

    /// The status to refuse a handshake with; `nil` for a proper one.
    package static func refusal(of head: HTTPRequestHead) -> Int? {
        if head.method != "GET" { return 405 }
        if !hasToken(version, head.headers[canonicalForm: "sec-websocket-version"]) { return 400 }
        return key(of: head.headers).isEmpty ? 400 : nil
    }

    /// The whole answer to a proper handshake.
    static func answer(to headers: HTTPHeaders, subprotocol: String?) -> String {
        let digest = Insecure.SHA1.hash(data: Data((key(of: headers) + acceptSuffix).utf8))
        var text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        text += "Connection: Upgrade\r\n"
        text += "Sec-WebSocket-Accept: \(Data(digest).base64EncodedString())\r\n"
        if let subprotocol { text += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
        return text + "\r\n"
    }

    private static func key(of headers: HTTPHeaders) -> String {
        headers.first(name: "sec-websocket-key") ?? ""
    }

    private static func hasToken(_ token: String, _ values: [Substring]) -> Bool {
        values.contains { $0.lowercased() == token }
    }
}
