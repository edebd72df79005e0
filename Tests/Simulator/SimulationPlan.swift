//  What a seed means: the shape of the cluster, which faults exist in this run, and how often.

package import RuntimeCore

/// A bug put in on purpose, to see that a checker finds it.
package enum Mutation: String, Sendable, CaseIterable {
    /// The disk says that it synced, and did not.
    case syncDoesNothing
    /// Consensus hears that a write is durable before it is.
    case acknowledgesBeforeDurable
    /// Linearizable reads are answered from the local tree at once.
    case readsWithoutBarrier
    /// The clock entries that end TTLs run five seconds ahead.
    case expiresEarly
    /// One member skips a committed entry's effect.
    case skipsAnEntry
    /// A member restarts without its term and vote.
    case forgetsVote
    /// One member skips the effect of a v3 write.
    case skipsKVWrite
    /// A record of an old revision changes in one member's database.
    case changesOldRecord
    /// One member's database says that it has come further than it has: effects are lost.
    case indexRunsAhead
    /// One member's database says that it has come less far: effects happen twice.
    case indexStaysBehind
    /// A snapshot arrives without its database.
    case snapshotWithoutDatabase
    /// A snapshot arrives with an older database.
    case snapshotWithOldDatabase
    /// Granted leases run ahead of time.
    case leasesEndEarly
    /// Renewals are confirmed, but nobody notes them.
    case renewsNothing
    /// Deliveries of a watch are lost.
    case watchDropsEvents
    /// The changes of one revision come to watchers one by one.
    case watchTearsRevisions
    /// Watchers are not told the previous value now and then.
    case watchForgetsPrevious
    /// One member does not hear that a right was taken away.
    case keepsRevokedRights
}

/// The part of a run that the v3 API has. Most of what is possible is absent in most runs.
package struct KVPlan: Sendable {
    package var clients: Int
    package var watchers: Int
    /// Keys that are written alone, and keys that take part in everything.
    package var registers: Int
    package var keys: Int
    package var valueBytesMax: Int
    package var pauseMilliseconds: Int
    package var transacts: Bool
    package var deletes: Bool
    package var leases: Bool
    package var compacts: Bool
    package var defragments: Bool
    package var readsLocally: Bool
    package var readsOldRevisions: Bool
    package var slowReaders: Bool
    /// Users and roles are in force for a part of the run, and change.
    package var usesAuth: Bool
    package var minimumLeaseSeconds: Int64
    package var commitMilliseconds: UInt64
    package var commitOperations: Int
    package var compactionBatch: Int
    package var progressMilliseconds: UInt64

    static func draw(_ random: inout RandomSource) -> KVPlan {
        KVPlan(
            clients: 2 + random.below(4), watchers: random.below(4),
            registers: 1 + random.below(3), keys: 1 + random.below(6),
            valueBytesMax: [0, 0, 0, 200, 6_000][random.below(5)],
            pauseMilliseconds: [15, 40, 200, 200][random.below(4)],
            transacts: random.oneIn(2), deletes: random.oneIn(2), leases: random.oneIn(2),
            compacts: random.oneIn(2), defragments: random.oneIn(3),
            readsLocally: random.oneIn(2), readsOldRevisions: random.oneIn(2),
            slowReaders: random.oneIn(2), usesAuth: false,
            minimumLeaseSeconds: Int64(1 + random.below(2)),
            commitMilliseconds: [10, 100, 1_000][random.below(3)] as UInt64,
            commitOperations: [4, 40, 10_000][random.below(3)],
            compactionBatch: [1, 10, 1_000][random.below(3)],
            progressMilliseconds: [100, 1_000, 600_000][random.below(3)] as UInt64)
    }

    /// Nobody uses the v3 API.
    mutating func silence() {
        clients = 0
        watchers = 0
    }

    package var summary: String {
        "kv=\(clients)+\(watchers) keys=\(registers)+\(keys)/\(valueBytesMax) txn=\(transacts) "
            + "delete=\(deletes) lease=\(leases)/\(minimumLeaseSeconds)s compact=\(compacts)/"
            + "\(compactionBatch) defragment=\(defragments) local=\(readsLocally) "
            + "old=\(readsOldRevisions) slow=\(slowReaders) auth=\(usesAuth) "
            + "commit=\(commitMilliseconds)ms/\(commitOperations)"
    }
}

