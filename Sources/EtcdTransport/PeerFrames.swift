//  The bytes of a peer stream between arriving in chunks and being whole frames, and the error that
//  ends a stream whose bytes make no sense.

import NIOCore
package import Protobuf
import RuntimeCore

/// What a peer sent cannot be what it meant to send. The stream it came over is of no more use.
package enum PeerCodecError: Error, Sendable, Hashable, CustomStringConvertible {
    case tooLong(UInt64)
    case unknownFrame(UInt8)
    case malformed(ProtobufError)
    /// Well-formed, but nothing that a member would send.
    case implausible(String)

    package var description: String {
        switch self {
        case .tooLong(let length):
            "announced length \(length) is over the limit of \(Limits.peerMessageBytesMax) bytes"
        case .unknownFrame(let kind): "unknown frame type \(kind)"
        case .malformed(let error): "\(error)"
        case .implausible(let reason): reason
        }
    }
}

/// Bytes that arrived but do not make a whole frame yet.
///
/// Each chunk is copied once; what is cut from it shares the copy. Memory follows the bytes that
/// arrived, never a length that was announced.
struct PeerFrameBuffer {
    private var storage: [UInt8] = []
    /// Invariant: `0 <= position <= storage.count`; what lies before it was consumed.
    private var position = 0

    var count: Int { storage.count - position }

    mutating func append(_ chunk: ByteBuffer) {
        if position == storage.count {
            storage = Array(chunk.readableBytesView)
            position = 0
            return
        }
        if position > 0 {
            // Slices of the old storage may still be in use: start a new one for the rest.
            var rest: [UInt8] = []
            rest.reserveCapacity(count + chunk.readableBytes)
            rest.append(contentsOf: storage[position...])
            storage = rest
            position = 0
        }
        storage.append(contentsOf: chunk.readableBytesView)
    }

    /// The byte `offset` places after what was consumed, if it has arrived.
    func byte(at offset: Int) -> UInt8? {
        offset < count ? storage[position + offset] : nil
    }

    /// The 8-byte big-endian number at `offset`, if it has arrived.
    func number(at offset: Int) -> UInt64? {
        guard offset + 8 <= count else { return nil }
        let first = position + offset
        var value: UInt64 = 0
        for place in first..<first + 8 { value = value << 8 | UInt64(storage[place]) }
        return value
    }

    /// The 8-byte length at `offset`, if it has arrived and stays within the limit.
    func length(at offset: Int) throws(PeerCodecError) -> Int? {
        guard let value = number(at: offset) else { return nil }
        if value > UInt64(Limits.peerMessageBytesMax) { throw .tooLong(value) }
        return Int(value)
    }

    /// A slice that starts `offset` places after what was consumed; it must have arrived.
    func slice(at offset: Int, count: Int) -> Bytes {
        Bytes(storage)[position + offset..<position + offset + count]
    }

    mutating func consume(_ number: Int) {
        precondition(number <= count)
        position += number
        if position == storage.count {
            storage = []
            position = 0
        }
    }
}

extension [UInt8] {
    mutating func appendBigEndian(_ value: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
