//  One replica: what its roles share, and how each role is made. It starts no thread and opens no
//  socket; the daemon and the simulator do that, each in its own way.

package import EtcdMembership
package import EtcdWAL
package import Logging
package import Raft
package import RuntimeCore

/// The settings of one replica.
package struct ReplicaConfiguration: Sendable {
    package var name: String
    package var clientURLs: [String]
    package var heartbeatMilliseconds: UInt64
    package var electionMilliseconds: UInt64
    package var preVote: Bool
    package var initialElectionTickAdvance: Bool
    package var snapshotCount: UInt64
    package var snapshotCatchUpEntries: UInt64
    package var maxSnapshots: Int
    package var maxWALs: Int
    package var maxLearners: Int
    package var maxRequestBytes: Int
    package var strictReconfigCheck: Bool
    package var slowApplyMilliseconds: UInt64
    package var maxTxnOperations: Int
    package var compaction: AutoCompactor.Mode
    /// Where snapshots and received databases lie.
    package var snapshotDirectory: String
    package var serverVersion: String

    package init(
        name: String, clientURLs: [String], heartbeatMilliseconds: UInt64 = 100,
        electionMilliseconds: UInt64 = 1_000, preVote: Bool = true,
        initialElectionTickAdvance: Bool = true, snapshotCount: UInt64 = 100_000,
        snapshotCatchUpEntries: UInt64 = Limits.snapshotCatchUpEntries,
        maxSnapshots: Int = 5, maxWALs: Int = 5, maxLearners: Int = 1,
        maxRequestBytes: Int = Limits.requestBytesMax, strictReconfigCheck: Bool = true,
        slowApplyMilliseconds: UInt64 = 100, maxTxnOperations: Int = 128,
        compaction: AutoCompactor.Mode = .off, snapshotDirectory: String = "",
        serverVersion: String = "3.5.33"
    ) {
        self.name = name
        self.clientURLs = clientURLs
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.electionMilliseconds = electionMilliseconds
        self.preVote = preVote
        self.initialElectionTickAdvance = initialElectionTickAdvance
        self.snapshotCount = snapshotCount
        self.snapshotCatchUpEntries = snapshotCatchUpEntries
        self.maxSnapshots = maxSnapshots
        self.maxWALs = maxWALs
        self.maxLearners = maxLearners
        self.maxRequestBytes = maxRequestBytes
        self.strictReconfigCheck = strictReconfigCheck
        self.slowApplyMilliseconds = slowApplyMilliseconds
        self.maxTxnOperations = maxTxnOperations
        self.compaction = compaction
        self.snapshotDirectory = snapshotDirectory
        self.serverVersion = serverVersion
    }
}

/// Everything the roles and the edges of one member share.
package final class Replica: Sendable {
    /// What the consensus role starts from. Handed over once, because the entries may be many.
    package struct ConsensusStart: Sendable {
        package let hardState: HardState
        package let snapshot: SnapshotMetadata
        package let entries: [Entry]

        package init(_ opened: borrowing OpenedLog) {
            hardState = opened.hardState
            snapshot = opened.snapshotMetadata
            entries = opened.entries
        }
    }

    package let configuration: ReplicaConfiguration
    package let status = ReplicaStatus()
    package let keyspace: V2Keyspace
    package let v3: V3Views
    package let databases = SnapshotDatabases()
    package let members: MemberDirectory
    package let registry = ProposalRegistry()
    package let ids: RequestIDs
    package let metrics = ReplicaMetrics()
    package let clock: any Clock
    package let logger: Logger
    private let snapshot: SnapshotMetadata

    /// - Parameters:
    ///   - v3: of the key space that `makeApplyRole` will be given.
    ///   - keyspace, cluster: restored from the newest snapshot (`Bootstrap.restoreState`).
    ///   - known: members to show and to talk to until the log says more; for a joining member.
    package init(
        configuration: ReplicaConfiguration, localID: MemberID, clusterID: UInt64,
        snapshot: SnapshotMetadata, keyspace: V2Keyspace, v3: V3Views, cluster: Cluster,
        clock: any Clock, logger: Logger
    ) {
        self.configuration = configuration
        self.keyspace = keyspace
        self.v3 = v3
        self.snapshot = snapshot
        self.clock = clock
        self.logger = logger
        ids = RequestIDs(member: localID, now: clock.now().wall)
        members = MemberDirectory(localID: localID, clusterID: clusterID, cluster: cluster)
    }

    package func makeConsensusRole(_ start: ConsensusStart, random: RandomSource)
        -> ConsensusRole
    {
        let electionTicks = Int(
            configuration.electionMilliseconds / configuration.heartbeatMilliseconds)
        var raft = RaftConfiguration(
            id: members.localID, electionTicks: electionTicks, heartbeatTicks: 1)
        raft.preVote = configuration.preVote
        let node = RawNode(
            configuration: raft, random: random, hardState: start.hardState,
            snapshot: start.snapshot, entries: start.entries, applied: start.snapshot.index)
        let now = clock.now()
        return ConsensusRole(
            settings: ConsensusRole.Settings(
                localID: members.localID,
                tickMilliseconds: configuration.heartbeatMilliseconds,
                electionTicks: electionTicks,
                advancesFirstElection: configuration.initialElectionTickAdvance,
                hurriesAmongOthers: configuration.preVote,
                firstReadContext: RequestIDs.first(
                    member: members.localID, now: now.wall),
                catchUpEntries: configuration.snapshotCatchUpEntries),
            node: node, confState: start.snapshot.confState, status: status,
            metrics: metrics, logger: logger, now: now.monotonic)
    }

    package func makeLogRole(wal: WAL, snapshotter: Snapshotter) -> LogRole {
        LogRole(
            settings: LogRole.Settings(
                maxSnapshots: configuration.maxSnapshots, maxWALs: configuration.maxWALs),
            wal: wal, snapshotter: snapshotter, status: status, metrics: metrics, clock: clock,
            logger: logger, now: clock.monotonic())
    }

    package func makeApplyRole(v3: V3Keyspace) -> ApplyRole {
        ApplyRole(
            settings: ApplyRole.Settings(
                snapshotCount: configuration.snapshotCount,
                maxLearners: configuration.maxLearners, name: configuration.name,
                clientURLs: configuration.clientURLs,
                electionMilliseconds: configuration.electionMilliseconds,
                slowApplyMilliseconds: configuration.slowApplyMilliseconds,
                snapshotDirectory: configuration.snapshotDirectory,
                compaction: configuration.compaction),
            start: ApplyRole.Start(
                index: snapshot.index, term: snapshot.term, confState: snapshot.confState),
            keyspace: keyspace, v3: v3, members: members, registry: registry, status: status,
            metrics: metrics, databases: databases, ids: ids, clock: clock, logger: logger,
            now: clock.now())
    }

    package func makeRequestHandler(
        consensus: any Port<ConsensusInput>, apply: any Port<ApplyInput>,
        pools: WorkPools, connectivity: any PeerConnectivity
    ) -> RequestHandler {
        RequestHandler(
            settings: RequestHandler.Settings(
                electionMilliseconds: configuration.electionMilliseconds,
                strictReconfigCheck: configuration.strictReconfigCheck,
                maxRequestBytes: configuration.maxRequestBytes,
                maxLearners: configuration.maxLearners,
                maxTxnOperations: configuration.maxTxnOperations,
                serverVersion: configuration.serverVersion),
            status: status, keyspace: keyspace, members: members, v3: v3, ids: ids,
            registry: registry,
            clock: clock, consensus: consensus, apply: apply, pools: pools,
            connectivity: connectivity)
    }
}
