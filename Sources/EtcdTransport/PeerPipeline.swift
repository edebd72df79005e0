//  Single posts to a peer, for messages whose stream is down.

import EtcdNet
import EtcdProto
import Logging
import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore
import Synchronization

/// Takes messages on any thread, posts them on the peer's loop, several at once: they may overtake
/// one another.
final class PeerPipeline: Sendable {
    /// Posts at the same time (etcd's value).
    static let parallelMax = 4
    /// Messages that wait for their turn (etcd's value).
    static let queueMax = 64
    /// For one post; the largest append must get through a slow link.
    static let timeout = TimeAmount.seconds(10)

    private struct Queue {
        var waiting: [Message] = []
        var running = 0
        var isStopped = false
    }

    private let context: PeerContext
    private let urls: NIOLoopBoundBox<PeerURLs>
    private let queue = Mutex(Queue())

    init(context: PeerContext, urls: NIOLoopBoundBox<PeerURLs>) {
        self.context = context
        self.urls = urls
    }

    /// - Returns: how many of them, from the end, were not taken.
    func post(_ messages: [Message]) -> Int {
        let (refused, wakes) = queue.withLock { queue in
            if queue.isStopped { return (messages.count, false) }
            let room = Self.queueMax - queue.waiting.count
            queue.waiting += messages.prefix(room)
            return (max(0, messages.count - room), queue.running < Self.parallelMax)
        }
        if wakes { context.loop.execute { self.run() } }
        return refused
    }

    /// What waits is dropped; what runs, runs to its end.
    func stop() {
        queue.withLock {
            $0.isStopped = true
            $0.waiting = []
        }
    }

    private func run() {
        while let message = next() { send(message) }
    }

    private func next() -> Message? {
        queue.withLock { queue in
            if queue.waiting.isEmpty || queue.running == Self.parallelMax { return nil }
            queue.running += 1
            return queue.waiting.removeFirst()
        }
    }

    private func send(_ message: Message) {
        var bytes: [UInt8] = []
        message.encode(into: &bytes)
        let url = urls.value.current
        var headers = context.identity.requestHeaders()
        headers.add(name: "Content-Type", value: "application/protobuf")
        let request = HTTPClientRequest(
            method: "POST", origin: url, target: "/raft", headers: headers,
            body: ByteBuffer(bytes: bytes))
        let start = context.clock.monotonic()
        let count = bytes.count
        context.client.execute(
            request, on: context.loop, timeout: Self.timeout, maximumBody: 64 << 10
        ).whenComplete { result in
            self.finished(message, PeerPostOutcome(result), url, bytes: count, start: start)
            self.queue.withLock { $0.running -= 1 }
            self.run()
        }
    }

    private func finished(
        _ message: Message, _ outcome: PeerPostOutcome, _ url: String, bytes: Int, start: Instant
    ) {
        let now = context.clock.monotonic()
        switch outcome {
        case .taken:
            context.activity.postSucceeded(at: now)
            context.counters.sent(bytes: bytes)
            if message.kind == .append {
                context.statistics.appendsLeft(bytes: [bytes], at: now)
                context.statistics.appendsSent(
                    to: context.peer, times: 1,
                    milliseconds: Double(now.nanoseconds(since: start)) / 1e6)
            }
            return
        case .localMemberRemoved: context.localMemberRemoved()
        case .failed(let reason):
            urls.value.failed(url)
            context.activity.failed(reason)
        }
        if message.kind == .append { context.statistics.appendFailed(to: context.peer) }
        context.counters.sendFailed()
        context.delegate.peerUnreachable(context.peer)
    }
}

/// What a peer made of a post (spec peer-and-disk 2.1).
enum PeerPostOutcome {
    case taken
    case localMemberRemoved
    case failed(String)

    init(_ result: Result<HTTPClientResponse, any Error>) {
        switch result {
        case .failure(let error): self = .failed("\(error)")
        case .success(let response):
            let text = String(buffer: response.body).trimmingLineEnd()
            switch response.status {
            case 204: self = .taken
            // The other reason for a 403, an address that leads to the wrong member, is no verdict
            // on us.
            case 403 where !text.contains("mismatch member"): self = .localMemberRemoved
            case 412: self = .failed("request refused by remote peer: \(text)")
            default: self = .failed("unexpected http status \(response.status): \(text)")
            }
        }
    }
}
