//  The append stream (spec peer-and-disk 2.4, `msgappv2`): both sides remember where the log of the
//  stream stands, so that the usual append carries entries and a commit index only.

import EtcdProto
package import NIOCore
package import Raft
import RuntimeCore

/// Where both ends of an append stream believe the log to be.
private struct AppendPosition {
    var term: UInt64 = 0
    var index: UInt64 = 0

    func matches(_ message: Message) -> Bool {
        message.index.rawValue == index && message.logTerm.rawValue == term
            && message.term.rawValue == term
    }

    mutating func follow(_ message: Message) {
        term = message.term.rawValue
        index = (message.entries.last?.index ?? message.index).rawValue
    }
}

private enum FrameKind {
    static let linkHeartbeat: UInt8 = 0
    static let entries: UInt8 = 1
    static let message: UInt8 = 2
}

package struct AppendEncoder {
    private var position = AppendPosition()

    package init() {}

    package mutating func encode(_ message: Message, into output: inout [UInt8]) {
        if message.kind == .append, position.matches(message) {
            output.append(FrameKind.entries)
            output.appendBigEndian(UInt64(message.entries.count))
            for entry in message.entries {
                output.appendBigEndian(UInt64(entry.encodedSize))
                entry.encode(into: &output)
            }
            output.appendBigEndian(message.commit.rawValue)
            position.index += UInt64(message.entries.count)
        } else {
            output.append(FrameKind.message)
            MessageCodec.encode(message, into: &output)
            position.follow(message)
        }
    }

    package static func encodeLinkHeartbeat(into output: inout [UInt8]) {
        output.append(FrameKind.linkHeartbeat)
    }
}

/// Cuts the chunks of an append stream into messages. After an error it must not be fed again.
package struct AppendDecoder {
    private let local: MemberID
    private let remote: MemberID
    private var buffer = PeerFrameBuffer()
    private var position = AppendPosition()
    private var scan: EntriesScan?

    /// - Parameters:
    ///   - local: the reader, which the rebuilt messages are addressed to.
    ///   - remote: the writer, which they come from.
    package init(local: MemberID, remote: MemberID) {
        self.local = local
        self.remote = remote
    }

    /// Appends every message that is whole now; link heartbeats are dropped.
    package mutating func feed(_ chunk: ByteBuffer, into messages: inout [Message])
        throws(PeerCodecError)
    {
        buffer.append(chunk)
        while let kind = buffer.byte(at: 0) {
            let message: Message?
            switch kind {
            case FrameKind.linkHeartbeat:
                buffer.consume(1)
                continue
            case FrameKind.entries: message = try entries()
            case FrameKind.message: message = try whole()
            default: throw .unknownFrame(kind)
            }
            guard let message else { return }
            try PeerMessageCheck.check(message)
            messages.append(message)
        }
    }

    private mutating func whole() throws(PeerCodecError) -> Message? {
        guard let length = try buffer.length(at: 1), buffer.count - 9 >= length else { return nil }
        let message: Message
        do {
            message = try Message(decoding: buffer.slice(at: 9, count: length))
        } catch {
            throw .malformed(error)
        }
        buffer.consume(9 + length)
        position.follow(message)
        return message
    }

    private mutating func entries() throws(PeerCodecError) -> Message? {
        if scan == nil { scan = try EntriesScan(buffer) }
        guard try scan?.advance(in: buffer) == true, let scan,
            let commit = buffer.number(at: scan.offset)
        else { return nil }
        var list: [Entry] = []
        list.reserveCapacity(scan.total)
        var offset = EntriesScan.headerCount
        for _ in 0..<scan.total {
            let length = Int(buffer.number(at: offset)!)
            do {
                list.append(try Entry(decoding: buffer.slice(at: offset + 8, count: length)))
            } catch {
                throw .malformed(error)
            }
            offset += 8 + length
        }
        buffer.consume(offset + 8)
        self.scan = nil
        defer { position.index += UInt64(list.count) }
        return Message(
            .append, to: local, from: remote, term: Term(position.term),
            logTerm: Term(position.term), index: LogIndex(position.index), entries: list,
            commit: LogIndex(commit))
    }
}

/// How far into an entries frame its bytes have arrived, so that a frame that comes in many chunks
/// is walked once.
private struct EntriesScan {
    /// Type and number of entries.
    static let headerCount = 9

    let total: Int
    private var missing: Int
    /// Of the next entry's length, or of the commit index behind the last entry.
    private(set) var offset = EntriesScan.headerCount

    init?(_ buffer: PeerFrameBuffer) throws(PeerCodecError) {
        guard let number = buffer.number(at: 1) else { return nil }
        // Each entry takes its length field at least.
        if number > UInt64(Limits.peerMessageBytesMax / 8) { throw .tooLong(number) }
        total = Int(number)
        missing = total
    }

    /// True when the whole frame is there.
    mutating func advance(in buffer: PeerFrameBuffer) throws(PeerCodecError) -> Bool {
        while missing > 0 {
            guard let length = try buffer.length(at: offset) else { return false }
            let next = offset + 8 + length
            if next > Limits.peerMessageBytesMax { throw .tooLong(UInt64(next)) }
            if next > buffer.count { return false }
            offset = next
            missing -= 1
        }
        return offset + 8 <= buffer.count
    }
}
