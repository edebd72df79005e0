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
            usesTTL: random.oneIn(2),
            mutation: mutation)
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
        switch mutation {
        case .syncDoesNothing?, .acknowledgesBeforeDurable?: crashMode = .drop
        case .forgetsVote?:
            // Two candidates of one term, and a voter that is back before the second one asks.
            crashMode = .drop
            preVote = false
            restartsQuickly = true
            latencyMicrosecondsMax = 150_000
        default: break
        }
    }

    package var summary: String {
        "members=\(memberCount) clients=\(clientCount) keys=\(keyCount) segment=\(segmentBytes) "
            + "snapshot=\(snapshotCount)/\(catchUpEntries) latency=\(latencyMicrosecondsMax)us "
            + "disk=\(diskMicrosecondsMax)us loss=\(lossOneIn) partitions=\(partitions) "
            + "crashes=\(crashes)/\(crashMode) skew=\(clockSkewMilliseconds)ms "
            + "jumps=\(clockJumps) full=\(diskFills) membership=\(changesMembership) "
            + "transfer=\(transfersLeadership) ttl=\(usesTTL)"
    }
}
