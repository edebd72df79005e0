//  The message stream (spec peer-and-disk 2.3): length and message, again and again. A heartbeat
//  between nobody and nobody keeps an idle link alive.

import EtcdProto
package import NIOCore
package import Raft
import RuntimeCore

package enum MessageCodec {
    /// Appends one message with its length.
    package static func encode(_ message: Message, into output: inout [UInt8]) {
        output.appendBigEndian(UInt64(message.encodedSize))
        message.encode(into: &output)
    }

    package static func encodeLinkHeartbeat(into output: inout [UInt8]) {
        encode(Message(.heartbeat), into: &output)
    }

    static func isLinkHeartbeat(_ message: Message) -> Bool {
        message.kind == .heartbeat && message.from == .none && message.to == .none
    }
}

/// Cuts the chunks of a message stream into messages. After an error it must not be fed again.
package struct MessageDecoder {
    private var buffer = PeerFrameBuffer()

    package init() {}

    /// Appends every message that is whole now; link heartbeats are dropped.
    package mutating func feed(_ chunk: ByteBuffer, into messages: inout [Message])
        throws(PeerCodecError)
    {
        buffer.append(chunk)
        while let length = try buffer.length(at: 0), buffer.count - 8 >= length {
            let message: Message
            do {
                message = try Message(decoding: buffer.slice(at: 8, count: length))
            } catch {
                throw .malformed(error)
            }
            buffer.consume(8 + length)
            if MessageCodec.isLinkHeartbeat(message) { continue }
            try PeerMessageCheck.check(message)
            messages.append(message)
        }
    }
}
