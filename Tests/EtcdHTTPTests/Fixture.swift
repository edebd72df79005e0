//  A front end over a replica without roles: proposals stop in a fake consensus port, and the test
//  says what becomes of them.

import EtcdEdge
import EtcdMembership
import EtcdProto
import NIOCore
import NIOEmbedded
import Raft
import RuntimeCore
import Simulator
import Synchronization

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP
@testable import EtcdNet
@testable import EtcdServer

/// Keeps what it is given; full on demand.
final class FakeConsensus: Port {
    let inputs = Mutex<[ConsensusInput]>([])
    let isFull = Mutex(false)

    func post(_ message: ConsensusInput) -> Bool {
        if isFull.withLock({ $0 }) { return false }
        inputs.withLock { $0.append(message) }
        return true
    }
}

struct FakeApply: Port {
    func post(_ message: ApplyInput) -> Bool { true }
}

/// Never comes to its work.
struct HoldingBackground: BackgroundPool {
    func submit(_ work: @escaping @Sendable () -> Void) {}
}

struct FakeClock: Clock {
    static let start = Moment(
        monotonic: Instant(nanoseconds: 1_000_000_000_000),
        wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))

    func now() -> Moment { FakeClock.start }
}

struct FakePeers: PeerConnectivity, SelfStatisticsSource, LeaderStatisticsSource, MetricsSource {
    func activeSince(_ id: MemberID) -> Instant? { nil }

    var selfStatistics: SelfStatistics {
        let start = FakeClock.start.wall
        return SelfStatistics(
            startTime: WallTime(unixNanoseconds: start.unixNanoseconds - 2_500_000_000),
            leaderStartTime: WallTime(unixNanoseconds: start.unixNanoseconds - 2_197_213_450),
            received: SelfStatistics.Traffic(
                requests: 7, packagesPerSecond: 10.5, bytesPerSecond: 1e21))
    }

    var followerStatistics: [FollowerStatistics] {
        [
            FollowerStatistics(id: 0x9), FollowerStatistics(id: 0x10, current: 0.25, successes: 3),
        ]
    }

    func metricsText() -> [UInt8] { Array("a 1\n".utf8) }
}

/// Remembers what a handler answers.
final class FakeResponder: HTTPResponder {
    let loop: EmbeddedEventLoop
    var eventLoop: any EventLoop { loop }
    var isOpen = true
    var isWritable = true
    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?
    var status: Int?
    var headers = HTTPHeaders()
    var body = ""
    var parts: [String] = []
    var isFinished = false
    var isAborted = false
    /// The client is found to be gone when the head is sent.
    var leavesAtStart = false

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        precondition(self.status == nil, "answered twice")
        self.status = status
        self.headers = headers
        self.body = String(buffer: body)
        isFinished = true
    }

    func start(status: Int, headers: HTTPHeaders) {
        precondition(self.status == nil, "answered twice")
        self.status = status
        self.headers = headers
        if leavesAtStart { close() }
    }

    func write(_ part: ByteBuffer) { parts.append(String(buffer: part)) }
    func finish() { isFinished = true }
    func abort() { isAborted = true }

    func close() {
        isOpen = false
        let callback = onClose
        onClose = nil
        callback?()
    }
}

/// One member with id 2a of cluster c1, alone, at raft index 5 in term 2.
final class Fixture {
    let loop = EmbeddedEventLoop()
    let consensus = FakeConsensus()
    let status = ReplicaStatus()
    let keyspace = V2Keyspace()
    let v3 = emptyKeyspace()
    let registry = ProposalRegistry()
    let members: MemberDirectory
    let handler: RequestHandler
    let edges: HTTPEdges
    let metrics = HTTPMetrics()
    let router: HTTPRouter

