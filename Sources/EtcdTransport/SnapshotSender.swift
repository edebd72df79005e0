//  Snapshots to a peer that is too far behind for appends (spec peer-and-disk 2.5).

import EtcdNet
import Logging
import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore

/// Posts snapshots on the peer's loop; raft has one at a time in flight to a peer. Callable from
/// any thread. Every snapshot ends in exactly one `snapshotSent` of the delegate.
final class SnapshotSender: Sendable {
    /// What `running` holds, and whether more may come. Confined to the peer's loop.
    private struct Running {
        var uploads: [UInt64: Upload] = [:]
        var nextNumber: UInt64 = 0
        var isStopped = false
    }

    private struct Upload {
        let call: any HTTPClientUpload
        let reminder: RepeatedTask
    }

    private struct Transfer: Sendable {
        let number: UInt64
        let url: String
        let bytes: Int
        let start: Instant
        let details: Logger.Metadata
    }

    private let context: PeerContext
    private let urls: NIOLoopBoundBox<PeerURLs>
    private let running: NIOLoopBoundBox<Running>

    init(context: PeerContext, urls: NIOLoopBoundBox<PeerURLs>) {
        self.context = context
        self.urls = urls
        running = .makeBoxSendingValue(Running(), eventLoop: context.loop)
    }

    func send(_ message: Message, database: any DatabaseImage) {
        guard context.snapshots.beginSending() else {
            context.logger.warning(
                "refused to send a database snapshot; too many are on their way",
                metadata: ["remote-peer-id": "\(context.peer)"])
            context.delegate.snapshotSent(to: context.peer, succeeded: false)
            return
        }
        context.loop.execute { self.post(message, database) }
    }

    /// Gives up what is on its way and sends nothing more.
    func stop() {
        context.loop.execute {
            self.running.value.isStopped = true
            for upload in Array(self.running.value.uploads.values) { upload.call.cancel() }
        }
    }

    private func post(_ message: Message, _ database: any DatabaseImage) {
        if running.value.isStopped {
            context.snapshots.endSending()
            context.delegate.snapshotSent(to: context.peer, succeeded: false)
            return
        }
        let body = SnapshotBody(
            message, image: database, background: context.snapshots.background,
            loop: context.loop)
        let number = running.value.nextNumber
        let transfer = Transfer(
            number: number, url: urls.value.current, bytes: body.length,
            start: context.clock.monotonic(),
            details: [
                "snapshot-index": "\(message.snapshot?.metadata.index ?? 0)",
                "remote-peer-id": "\(context.peer)", "bytes": "\(body.length)",
                "size": "\(SizeText.text(body.length))",
            ])
        var headers = context.identity.requestHeaders()
        headers.add(name: "Content-Type", value: "application/octet-stream")
        context.logger.info("sending database snapshot", metadata: transfer.details)
        context.counters.snapshotsSent.begin()
        let upload = context.client.upload(
            HTTPClientRequest(
                method: "POST", origin: transfer.url, target: "/raft/snapshot", headers: headers),
            length: body.length, body: body, on: context.loop,
            stallTimeout: context.snapshots.stallTimeout,
            answerTimeout: context.snapshots.answerTimeout, maximumBody: 64 << 10)
        running.value.nextNumber += 1
        let pause = context.snapshots.reminderInterval
        running.value.uploads[number] = Upload(
            call: upload,
            reminder: context.loop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
                self.remind(of: transfer)
            })
        upload.response.whenComplete { result in
            self.finished(PeerPostOutcome(result), transfer)
        }
    }

    private func remind(of transfer: Transfer) {
        let took = context.clock.monotonic().nanoseconds(since: transfer.start)
        let duration = DurationText.text(nanoseconds: took)
        context.logger.info(
            "snapshotting taking too long to transfer",
            metadata: transfer.details.merging(["transferring duration": "\(duration)"]) { $1 })
    }

    private func finished(_ outcome: PeerPostOutcome, _ transfer: Transfer) {
        running.value.uploads.removeValue(forKey: transfer.number)?.reminder.cancel()
        context.snapshots.endSending()
        let now = context.clock.monotonic()
        let seconds = Double(now.nanoseconds(since: transfer.start)) / 1e9
        switch outcome {
        case .taken:
            context.activity.postSucceeded(at: now)
            context.counters.sent(bytes: transfer.bytes)
            context.counters.snapshotsSent.end(succeededAfter: seconds)
            context.logger.info("sent database snapshot", metadata: transfer.details)
            context.delegate.snapshotSent(to: context.peer, succeeded: true)
            return
        case .localMemberRemoved: context.localMemberRemoved()
        case .failed(let reason):
            urls.value.failed(transfer.url)
            context.activity.failed(reason)
            context.logger.warning(
                "failed to send database snapshot",
                metadata: transfer.details.merging(["error": "\(reason)"]) { $1 })
        }
        context.counters.snapshotsSent.endFailed()
        context.counters.sendFailed()
        // In this order: the verdict on the snapshot must find a peer known to be unreachable.
        context.delegate.peerUnreachable(context.peer)
        context.delegate.snapshotSent(to: context.peer, succeeded: false)
    }
}
