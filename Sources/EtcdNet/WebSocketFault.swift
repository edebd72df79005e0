//  What clients do that RFC 6455 forbids, in the words of the library that etcd uses.

import NIOCore
import NIOWebSocket

/// Why the server closes a WebSocket: the content of its closing frame.
struct WebSocketFault: Error, Equatable {
    let code: UInt16
    let text: String

    private init(_ text: String, code: UInt16 = 1_002) {
        self.code = code
        self.text = text
    }

    /// The payload of the closing frame.
    var payload: ByteBuffer {
        var payload = ByteBuffer(integer: code)
        payload.writeString(text)
        return payload
    }

    static let unmasked = WebSocketFault("incorrect mask flag")
    static let unfinishedMessage = WebSocketFault("message start before final message frame")
    static let strayContinuation = WebSocketFault("continuation after final message frame")
    static let closeCode = WebSocketFault("invalid close code")
    static let closeText = WebSocketFault("invalid utf8 payload in close frame")
    static let undecodable = WebSocketFault("")
    static let tooLarge = WebSocketFault("", code: 1_009)

    /// What the decoder refuses by itself.
    init(_ error: NIOWebSocketError) {
        switch error {
        case .fragmentedControlFrame: self.init("control frame not final")
        case .multiByteControlFrameLength: self.init("control frame length > 125")
        case .invalidFrameLength: self = .tooLarge
        }
    }

    /// What is wrong with a frame whatever came before it.
    static func check(_ frame: WebSocketFrame) throws(WebSocketFault) {
        let reserved = (frame.rsv1 ? 0x40 : 0) | (frame.rsv2 ? 0x20 : 0) | (frame.rsv3 ? 0x10 : 0)
        if reserved != 0 {
            throw WebSocketFault("unexpected reserved bits 0x" + String(reserved, radix: 16))
        }
        switch frame.opcode {
        case .continuation, .text, .binary, .connectionClose, .ping, .pong: break
        default:
            throw WebSocketFault("unknown opcode \(UInt8(webSocketOpcode: frame.opcode))")
        }
        if frame.maskKey == nil { throw .unmasked }
    }

    /// The payload of the closing frame that answers a client's.
    static func answer(toClosing payload: ByteBuffer) throws(WebSocketFault) -> ByteBuffer {
        var rest = payload
        guard let code = rest.readInteger(as: UInt16.self) else { return ByteBuffer() }
        switch code {
        case 1000...1003, 1007...1013, 3000...4999: break
        default: throw .closeCode
        }
        let text = Array(rest.readableBytesView)
        guard String(validating: text, as: UTF8.self) != nil else { throw .closeText }
        return ByteBuffer(integer: code)
    }
}
