//  One peer: which way a message takes to it, and what keeps the ways open.

import EtcdNet
import Logging
import NIOCore
import Raft
import RuntimeCore
import Synchronization

/// Callable from any thread. What we dial lives on the peer's loop, what the peer dialled on the
/// loops of its connections; here is only the choice between them.
final class Peer: Sendable {
    enum Role {
        case member
        /// Known by its own word only, until the log tells this member of it: reached by posts.
        case remote
    }

    private struct Ways {
        var message: PeerStreamWriter?
        var append: PeerStreamWriter?
        var isStopped = false

        subscript(kind: PeerStreamKind) -> PeerStreamWriter? {
            get { kind == .message ? message : append }
            set {
                switch kind {
                case .message: message = newValue
                case .append: append = newValue
                }
            }
        }
    }

    let context: PeerContext
    private let ways = Mutex(Ways())
    private let pipeline: PeerPipeline
    private let snapshots: SnapshotSender
    private let urls: NIOLoopBoundBox<PeerURLs>
    private let links: NIOLoopBoundBox<PeerLinks?>

    init(context: PeerContext, urls list: [String], role: Role) {
        self.context = context
        urls = .makeBoxSendingValue(PeerURLs(list), eventLoop: context.loop)
        pipeline = PeerPipeline(context: context, urls: urls)
        snapshots = SnapshotSender(context: context, urls: urls)
        links = .makeEmptyBox(eventLoop: context.loop)
        if role == .member {
            context.loop.execute { self.open() }
        }
    }

    private func open() {
        if ways.withLock(\.isStopped) { return }
        let links = PeerLinks(context: context, urls: urls.value)
        self.links.value = links
        links.start()
    }

    func update(urls list: [String]) {
        context.loop.execute { self.urls.value.update(list) }
    }

    func stop() {
        let (message, append) = ways.withLock { ways in
            ways.isStopped = true
            defer {
                ways.message = nil
                ways.append = nil
            }
            return (ways.message, ways.append)
        }
        message?.close()
        append?.close()
        pipeline.stop()
        snapshots.stop()
        context.loop.execute {
            self.links.value?.stop()
            self.links.value = nil
        }
    }

    /// Sends messages to this peer, each over the best way that is open, in order per way.
    func send(_ messages: [Message], at now: Instant) {
        let (message, append) = ways.withLock { ($0.message, $0.append) }
        var appends: [Message] = []
        var others: [Message] = []
        for each in messages {
            if each.kind == .snapshot {
                sendSnapshot(each, database: nil)
            } else if each.kind == .append, append != nil {
                appends.append(each)
            } else {
                others.append(each)
            }
        }
        var refused = 0
        if let append {
            let mayWait =
                others.isEmpty && appends.allSatisfy(\.isCommitOnly)
                && !context.activity.hasForwarded(by: now)
            if !appends.isEmpty { refused += append.post(appends, at: now, mayWait: mayWait) }
            // Whatever they are about, the peer may act on it only with the commit index.
            if !others.isEmpty { append.flush() }
        }
        if !others.isEmpty {
            refused += message?.post(others, at: now) ?? pipeline.post(others)
        }
        if refused > 0 { dropped(refused) }
    }

    /// Sends a snapshot with the state that belongs to it; without that it is not worth sending.
    func sendSnapshot(_ message: Message, database: (any DatabaseImage)?) {
        guard let database else {
            context.delegate.snapshotSent(to: context.peer, succeeded: false)
            return
        }
        snapshots.send(message, database: database)
    }

    private func dropped(_ count: Int) {
        context.counters.sendFailed(times: count)
        context.logger.debug(
            "dropped internal Raft message since sending buffer is full",
            metadata: ["remote-peer-id": "\(context.peer)", "count": "\(count)"])
        context.delegate.peerUnreachable(context.peer)
    }

    /// The peer has opened a stream. Call on the loop of the responder, whose response has begun.
    func attach(_ kind: PeerStreamKind, _ responder: any HTTPResponder) {
        let writer = PeerStreamWriter(kind: kind, context: context, responder: responder) {
            [weak self] writer in
            self?.detach(writer)
        }
        let (old, isStopped) = ways.withLock { ways in
            if ways.isStopped { return (nil as PeerStreamWriter?, true) }
            defer { ways[kind] = writer }
            return (ways[kind], false)
        }
        if isStopped {
            writer.close()
            return
        }
        // The peer has given up its older stream of this kind, or it would not have dialled.
        old?.close()
        context.logger.info(
            "established TCP streaming connection with remote peer",
            metadata: [
                "stream-writer-type": "\(kind.title)",
                "local-member-id": "\(context.identity.localID)",
                "remote-peer-id": "\(context.peer)",
            ])
    }

    /// Streams that the peer has opened to us.
    var streamCount: Int {
        ways.withLock { ($0.message == nil ? 0 : 1) + ($0.append == nil ? 0 : 1) }
    }

    private func detach(_ writer: PeerStreamWriter) {
        ways.withLock { ways in
            if ways[writer.kind] === writer { ways[writer.kind] = nil }
        }
        // What was on its way is lost: raft must not count on it.
        context.delegate.peerUnreachable(context.peer)
    }
}

/// What we dial: two streams and the probe. Confined to the peer's loop.
final class PeerLinks {
    private let readers: [PeerStreamReader]
    private let probe: PeerProbe

    init(context: PeerContext, urls: PeerURLs) {
        readers = PeerStreamKind.allCases.map {
            PeerStreamReader(kind: $0, context: context, urls: urls)
        }
        probe = PeerProbe(context: context, urls: urls)
    }

    func start() {
        for reader in readers { reader.start() }
        probe.start()
    }

    func stop() {
        for reader in readers { reader.stop() }
        probe.stop()
    }
}
