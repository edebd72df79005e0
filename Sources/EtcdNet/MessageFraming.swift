//  gRPC's framing: a byte of flags, four bytes of length, then the message.

package import RuntimeCore

/// Cuts a stream of bytes into messages. A value type: the whole state of one stream's input.
package struct MessageFraming {
    package static let headBytes = 5
    /// Space is taken for so many times what is there, not for all that a length promises.
    private static let reserveFactor = 4

    package enum Step {
        /// All of the bytes were used, and they end no message.
        case needsMore
        /// The first `used` bytes end this message.
        case message(Bytes, flags: UInt8, used: Int)
        case tooLarge(Int)
    }

    private var flags: UInt8 = 0
    private var headCount = 0
    private var length = 0
    private var body: [UInt8] = []

    package init() {}

    /// Whether the stream may end here.
    package var isBetweenMessages: Bool { headCount == 0 }

    /// Bytes held of a message that is not whole.
    package var heldBytes: Int { body.count }

    /// - Parameter messageBytesMax: the longest message that is let pass.
    package mutating func next(
        _ bytes: UnsafeRawBufferPointer, messageBytesMax: Int
    ) -> Step {
        var position = 0
        while headCount < MessageFraming.headBytes {
            guard position < bytes.count else { return .needsMore }
            takeHeadByte(bytes[position])
            position += 1
            if headCount == MessageFraming.headBytes, length > messageBytesMax {
                return .tooLarge(length)
            }
        }
        let missing = length - body.count
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...].prefix(missing))
        if rest.count < missing {
            if body.isEmpty {
                body.reserveCapacity(min(length, MessageFraming.reserveFactor * rest.count))
            }
            body.append(contentsOf: rest)
            return .needsMore
        }
        let message: [UInt8]
        if body.isEmpty {
            // The usual case: all of it in one piece.
            message = Array(rest)
        } else {
            body.append(contentsOf: rest)
            message = body
            body = []
        }
        headCount = 0
        length = 0
        return .message(Bytes(message), flags: flags, used: position + rest.count)
    }

    private mutating func takeHeadByte(_ byte: UInt8) {
        if headCount == 0 { flags = byte } else { length = length << 8 | Int(byte) }
        headCount += 1
    }
}