/// Drawn from the seed; swarm style, most faults absent in most runs.
package struct SimulationPlan: Sendable {
    package var memberCount: Int
    package var clientCount: Int
    package var keyCount: Int
    package var segmentBytes: Int
    package var snapshotCount: UInt64
    package var catchUpEntries: UInt64
    package var safetyMilliseconds: UInt64
    package var latencyMicrosecondsMax: Int
    package var diskMicrosecondsMax: Int
    /// One message in so many is lost; 0 for none.
    package var lossOneIn: Int
    package var partitions: Bool
    package var crashes: Bool
    package var crashMode: CrashMode
    package var clockSkewMilliseconds: Int
    package var clockJumps: Bool
    package var diskFills: Bool
    package var changesMembership: Bool
    package var transfersLeadership: Bool
    package var usesTTL: Bool
    package var kv: KVPlan
    package var preVote = true
    /// One member crashes again and again while the other two compete for its vote.
    package var restartsQuickly = false
    package var mutation: Mutation?

    package static func draw(_ random: inout RandomSource, mutation: Mutation?) -> SimulationPlan {
        let latencies = [200, 2_000, 20_000, 80_000]
        var plan = SimulationPlan(
            memberCount: [1, 3, 3, 3, 5][random.below(5)],
            clientCount: 2 + random.below(4),
            keyCount: 1 + random.below(4),
            segmentBytes: [4_096, 16_384, 65_536][random.below(3)],
            snapshotCount: [10, 50, 100_000][random.below(3)] as UInt64,
            catchUpEntries: [0, 5, 40, 5_000][random.below(4)] as UInt64,
            safetyMilliseconds: 6_000 + UInt64(random.below(10_000)),
            latencyMicrosecondsMax: latencies[random.below(4)],
            diskMicrosecondsMax: latencies[random.below(4)],
            lossOneIn: random.oneIn(3) ? 20 + random.below(100) : 0,
            partitions: random.oneIn(2),
            crashes: random.oneIn(2),
            crashMode: CrashMode.allCases[random.below(3)],
            clockSkewMilliseconds: random.oneIn(3) ? random.below(2_000) : 0,
            clockJumps: random.oneIn(6),
            diskFills: random.oneIn(6),
            changesMembership: random.oneIn(4),
            transfersLeadership: random.oneIn(3),
            usesTTL: random.oneIn(2), kv: KVPlan.draw(&random),
            mutation: mutation)
        // One API or the other, or both at once.
        switch random.below(4) {
        case 0: plan.kv.silence()
        case 1: break
        default: plan.clientCount = 0
        }
        // Drawn aside, so that a seed means what it meant before there were users.
        var aside = random
        plan.kv.usesAuth = aside.below(3) == 2
        if mutation != nil { plan.provoke() }
        return plan
    }

    /// Makes a run likely to show its planted bug.
    private mutating func provoke() {
        memberCount = 3
        crashes = true
        partitions = true
        changesMembership = false
        diskFills = false
        clockJumps = false
        clockSkewMilliseconds = 0
        usesTTL = true
        clientCount = max(clientCount, 2)
        kv.clients = max(kv.clients, 3)
        kv.watchers = max(kv.watchers, 2)
        kv.usesAuth = mutation == .keepsRevokedRights
        switch mutation {
        case .syncDoesNothing?, .acknowledgesBeforeDurable?: crashMode = .drop
        case .forgetsVote?:
            // Two candidates of one term, and a voter that is back before the second one asks.
            crashMode = .drop
            preVote = false
            restartsQuickly = true
            latencyMicrosecondsMax = 150_000
        case .expiresEarly?, .skipsAnEntry?, .readsWithoutBarrier?, nil: break
        default: provokeKV()
        }
    }

    private mutating func provokeKV() {
        clientCount = 0
        kv.transacts = true
        kv.deletes = true
        kv.leases = mutation == .leasesEndEarly || mutation == .renewsNothing
        kv.minimumLeaseSeconds = 2
        kv.pauseMilliseconds = 40
        kv.commitMilliseconds = 100
        kv.compacts = false
        switch mutation {
        case .snapshotWithoutDatabase?, .snapshotWithOldDatabase?:
            snapshotCount = 10
            catchUpEntries = 0
        case .leasesEndEarly?, .renewsNothing?:
            crashes = false
            partitions = false
        case .indexRunsAhead?, .indexStaysBehind?:
            snapshotCount = 100_000
        default: break
        }
    }

    package var summary: String {
        "members=\(memberCount) clients=\(clientCount) keys=\(keyCount) segment=\(segmentBytes) "
            + "snapshot=\(snapshotCount)/\(catchUpEntries) latency=\(latencyMicrosecondsMax)us "
            + "disk=\(diskMicrosecondsMax)us loss=\(lossOneIn) partitions=\(partitions) "
            + "crashes=\(crashes)/\(crashMode) skew=\(clockSkewMilliseconds)ms "
            + "jumps=\(clockJumps) full=\(diskFills) membership=\(changesMembership) "
            + "transfer=\(transfersLeadership) ttl=\(usesTTL) " + kv.summary
    }
}
