//  A member on one embedded event loop: what is proposed is applied when the test says so.
//  Consensus is left out, everything behind it is real.

package import EtcdEdge
import EtcdMembership
import EtcdProto
import Logging
package import NIOEmbedded
import Raft
import RuntimeCore
import Simulator
import Synchronization

@testable package import EtcdServer

private final class QueuePort<Message: Sendable>: Port {
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

private struct SteadyClock: Clock {
    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: 1_000_000_000_000),
            wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
    }
}

private struct NoPeers: PeerConnectivity {
    func activeSince(_ id: MemberID) -> Instant? { nil }
}

/// Leader of a cluster of its own, in term 2.
package final class LoneMember {
    package let loop = EmbeddedEventLoop()
    package let edges: HTTPEdges
    package let handler: RequestHandler
    private let consensus = QueuePort<ConsensusInput>()
    private let applyPort = QueuePort<ApplyInput>()
    private var apply: ApplyRole
    private var index: LogIndex = 0
    /// Watch streams that are open.
    package private(set) var openStreams = 0

    package init() throws {
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
            settings: V3Keyspace.Settings(bcryptCost: 4), random: RandomSource(seed: 1))
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
            consensus: consensus, apply: applyPort, pools: WorkPools(ImmediateBackground()),
            connectivity: NoPeers())
        edges = HTTPEdges([loop])
    }

    /// Of the key space.
    package var revision: Int64? {
        let any = RangeRequest(key: [0], countOnly: true)
        return try? handler.readRange(any, context: CallContext()).get().header?.revision
    }

    /// Serves everything that was asked for, and what follows from it.
    package func run() {
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
