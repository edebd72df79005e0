//  A member on one embedded event loop: what is proposed is applied when the test says so.
//  Consensus is left out, everything behind it is real.

import EtcdEdge
import EtcdMembership
import EtcdNet
import EtcdProto
import Logging
import NIOCore
import NIOEmbedded
import Raft
import RuntimeCore
import Simulator
import Synchronization

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdGRPC
@testable import EtcdServer

final class QueuePort<Message: Sendable>: Port {
    private let messages = Mutex<[Message]>([])

    func post(_ message: Message) -> Bool {
        messages.withLock { $0.append(message) }
        return true
    }

    func takeAll() -> [Message] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}

struct SteadyClock: Clock {
    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: 1_000_000_000_000),
            wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
    }
}

struct NoPeers: PeerConnectivity {
    func activeSince(_ id: MemberID) -> Instant? { nil }
}

struct ImmediateBackground: BackgroundPool {
    func submit(_ work: @escaping @Sendable () -> Void) { work() }
}

/// Leader of a cluster of its own, in term 2.
final class LoneMember {
    let loop = EmbeddedEventLoop()
    let edges: HTTPEdges
    let handler: RequestHandler
    private let consensus = QueuePort<ConsensusInput>()
    private let applyPort = QueuePort<ApplyInput>()
    private var apply: ApplyRole
    private var index: LogIndex = 0
    /// Watch streams that are open.
    private(set) var openStreams = 0

    init() throws {
        let member = Member(
            id: 0x2a, peerURLs: ["http://h:2380"], name: "lone", clientURLs: ["http://h:2379"])
        let cluster = Cluster(members: [member], version: "3.5.0")
        let disk = SimulatedDisk()
        let directory = DataDirectory(root: "/data", walDirectory: "")
        for path in ["/data", directory.member, directory.snapshots] {
            try disk.createDirectory(path, permissions: 0o700)
        }
        let start = SnapshotMetadata(index: 0, term: 0)
        let keyspace = try Bootstrap.openKeyspace(
            directory, in: disk, snapshot: start, cluster: cluster,
            settings: V3Keyspace.Settings(), random: RandomSource(seed: 1))
        let replica = Replica(
            configuration: ReplicaConfiguration(
                name: "lone", clientURLs: ["http://h:2379"],
                snapshotDirectory: directory.snapshots),
            localID: 0x2a, clusterID: 0xc1, snapshot: start, keyspace: V2Keyspace(),
            v3: keyspace.views, cluster: cluster, clock: SteadyClock(),
            logger: Logger(label: "lone") { _ in SwiftLogNoOpLogHandler() })
        replica.status.publish(leader: 0x2a, role: .leader)
        replica.status.publish(term: 2, committed: 0)
        apply = replica.makeApplyRole(v3: keyspace)
        handler = replica.makeRequestHandler(
            consensus: consensus, apply: applyPort, background: ImmediateBackground(),
            connectivity: NoPeers())
        edges = HTTPEdges([loop])
    }

    /// Of the key space.
    var revision: Int64? {
        let any = RangeRequest(key: [0], countOnly: true)
        return try? handler.readRange(any, context: CallContext()).get().header?.revision
    }

    /// Serves everything that was asked for, and what follows from it.
    func run() {
        loop.run()
        while true {
            var inputs = consensus.takeAll().compactMap(applyInput)
            inputs += applyPort.takeAll()
            guard !inputs.isEmpty else { return }
            for case .watch(let command) in inputs {
                if case .open = command { openStreams += 1 }
                if case .close = command { openStreams -= 1 }
            }
            var outputs: [ApplyOutput] = []
            apply.run(inputs, now: SteadyClock().now(), outputs: &outputs)
            for case .reply(let edge, let replies) in outputs { edge.deliver(replies) }
            loop.run()
        }
    }

    private func applyInput(_ input: ConsensusInput) -> ApplyInput? {
        switch input {
        case .propose(let proposal):
            guard case .normal(let data) = proposal.payload else { return nil }
            index = LogIndex(index.rawValue + 1)
            return .entries([Entry(term: 2, index: index, data: data)])
        case .readBarrier(let id, _): return .readConfirmed(index: index, ids: [id])
        default: return nil
        }
    }
}

/// Remembers what a handler answers.
final class RecordingResponder: HTTPResponder {
    let loop: EmbeddedEventLoop
    var eventLoop: any EventLoop { loop }
    var isOpen = true
    var isWritable = true
    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?
    private(set) var status: Int?
    private(set) var headers = HTTPHeaders()
    private(set) var body = ""
    private(set) var isFinished = false

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        start(status: status, headers: headers)
        write(body)
        finish()
    }

    func start(status: Int, headers: HTTPHeaders) {
        precondition(self.status == nil, "answered twice")
        self.status = status
        self.headers = headers
    }

    func write(_ part: ByteBuffer) {
        precondition(!isFinished, "a part after the end")
        body += String(buffer: part)
    }

    func finish() {
        precondition(!isFinished, "ended twice")
        isFinished = true
    }

    func abort() { isFinished = true }

    /// The client goes away.
    func close() {
        isOpen = false
        let callback = onClose
        onClose = nil
        callback?()
    }

    func becomeWritable() {
        isWritable = true
        onWritable?()
    }
}

/// The gateway of a lone member, used the way a connection does.
final class GatewayFixture {
    let member: LoneMember
    let table: V3MethodTable
    let gateway: GatewayHandler

    init(_ more: [V3Method] = []) throws {
        member = try LoneMember()
        let methods =
            KVService(handler: member.handler, background: ImmediateBackground()).methods
            + WatchService(handler: member.handler).methods
            + LockService.methods(member.handler) + ElectionService.methods(member.handler)
            + more
        table = V3MethodTable(methods, facts: member.handler, edges: member.edges)
        gateway = GatewayHandler(table: table, edges: member.edges, maxRequestBytes: 1 << 20)
    }

    static func head(_ method: String, _ target: String, _ headers: [(String, String)])
        -> HTTPRequestHead
    {
        HTTPRequestHead(
            method: method, target: target, headers: HTTPHeaders(headers), version: .http11,
            connection: ConnectionFacts(
                remoteAddress: "127.0.0.1:1", localAddress: "127.0.0.1:2379"))
    }

    /// A whole request; served as far as it goes.
    @discardableResult
    func post(
        _ path: String, _ body: String, _ headers: [(String, String)] = [],
        method: String = "POST"
    ) -> RecordingResponder {
        let (responder, sink) = begin(path, headers, method: method, body: body)
        if let sink {
            if !body.isEmpty { _ = sink.receive(ByteBuffer(string: body)) }
            sink.complete()
        }
        member.run()
        return responder
    }

    /// A request whose body is a stream that the test goes on with.
    func open(_ path: String, _ headers: [(String, String)] = []) -> (
        RecordingResponder, any HTTPBodySink
    )? {
        let (responder, sink) = begin(path, headers, method: "POST", body: "")
        return sink.map { (responder, $0) }
    }

    private func begin(
        _ path: String, _ headers: [(String, String)], method: String, body: String
    ) -> (RecordingResponder, (any HTTPBodySink)?) {
        let head = GatewayFixture.head(method, path, headers)
        let responder = RecordingResponder(member.loop)
        switch gateway.plan(for: head, responder: responder) {
        case .collect:
            gateway.handle(head, body: ByteBuffer(string: body), responder: responder)
        case .ignore: gateway.handle(head, body: ByteBuffer(), responder: responder)
        case .stream(let sink): return (responder, sink)
        case .webSocket: responder.abort()
        }
        return (responder, nil)
    }
}
