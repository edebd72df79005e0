//  The body of a snapshot post: length, message, and the database up to its end
//  (spec peer-and-disk 2.5).

import EtcdMembership
import EtcdNet
import EtcdProto
import Logging
import NIOCore
import Raft
import RuntimeCore

/// Confined to the event loop of its request. Leaves no file behind unless the database is whole
/// and its message was handed on.
final class SnapshotReceiver: HTTPBodySink {
    /// After the message was read.
    private struct Incoming {
        let message: Message
        let counters: PeerCounters?
        let start: Instant
        var index: UInt64 { message.snapshot?.metadata.index.rawValue ?? 0 }
    }

    private let transport: PeerTransport
    private let reply: PeerReply
    private let release: PeerRelease
    /// Until the message is whole.
    private var buffer = PeerFrameBuffer()
    private var incoming: Incoming?
    /// Once the first byte of the database is here.
    private var writer: SnapshotWriter?
    /// Answered, or the connection is lost: what still arrives is of no interest.
    private var isOver = false
    /// The disk has to catch up, which is not the sender's fault.
    private var isWriting = false
    private var arrivedAt = NIODeadline.now()
    private var timer: Scheduled<Void>?

    /// - Parameter release: the sender's.
    init(transport: PeerTransport, reply: PeerReply, release: PeerRelease) {
        self.transport = transport
        self.reply = reply
        self.release = release
        watch(in: transport.snapshots.stallTimeout)
    }

    private var loop: any EventLoop { reply.responder.eventLoop }

