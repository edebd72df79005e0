//  A stream that a peer has opened to us: our messages to it travel in the response.

import EtcdNet
import Logging
import NIOCore
import Raft
import RuntimeCore
import Synchronization

package enum PeerStreamKind: String, Sendable, CaseIterable {
    /// Any message.
    case message
    /// Appends, in the compact encoding.
    case append = "msgapp"

    /// What etcd's logs call it.
    var title: String { self == .message ? "stream Message" : "stream MsgApp v2" }
}

/// Takes messages on any thread and writes them on the event loop of the response.
///
/// Bounded twice: messages wait here while the transport below holds enough unsent bytes, and
/// beyond `Limits.peerQueueMax` of them new ones are refused.
final class PeerStreamWriter: Sendable {
    /// Bytes put together into one write. More than the transport's high-water mark makes a batch
    /// no cheaper.
    static let batchBytesMax = 256 << 10
    /// Bytes written before other work on the loop gets its turn.
    static let passBytesMax = 4 << 20

    private struct Outbox {
        var messages: [Message] = []
        /// When the oldest of them came.
        var since = Instant(nanoseconds: 0)
        /// A drain will come: on the loop already, or when the transport has room again.
        var isScheduled = false
        var isClosed = false
    }

    let kind: PeerStreamKind
    private let context: PeerContext
    private let loop: any EventLoop
    private let outbox = Mutex(Outbox())
    private let line: NIOLoopBoundBox<PeerStreamLine?>

    /// Begins the response. Call on the responder's loop.
    ///
    /// - Parameter closed: called there once when the stream broke or was given up by the writer
    ///   itself, not after `close`.
    init(
        kind: PeerStreamKind, context: PeerContext, responder: any HTTPResponder,
        closed: @escaping @Sendable (PeerStreamWriter) -> Void
    ) {
        self.kind = kind
        self.context = context
        loop = responder.eventLoop
        line = NIOLoopBoundBox(
            PeerStreamLine(kind: kind, responder: responder), eventLoop: responder.eventLoop)
        responder.onClose = { [weak self] in
            self?.broken("the connection was closed", closed)
        }
        responder.onWritable = { [weak self] in
            self?.line.value?.progressed()
            self?.drain()
        }
        line.value?.beat = loop.scheduleRepeatedTask(
            initialDelay: PeerStreamLine.beatInterval, delay: PeerStreamLine.beatInterval
        ) { [weak self] task in
            guard let self, self.line.value != nil else { return task.cancel() }
            if self.line.value?.beatOrStall(self.context.counters) == true {
                self.broken("the peer does not read", closed)
            }
        }
    }

    /// Queues messages for the stream; wakes its loop if nothing else will.
    ///
    /// - Returns: how many of them, from the end, were not taken.
    func post(_ messages: [Message], at now: Instant) -> Int {
        let (refused, wakes) = outbox.withLock { outbox in
            if outbox.isClosed { return (messages.count, false) }
            if outbox.messages.isEmpty { outbox.since = now }
            let room = Limits.peerQueueMax - outbox.messages.count
            if room >= messages.count {
                outbox.messages += messages
            } else {
                outbox.messages += messages.prefix(max(0, room))
            }
            defer { outbox.isScheduled = true }
            return (max(0, messages.count - room), !outbox.isScheduled)
        }
        if wakes { loop.execute { self.drain() } }
        return refused
    }

    /// Ends the response in good order, after what was posted so far.
    func close() {
        loop.execute {
            self.drain()
            self.outbox.withLock { $0.isClosed = true }
            guard let line = self.line.value else { return }
            self.line.value = nil
            line.end()
        }
    }

    private func drain() {
        loop.preconditionInEventLoop()
        guard let line = line.value else { return }
        var (messages, since) = outbox.withLock { outbox in
            outbox.isScheduled = !outbox.messages.isEmpty
            defer { outbox.messages = [] }
            return (outbox.messages, outbox.since)
        }
        if messages.isEmpty { return }
        var written = 0
        var position = 0
        while position < messages.count, written < Self.passBytesMax, line.isWritable {
            let batch = line.write(messages[position...], bytesMax: Self.batchBytesMax)
            position += batch.messages
            written += batch.bytes
            record(batch, since: since)
        }
        messages.removeFirst(position)
        settle(messages, since: since, isWritable: line.isWritable)
    }

    /// Puts back what did not fit and sees to the next drain.
    private func settle(_ rest: [Message], since: Instant, isWritable: Bool) {
        let continues = outbox.withLock { outbox in
            if !rest.isEmpty {
                outbox.messages = rest + outbox.messages
                outbox.since = since
            }
            if outbox.messages.isEmpty {
                outbox.isScheduled = false
                return false
            }
            outbox.isScheduled = true
            return isWritable
        }
        // When the transport is full, `onWritable` drains.
        if continues { loop.execute { self.drain() } }
    }

    private func record(_ batch: PeerStreamLine.Batch, since: Instant) {
        context.counters.sent(bytes: batch.bytes)
        if batch.appendSizes.isEmpty { return }
        let now = context.clock.now().monotonic
        context.statistics.appendsLeft(bytes: batch.appendSizes, at: now)
        context.statistics.appendsSent(
            to: context.peer, times: UInt64(batch.appendSizes.count),
            milliseconds: Double(now.nanoseconds(since: since)) / 1e6)
    }

    private func broken(_ reason: String, _ closed: (PeerStreamWriter) -> Void) {
        guard let line = line.value else { return }
        self.line.value = nil
        line.cut()
        let lost = outbox.withLock { outbox in
            outbox.isClosed = true
            defer { outbox.messages = [] }
            return outbox.messages.count
        }
        context.counters.sendFailed(times: lost)
        context.logger.warning(
            "lost TCP streaming connection with remote peer",
            metadata: [
                "stream-writer-type": "\(kind.title)", "remote-peer-id": "\(context.peer)",
                "error": "\(reason)",
            ])
        closed(self)
    }
}
