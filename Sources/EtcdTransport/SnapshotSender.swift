//  Snapshots to a peer that is too far behind for appends (spec peer-and-disk 2.5).

import EtcdNet
import Logging
import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore

/// Posts snapshots on the peer's loop; raft has one at a time in flight to a peer.
struct SnapshotSender: Sendable {
    /// For the whole transfer (etcd's value).
    static let timeout = TimeAmount.minutes(5)

    let context: PeerContext
    let urls: NIOLoopBoundBox<PeerURLs>

    /// Callable from any thread.
    func send(_ message: Message) {
        context.loop.execute { post(message) }
    }

    private func post(_ message: Message) {
        // The announced length and the message; a database would follow, but there is none.
        var bytes: [UInt8] = []
        MessageCodec.encode(message, into: &bytes)
        let url = urls.value.current
        var headers = context.identity.requestHeaders()
        headers.add(name: "Content-Type", value: "application/octet-stream")
        let request = HTTPClientRequest(
            method: "POST", origin: url, target: "/raft/snapshot", headers: headers,
            body: ByteBuffer(bytes: bytes))
        let details: Logger.Metadata = [
            "snapshot-index": "\(message.snapshot?.metadata.index ?? 0)",
            "remote-peer-id": "\(context.peer)", "bytes": "\(bytes.count)",
        ]
        context.logger.info("sending database snapshot", metadata: details)
        let count = bytes.count
        context.client.execute(
            request, on: context.loop, timeout: Self.timeout, maximumBody: 64 << 10
        ).whenComplete { result in
            finished(PeerPostOutcome(result), url, bytes: count, details)
        }
    }

    private func finished(
        _ outcome: PeerPostOutcome, _ url: String, bytes: Int, _ details: Logger.Metadata
    ) {
        switch outcome {
        case .taken:
            context.activity.postSucceeded(at: context.clock.now().monotonic)
            context.counters.sent(bytes: bytes)
            context.logger.info("sent database snapshot", metadata: details)
            context.delegate.snapshotSent(to: context.peer, succeeded: true)
            return
        case .localMemberRemoved: context.localMemberRemoved()
        case .failed(let reason):
            urls.value.failed(url)
            context.activity.failed(reason)
            context.logger.warning(
                "failed to send database snapshot",
                metadata: details.merging(["error": "\(reason)"]) { $1 })
        }
        context.counters.sendFailed()
        // In this order: the verdict on the snapshot must find a peer known to be unreachable.
        context.delegate.peerUnreachable(context.peer)
        context.delegate.snapshotSent(to: context.peer, succeeded: false)
    }
}
