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
    /// How long a message that may wait does so for one that may not.
    static let patience = TimeAmount.microseconds(500)

    private struct Outbox {
        var messages: [Message] = []
        /// When the oldest of them came.
        var since = Instant(nanoseconds: 0)
        /// A drain will come: on the loop already, or when the transport has room again.
        var isScheduled = false
        /// A timer will see to what waits by then.
        var isHeld = false
        var isClosed = false

        mutating func append(_ news: [Message], at now: Instant) -> Int {
            if let last = messages.last, let next = news.first, next.replaces(last) {
                messages.removeLast()
            }
            if messages.isEmpty { since = now }
            let room = max(0, Limits.peerQueueMax - messages.count)
            messages += news.prefix(room)
            return max(0, news.count - room)
        }

        /// True when the caller has to see to a drain.
        mutating func mustDrain() -> Bool {
            if isScheduled || messages.isEmpty { return false }
            isScheduled = true
            return true
        }
    }

    private enum Step {
        case nothing
        case drain
        case hold
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
    /// - Parameter mayWait: the messages may stay for `patience`, in case others join them.
    /// - Returns: how many of them, from the end, were not taken.
    func post(_ messages: [Message], at now: Instant, mayWait: Bool = false) -> Int {
        let (refused, step) = outbox.withLock { outbox -> (Int, Step) in
            if outbox.isClosed { return (messages.count, .nothing) }
            let refused = outbox.append(messages, at: now)
            if !mayWait { return (refused, outbox.mustDrain() ? .drain : .nothing) }
            if outbox.isScheduled || outbox.isHeld { return (refused, .nothing) }
            outbox.isHeld = true
            return (refused, .hold)
        }
        switch step {
        case .nothing: break
        case .drain: loop.execute { self.drain() }
        case .hold: loop.scheduleTask(in: Self.patience) { self.release() }
        }
        return refused
    }

    /// Lets out what has been held back.
    func flush() {
        if outbox.withLock({ $0.mustDrain() }) { loop.execute { self.drain() } }
    }

    private func release() {
        let drains = outbox.withLock { outbox in
            outbox.isHeld = false
            guard outbox.mustDrain() else { return false }
            // How long it was kept here on purpose says nothing about the way to the peer.
            outbox.since = context.clock.monotonic()
            return true
        }
        if drains { drain() }
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
        let now = context.clock.monotonic()
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

extension Message {
    /// An append that carries no more than a commit index.
    var isCommitOnly: Bool { kind == .append && entries.isEmpty }

    /// Whether this message tells its receiver all that `earlier`, sent just before it, would.
    fileprivate func replaces(_ earlier: Message) -> Bool {
        earlier.isCommitOnly && kind == .append && term == earlier.term && index >= earlier.index
            && commit >= earlier.commit
    }
}
