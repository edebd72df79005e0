//  The body of a snapshot post: length, message, and a database that this release has no use for.

import EtcdNet
import EtcdProto
import Logging
import NIOCore
import Raft
import RuntimeCore

/// Confined to the event loop of its request.
final class SnapshotReceiver: HTTPBodySink {
    private let transport: PeerTransport
    private let reply: PeerReply
    private var buffer = PeerFrameBuffer()
    private var message: Message?
    /// Of what follows the message.
    private var databaseBytes = 0
    private var isAnswered = false

    init(transport: PeerTransport, reply: PeerReply) {
        self.transport = transport
        self.reply = reply
    }

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        if message != nil {
            databaseBytes += chunk.readableBytes
        } else if !isAnswered {
            buffer.append(chunk)
            readMessage()
        }
        return reply.responder.eventLoop.makeSucceededVoidFuture()
    }

    private func readMessage() {
        let found: Message
        do throws(PeerCodecError) {
            guard let length = try buffer.length(at: 0), buffer.count - 8 >= length else { return }
            do {
                found = try Message(decoding: buffer.slice(at: 8, count: length))
            } catch {
                throw .malformed(error)
            }
            buffer.consume(8 + length)
        } catch {
            if case .tooLong = error { return refuse("rafthttp: error limit exceeded") }
            return refuse("\(error)")
        }
        guard found.kind == .snapshot else {
            transport.logger.warning(
                "unexpected Raft message type",
                metadata: ["message-type": "\(found.kind)", "remote-peer-id": "\(found.from)"])
            return answer(400, "wrong raft message type")
        }
        do throws(PeerCodecError) {
            try PeerMessageCheck.check(found)
        } catch {
            return refuse("\(error)")
        }
        databaseBytes = buffer.count
        buffer = PeerFrameBuffer()
        message = found
    }

    func complete() {
        if isAnswered { return }
        guard let message else {
            return refuse(buffer.count == 0 ? "EOF" : "unexpected EOF")
        }
        transport.logger.info(
            "received database snapshot",
            metadata: [
                "snapshot-index": "\(message.snapshot?.metadata.index ?? 0)",
                "remote-peer-id": "\(message.from)", "ignored-db-bytes": "\(databaseBytes)",
            ])
        transport.peer(message.from)?.context.counters.received(
            bytes: message.encodedSize + databaseBytes)
        isAnswered = true
        reply.verdict(transport.deliver([message]))
    }

    func fail(_ error: any Error) {
        if isAnswered { return }
        isAnswered = true
        transport.logger.warning(
            "failed to receive database snapshot", metadata: ["error": "\(error)"])
    }

    private func refuse(_ reason: String) {
        transport.logger.warning(
            "failed to decode Raft message of a snapshot", metadata: ["error": "\(reason)"])
        answer(400, "failed to decode raft message (\(reason))")
    }

    private func answer(_ status: Int, _ text: String) {
        isAnswered = true
        buffer = PeerFrameBuffer()
        reply.error(status, text)
    }
}
