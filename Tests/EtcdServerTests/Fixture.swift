//  A replica's parts with hands on them: a clock that stands, a mailbox that keeps, an edge that
//  remembers.

import EtcdMembership
import EtcdProto
import EtcdServer
import Logging
import Raft
import RuntimeCore
import Simulator
import Synchronization

struct StandingClock: Clock {
    let moment = Moment(
        monotonic: Instant(nanoseconds: 100_000_000_000),
        wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
    func now() -> Moment { moment }
}

/// Takes up to `room` messages.
final class KeepingPort: Port {
    private let room: Int
    private let kept = Mutex<[ConsensusInput]>([])

    init(room: Int = .max) { self.room = room }

    func post(_ message: ConsensusInput) -> Bool {
        kept.withLock { kept in
            guard kept.count < room else { return false }
            kept.append(message)
            return true
        }
    }

    var proposals: [Proposal] {
        kept.withLock { kept in
            kept.compactMap { if case .propose(let proposal) = $0 { proposal } else { nil } }
        }
    }
}

final class KeepingApplyPort: Port {
    private let kept = Mutex<[ApplyInput]>([])
    let isFull = Atomic<Bool>(false)

    func post(_ message: ApplyInput) -> Bool {
        if isFull.load(ordering: .relaxed) { return false }
        kept.withLock { $0.append(message) }
        return true
    }

    var inputs: [ApplyInput] { kept.withLock { $0 } }
}

final class RememberingEdge: EdgePort {
    let number = 0
    private let seen = Mutex<[EdgeReply]>([])
    func deliver(_ replies: [EdgeReply]) { seen.withLock { $0 += replies } }
    var replies: [EdgeReply] { seen.withLock { $0 } }
}

/// Reachable for ever, for a moment, or not at all.
struct FixedConnectivity: PeerConnectivity {
    var since: [MemberID: Instant] = [:]
    func activeSince(_ id: MemberID) -> Instant? { since[id] }
}

struct Fixture {
    let replica: Replica
    /// Of the database.
    let disk: SimulatedDisk
    let v3: V3Keyspace
    let port: KeepingPort
    let handler: RequestHandler
    let apply = KeepingApplyPort()
    let edge = RememberingEdge()

    init(
        members: [Member] = [Member(id: 1, peerURLs: ["http://a:1"], name: "a")],
        connectivity: FixedConnectivity = FixedConnectivity(), room: Int = .max,
        disk: SimulatedDisk = SimulatedDisk(), snapshotCount: UInt64 = 100_000,
        settings: V3Keyspace.Settings = V3Keyspace.Settings()
    ) {
        self.disk = disk
        v3 = emptyKeyspace(on: disk, settings: settings)
        var configuration = ReplicaConfiguration(name: "a", clientURLs: ["http://a:2"])
        configuration.maxRequestBytes = 1_000
        configuration.snapshotCount = snapshotCount
        replica = Replica(
            configuration: configuration, localID: 1, clusterID: 7,
            snapshot: SnapshotMetadata(
                confState: ConfState(voters: members.map(\.id)), index: 0, term: 0),
            keyspace: V2Keyspace(), v3: v3.views, cluster: Cluster(members: members),
            clock: StandingClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        port = KeepingPort(room: room)
        handler = replica.makeRequestHandler(
            consensus: port, apply: apply, pools: WorkPools(ImmediateBackground()),
            connectivity: connectivity)
    }

    func address(_ token: UInt64 = 1) -> ReplyAddress { ReplyAddress(edge: edge, token: token) }
}

/// Runs the role so many milliseconds after its start.
@discardableResult
func run(
    _ role: inout ApplyRole, at milliseconds: UInt64, _ inputs: [ApplyInput] = []
) -> [ApplyOutput] {
    let start = StandingClock().now()
    let now = Moment(
        monotonic: start.monotonic.advanced(byMilliseconds: milliseconds), wall: start.wall)
    var outputs: [ApplyOutput] = []
    role.run(inputs, now: now, outputs: &outputs)
    return outputs
}

extension Entry {
    static func v2(_ request: V2Request, at index: LogIndex) -> Entry {
        var bytes: [UInt8] = []
        request.encode(into: &bytes)
        return Entry(term: 1, index: index, data: Bytes(bytes))
    }

    /// Puts a value of that size into the database, for nobody who waits.
    static func put(bytes count: Int, at index: LogIndex) -> Entry {
        let put = PutRequest(key: Bytes("k"), value: Bytes([UInt8](repeating: 7, count: count)))
        var bytes: [UInt8] = []
        InternalRaftRequest(header: RequestHeader(id: index.rawValue), kind: .put(put)).encode(
            into: &bytes)
        return Entry(term: 1, index: index, data: Bytes(bytes))
    }
}
