//  Questions of peers and of this member that get no reply: nobody stays registered for them.

import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdTransport
import Logging
import NIOCore
import NIOEmbedded
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdDaemon
@testable import EtcdServer

/// Takes what is posted, and never does anything about it.
private struct DeafPort<Message: Sendable>: Port {
    func post(_ message: Message) -> Bool { true }
}

private struct NoPeers: PeerConnectivity {
    func activeSince(_ id: MemberID) -> Instant? { nil }
}

private struct StandingClock: RuntimeCore.Clock {
    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: 100_000_000_000),
            wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
    }
}

@Suite("Unanswered questions", .timeLimit(.minutes(1)))
struct UnansweredTests {
    private let replica: Replica
    private let handler: RequestHandler

    /// Leads a cluster of itself and a learner, and hears of nothing.
    init() {
        let members = [
            Member(id: 1, peerURLs: ["http://a:1"], name: "a"),
            Member(id: 2, peerURLs: ["http://b:1"], isLearner: true, name: "b"),
        ]
        replica = Replica(
            configuration: ReplicaConfiguration(name: "a", clientURLs: ["http://a:2"]), localID: 1,
            clusterID: 7, snapshot: SnapshotMetadata(index: 0, term: 0), keyspace: V2Keyspace(),
            v3: emptyKeyspace().views, cluster: Cluster(members: members), clock: StandingClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        replica.status.publish(leader: 1, role: .leader)
        handler = replica.makeRequestHandler(
            consensus: DeafPort<ConsensusInput>(), apply: DeafPort<ApplyInput>(),
            pools: WorkPools(ImmediateBackground()), connectivity: NoPeers())
    }

    @Test("a peer's questions are forgotten when their time is over")
    func peers() {
        let loop = EmbeddedEventLoop()
        let services = ReplicaPeerServices(handler: handler, loop: loop)
        services.promote(2, token: nil) { _ in }
        services.downgradeEnabled { _ in }
        #expect(replica.registry.count == 2)
        loop.advanceTime(by: .minutes(1))
        #expect(replica.registry.count == 0)
    }

    @Test("a check's own question is forgotten when the check is given up")
    func ownQuestion() async throws {
        let loops = EventLoops(count: 1)
        let client = HTTPClient(loops: loops)
        let questions = MemberQuestions(
            handler: handler,
            client: LeaderClient(client: client, clusterID: 7, loops: loops.all),
            loop: loops.next())
        let check = Task { await questions.barrier() }
        check.cancel()
        #expect(await check.value == false)
        #expect(replica.registry.count == 0)
        client.shutdown()
        try await loops.shutdown()
    }
}