    // MARK: What arrives

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        arrivedAt = .now()
        if isOver { return loop.makeSucceededVoidFuture() }
        if incoming != nil { return save(chunk) }
        buffer.append(chunk)
        readMessage()
        guard incoming != nil, buffer.count > 0 else { return loop.makeSucceededVoidFuture() }
        let rest = buffer.slice(at: 0, count: buffer.count)
        buffer = PeerFrameBuffer()
        return save(ByteBuffer(bytes: rest.array))
    }

    private func save(_ part: ByteBuffer) -> EventLoopFuture<Void> {
        let writer =
            writer
            ?? SnapshotWriter(
                files: transport.snapshots.files, background: transport.snapshots.background,
                loop: loop)
        self.writer = writer
        let accepted = writer.write(part)
        isWriting = true
        accepted.assumeIsolated().whenComplete { result in
            self.isWriting = false
            self.arrivedAt = .now()
            if case .failure(let error) = result { self.notSaved(error) }
        }
        return accepted
    }

    func complete() {
        if isOver { return }
        guard let incoming else {
            return refuse(buffer.count == 0 ? "EOF" : "unexpected EOF")
        }
        timer?.cancel()
        guard let writer else {
            return notSaved(SnapshotRefusal(description: "no database follows the message"))
        }
        isWriting = true
        let start = transport.clock.monotonic()
        writer.commit(index: incoming.index).assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                self.noteSaved(incoming, since: start)
                self.handOn(incoming)
            case .failure(let error): self.notSaved(error)
            }
        }
    }

    func fail(_ error: any Error) {
        if isOver { return }
        transport.logger.warning(
            "failed to receive database snapshot", metadata: details(error: "\(error)"))
        end(succeeded: false)
    }

    // MARK: The message

    private func readMessage() {
        guard let announced = buffer.number(at: 0) else { return }
        guard announced <= SnapshotLimits.messageBytesMax(from: release) else {
            return refuse("rafthttp: error limit exceeded")
        }
        let length = Int(announced)
        guard buffer.count - 8 >= length else { return }
        let message: Message
        do {
            message = try Message(decoding: buffer.slice(at: 8, count: length))
        } catch {
            return refuse("\(PeerCodecError.malformed(error))")
        }
        buffer.consume(8 + length)
        guard message.kind == .snapshot else {
            PeerDelivery.noteWrongType(message, transport.logger)
            return answer { $0.wrongType() }
        }
        do throws(PeerCodecError) {
            try PeerMessageCheck.check(message)
        } catch {
            return refuse("\(error)")
        }
        begin(message)
    }

    /// Refuses before the database is read what would be refused after it.
    private func begin(_ message: Message) {
        let isRemoved = transport.members.isRemoved(message.from)
        if isRemoved || message.to != transport.identity.localID {
            let verdict = transport.deliver([message])
            return answer { $0.verdict(verdict) }
        }
        guard transport.snapshots.beginReceiving() else {
            return answer { $0.error(503, "too many snapshots are being received") }
        }
        let counters = transport.peer(message.from)?.context.counters
        counters?.snapshotsReceived.begin()
        incoming = Incoming(
            message: message, counters: counters, start: transport.clock.monotonic())
        transport.logger.info("receiving database snapshot", metadata: details())
    }

    // MARK: The end

    private func noteSaved(_ incoming: Incoming, since commit: Instant) {
        let now = transport.clock.monotonic()
        transport.snapshots.saving.add(
            Double(now.nanoseconds(since: incoming.start)) / 1e9)
        transport.snapshots.syncing.add(Double(now.nanoseconds(since: commit)) / 1e9)
    }

    private func handOn(_ incoming: Incoming) {
        transport.logger.info("received and saved database snapshot", metadata: details())
        incoming.counters?.received(bytes: incoming.message.encodedSize + (writer?.bytes ?? 0))
        let verdict = transport.deliver([incoming.message], databasesAreDurable: true)
        writer = nil
        end(succeeded: verdict == .complete)
        reply.verdict(verdict)
    }

    private func notSaved(_ error: any Error) {
        if isOver { return }
        transport.logger.warning(
            "failed to save incoming database snapshot", metadata: details(error: "\(error)"))
        answer { $0.error(500, "failed to save KV snapshot (\(error))") }
    }

    private func refuse(_ reason: String) {
        transport.logger.warning(
            "failed to decode Raft message of a snapshot", metadata: ["error": "\(reason)"])
        answer { $0.error(400, "failed to decode raft message (\(reason))") }
    }

    private func answer(_ body: (PeerReply) -> Void) {
        end(succeeded: false)
        body(reply)
    }

    private func end(succeeded: Bool) {
        isOver = true
        timer?.cancel()
        timer = nil
        buffer = PeerFrameBuffer()
        writer?.discard()
        writer = nil
        guard let ended = incoming else { return }
        incoming = nil
        transport.snapshots.endReceiving()
        guard succeeded else {
            ended.counters?.snapshotsReceived.endFailed()
            return
        }
        let now = transport.clock.monotonic()
        ended.counters?.snapshotsReceived.end(
            succeededAfter: Double(now.nanoseconds(since: ended.start)) / 1e9)
    }

    private func details(error: String? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "local-member-id": "\(transport.identity.localID)",
            "incoming-snapshot-size-bytes": "\(writer?.bytes ?? 0)",
        ]
        if let incoming {
            metadata["remote-snapshot-sender-id"] = "\(incoming.message.from)"
            metadata["incoming-snapshot-index"] = "\(incoming.index)"
        }
        if let error { metadata["error"] = "\(error)" }
        return metadata
    }

    // MARK: Time

    /// A sender that died without a word would hold the file and its place for ever.
    private func watch(in time: TimeAmount) {
        timer = loop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            self?.checkTime()
        }
    }

    private func checkTime() {
        if isOver { return }
        let left = arrivedAt + transport.snapshots.stallTimeout - .now()
        if isWriting {
            watch(in: transport.snapshots.stallTimeout)
        } else if left > .nanoseconds(0) {
            watch(in: left)
        } else {
            fail(SnapshotRefusal(description: "i/o timeout"))
            reply.responder.abort()
        }
    }
}

/// Why a snapshot is not taken although its bytes arrived as announced.
private struct SnapshotRefusal: Error, CustomStringConvertible {
    let description: String
}