    init(
        settings: HTTPRouter.Settings = HTTPRouter.Settings(serverVersion: "3.5.33"),
        surface: HTTPRouter.Surface = .clients, version: String? = "3.5.0",
        background: any BackgroundPool = ImmediateBackground(),
        gateway: (any HTTPHandler)? = nil
    ) {
        let member = Member(
            id: 0x2a, peerURLs: ["http://h:2380"], name: "ref", clientURLs: ["http://h:2379"])
        members = MemberDirectory(
            localID: 0x2a, clusterID: 0xc1,
            cluster: Cluster(members: [member], version: version))
        status.publish(leader: 0x2a, role: .leader)
        status.publish(term: 2, committed: 5)
        status.publish(applied: 5)
        handler = RequestHandler(
            settings: RequestHandler.Settings(
                electionMilliseconds: 1_000, strictReconfigCheck: false,
                maxRequestBytes: 1 << 20, maxLearners: 1),
            status: status, keyspace: keyspace, members: members, v3: v3.views,
            ids: RequestIDs(member: 0x2a, now: FakeClock.start.wall), registry: registry,
            clock: FakeClock(), consensus: consensus, apply: FakeApply(),
            pools: WorkPools(background), connectivity: FakePeers())
        edges = HTTPEdges([loop])
        router = HTTPRouter(
            settings: settings, surface: surface,
            services: HTTPServices(
                handler: handler, edges: edges, ownStatistics: FakePeers(),
                leaderStatistics: FakePeers(), metrics: FakePeers(), httpMetrics: metrics,
                gateway: gateway,
                processFacts: {
                    ProcessFacts(
                        commandLine: ["etcd", "--name", "ref"], fileDescriptorLimit: 1024,
                        residentBytes: 10, virtualBytes: 30)
                }))
    }

    /// Sends a request through plan and handle, the way a connection does.
    func send(
        _ method: String, _ target: String, _ headers: [(String, String)] = [],
        body: String = "", isTLS: Bool = false, commonName: String? = nil,
        leavesAtStart: Bool = false
    ) -> FakeResponder {
        var fields = HTTPHeaders([("Host", "h:2379")])
        for each in headers { fields.replaceOrAdd(name: each.0, value: each.1) }
        if !body.isEmpty { fields.add(name: "Content-Length", value: String(body.utf8.count)) }
        let head = HTTPRequestHead(
            method: method, target: target, headers: fields, version: .http11,
            connection: ConnectionFacts(
                remoteAddress: "127.0.0.1:1", localAddress: "127.0.0.1:2379", isTLS: isTLS,
                commonName: commonName))
        let responder = FakeResponder(loop)
        responder.leavesAtStart = leavesAtStart
        switch router.plan(for: head, responder: responder) {
        case .collect: router.handle(head, body: ByteBuffer(string: body), responder: responder)
        case .ignore: router.handle(head, body: ByteBuffer(), responder: responder)
        case .stream(let sink): sink.complete()
        case .webSocket: responder.abort()
        }
        return responder
    }

    func put(_ key: String, _ form: String) -> FakeResponder {
        send(
            "PUT", "/v2/keys" + key, [("Content-Type", "application/x-www-form-urlencoded")],
            body: form)
    }

    /// The id of the latest proposal or barrier.
    var latestID: UInt64? {
        switch consensus.inputs.withLock({ $0.last }) {
        case .propose(let proposal): proposal.id
        case .readBarrier(let id, _): id
        default: nil
        }
    }

    /// The latest proposal, decoded.
    func latestOperation() throws -> V2Request {
        guard case .propose(let proposal) = consensus.inputs.withLock({ $0.last }),
            case .normal(let bytes) = proposal.payload
        else { return V2Request(method: .other) }
        return try V2Request(decoding: bytes)
    }

    /// Lets the latest proposal or barrier end with `reply`.
    func answer(_ reply: Reply) {
        guard let id = latestID, let address = registry.take(id) else { return }
        address.edge.deliver([EdgeReply(token: address.token, reply: reply)])
        loop.run()
    }
}
