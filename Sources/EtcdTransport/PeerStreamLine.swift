//  The event loop's side of an outgoing stream: encoding, and the signs of life of the link.

import EtcdNet
import NIOCore
import Raft
import RuntimeCore

/// Confined to the loop of the response.
final class PeerStreamLine {
    /// Time between signs of life on an idle stream (etcd: a third of the read timeout).
    static let beatInterval = TimeAmount.milliseconds(
        Int64(Limits.peerStreamTimeoutMilliseconds) / 3)
    /// A peer that does not read for this long is not there.
    private static let stallTimeout = TimeAmount.milliseconds(
        Int64(Limits.peerStreamTimeoutMilliseconds))
    /// A scratch array larger than this is not kept.
    private static let scratchBytesMax = 1 << 20

    /// What one write carried.
    struct Batch {
        var messages = 0
        var bytes = 0
        /// Of each append among them.
        var appendSizes: [Int] = []
    }

    private let kind: PeerStreamKind
    private let responder: any HTTPResponder
    private var appendEncoder = AppendEncoder()
    private var scratch: [UInt8] = []
    private var hasWritten = false
    private var stalledSince: NIODeadline?
    var beat: RepeatedTask?

    init(kind: PeerStreamKind, responder: any HTTPResponder) {
        self.kind = kind
        self.responder = responder
    }

    var isWritable: Bool { responder.isWritable }

    /// Writes the first of `messages`, one at least, in one part of about `bytesMax` at most.
    func write(_ messages: ArraySlice<Message>, bytesMax: Int) -> Batch {
        var batch = Batch()
        for message in messages {
            if scratch.count >= bytesMax { break }
            let before = scratch.count
            switch kind {
            case .message: MessageCodec.encode(message, into: &scratch)
            case .append: appendEncoder.encode(message, into: &scratch)
            }
            batch.messages += 1
            if message.kind == .append { batch.appendSizes.append(scratch.count - before) }
        }
        batch.bytes = flush()
        return batch
    }

    private func flush() -> Int {
        let count = scratch.count
        responder.write(ByteBuffer(bytes: scratch))
        if count > Self.scratchBytesMax {
            scratch = []
        } else {
            scratch.removeAll(keepingCapacity: true)
        }
        hasWritten = true
        return count
    }

    /// The transport has taken what it held.
    func progressed() { stalledSince = nil }

    /// Called every `beatInterval`. True when the peer has not read for too long.
    func beatOrStall(_ counters: PeerCounters) -> Bool {
        guard responder.isWritable else {
            let since = stalledSince ?? .now()
            stalledSince = since
            return NIODeadline.now() - since >= Self.stallTimeout
        }
        stalledSince = nil
        if !hasWritten {
            switch kind {
            case .message: MessageCodec.encodeLinkHeartbeat(into: &scratch)
            case .append: AppendEncoder.encodeLinkHeartbeat(into: &scratch)
            }
            counters.sent(bytes: flush())
        }
        hasWritten = false
        return false
    }

    /// Ends the response in good order.
    func end() {
        forget()
        responder.finish()
    }

    /// Cuts the connection.
    func cut() {
        forget()
        responder.abort()
    }

    private func forget() {
        beat?.cancel()
        beat = nil
        responder.onClose = nil
        responder.onWritable = nil
    }
}
