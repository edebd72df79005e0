//  One run of one seed: faults while clients work, then healing, then the final checks.

import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdServer
import Raft
import RuntimeCore

/// What a run was and how it ended.
package struct SimulationOutcome: Sendable {
    package let seed: UInt64
    package let violation: String?
    /// Equal for equal seeds and code.
    package let digest: UInt64
    package let answered: Int
    package let expiries: Int
    package let watching: WatchCounts
    package let leasesExpired: Int
    package let committed: UInt64
    package let steps: Int
    package let tail: [String]
}

package struct Simulation {
    private static let livenessNanoseconds: UInt64 = 120_000_000_000
    private static let stepsMax = 400_000

    private let seed: UInt64
    private let plan: SimulationPlan
    private let cluster: SimulatedCluster
    private var workload: Workload
    private var kv: KVWorkload
    private var watching: WatchWorkload
    private var random: RandomSource
    private var membershipToken: UInt64 = 0
    private let admin = SimulatedEdge(number: 999)
    private var joining: Member?

    private init(seed: UInt64, mutation: Mutation?, isVerbose: Bool) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        plan = SimulationPlan.draw(&random, mutation: mutation)
        cluster = try SimulatedCluster(plan: plan, random: random.split(), isVerbose: isVerbose)
        workload = Workload(plan: plan, random: &random)
        kv = KVWorkload(plan: plan, random: &random)
        watching = WatchWorkload(plan: plan, random: &random)
    }

    /// Runs a seed to its end. Never throws: what goes wrong is the outcome.
    package static func run(seed: UInt64, mutation: Mutation? = nil, isVerbose: Bool = false)
        -> SimulationOutcome
    {
        var violation: String?
        var simulation: Simulation?
        do {
            simulation = try Simulation(seed: seed, mutation: mutation, isVerbose: isVerbose)
            try simulation!.run()
        } catch {
            violation = "\(error)"
        }
        let cluster = simulation?.cluster
        return SimulationOutcome(
            seed: seed, violation: violation, digest: simulation?.digest ?? 0,
            answered: (simulation?.workload.answered ?? 0) + (simulation?.kv.answered ?? 0),
            expiries: simulation?.workload.expiriesSeen ?? 0,
            watching: simulation?.watching.counts ?? WatchCounts(),
            leasesExpired: cluster?.checkers.oracle.leasesExpired ?? 0,
            committed: cluster?.checkers.highestCommitted.rawValue ?? 0,
            steps: cluster?.steps ?? 0, tail: cluster?.trace.tail ?? [])
    }

    /// What happened, and what clients were told.
    private var digest: UInt64 {
        var digest = cluster.trace.digest
        for part in [kv.digest, watching.digest, UInt64(cluster.steps)] {
            digest = (digest ^ part) &* 0x100_0000_01B3
        }
        return digest
    }

    private mutating func run() throws {
        let end = cluster.time.now + plan.safetyMilliseconds * 1_000_000
        for client in workload.clients.indices { planClient(.client(client), pauseMax: 200) }
        for client in kv.clients.indices {
            planClient(.kvClient(client), pauseMax: plan.kv.pauseMilliseconds)
        }
        for client in watching.clients.indices { planClient(.watcher(client), pauseMax: 300) }
        cluster.agenda.plan(.fault, at: cluster.time.now + 2_000_000_000)
        do {
            while cluster.time.now < end, try step(until: end) {}
            try heal()
            try settle()
        } catch is SpoiledLog {
            cluster.trace.add(cluster.time.now, nil, "a spoiled log was refused")
        }
        try workload.checkLinearizable()
        try kv.checkLinearizable()
    }

    private mutating func step(until end: UInt64) throws -> Bool {
        guard cluster.steps < Simulation.stepsMax else {
            throw Violation(description: "no end after \(cluster.steps) steps")
        }
        var events: [SimulationEvent] = []
        let goesOn = try cluster.step(until: end) { events.append($0) }
        for event in events {
            switch event {
            case .client(let number):
                workload.issue(number, in: cluster)
                planClient(event, pauseMax: 200)
            case .kvClient(let number):
                try kv.issue(number, in: cluster)
                planClient(event, pauseMax: plan.kv.pauseMilliseconds)
            case .watcher(let number):
                try watching.act(number, in: cluster, &kv)
                planClient(event, pauseMax: 300)
            case .fault:
                try strike()
                cluster.agenda.plan(
                    .fault, at: cluster.time.now + pauseBeforeFault)
            default: break
            }
        }
        try collect()
        try collectAdmin()
        return goesOn
    }

    private mutating func collect() throws {
        try workload.collect(from: cluster)
        try kv.collect(from: cluster)
        try watching.collect(from: cluster, &kv)
    }

    private var pauseBeforeFault: UInt64 {
        mutating get {
            let milliseconds =
                plan.restartsQuickly ? 20 + random.below(100) : 200 + random.below(2_000)
            return UInt64(milliseconds) * 1_000_000
        }
    }

    private mutating func planClient(_ event: SimulationEvent, pauseMax: Int) {
        let pause = UInt64(5 + random.below(pauseMax)) * 1_000_000
        cluster.agenda.plan(event, at: cluster.time.now + pause)
    }

    // MARK: faults

    private mutating func strike() throws {
        let running = cluster.running
        guard !running.isEmpty else { return }
        if plan.restartsQuickly {
            try strikeTheOnlyVoter()
            return
        }
        let victim = running[random.below(running.count)]
        switch random.below(8) {
        case 0, 1:
            if plan.crashes {
                let down = UInt64(100 + random.below(3_000)) * 1_000_000
                try cluster.crash(victim, restartAfter: down)
                if random.oneIn(4) {
                    for other in cluster.running {
                        try cluster.crash(other, restartAfter: down)
                    }
                }
            }
        case 2, 3: if plan.partitions { partition(victim) }
        case 4: cluster.network.heal()
        case 5: strikeRarely(victim)
        case 6:
            if plan.transfersLeadership {
                let target = cluster.members[random.below(cluster.members.count)]
                cluster.trace.add(cluster.time.now, nil, "transfer to m\(target.number)")
                for member in running {
                    member.process!.handler.transferLeadership(to: target.id)
                }
            }
        default: if plan.changesMembership { changeMembership(via: victim) }
        }
    }

    /// Two members that cannot hear each other both need the vote of the third, which is always
    /// just coming back.
    private mutating func strikeTheOnlyVoter() throws {
        cluster.network.cutBoth(cluster.members[1].id, cluster.members[2].id)
        let voter = cluster.members[0]
        guard voter.isRunning else { return }
        try cluster.crash(voter, restartAfter: UInt64(1 + random.below(10)) * 1_000_000)
    }

    private mutating func partition(_ victim: SimulatedMember) {
        cluster.trace.add(cluster.time.now, victim.number, "is cut off")
        let isOneWay = random.oneIn(3)
        for other in cluster.members where other.id != victim.id {
            if isOneWay {
                cluster.network.cutOneWay(from: victim.id, to: other.id)
            } else if !random.oneIn(4) {
                cluster.network.cutBoth(victim.id, other.id)
            }
        }
    }

    private mutating func strikeRarely(_ victim: SimulatedMember) {
        if plan.clockJumps {
            let jump = Int64(random.below(20_000) - 10_000) * 1_000_000
            cluster.trace.add(cluster.time.now, victim.number, "clock jumps \(jump / 1_000_000)ms")
            victim.clock.jump(by: jump)
        }
        if plan.diskFills {
            cluster.trace.add(cluster.time.now, victim.number, "disk fills up")
            victim.disk.capacity = 0
            cluster.agenda.plan(
                .diskHasRoom(victim.number),
                at: cluster.time.now + UInt64(500 + random.below(4_000)) * 1_000_000)
        }
    }

    private mutating func changeMembership(via member: SimulatedMember) {
        guard joining == nil, let handler = member.process?.handler else { return }
        membershipToken += 1
        let address = ReplyAddress(edge: admin, token: membershipToken)
        let current = handler.members.list
        if current.count > 2, random.oneIn(2) {
            let target = current[random.below(current.count)]
            cluster.trace.add(cluster.time.now, member.number, "removes \(target.id)")
            _ = handler.removeMember(target.id, address: address)
        } else if cluster.members.count < plan.memberCount + 2 {
            let added = Member(
                name: "", peerURLs: [SimulatedCluster.url(cluster.members.count)], token: "",
                addedAt: member.clock.now().wall)
            cluster.trace.add(cluster.time.now, member.number, "adds \(added.id)")
            if case .success = handler.addMember(added, address: address) { joining = added }
        }
    }

    private mutating func collectAdmin() throws {
        for reply in admin.take() {
            if case .members(let members) = reply.reply, let added = joining,
                members.contains(where: { $0.id == added.id })
            {
                try cluster.addMember(id: added.id, known: members)
                joining = nil
            }
        }
    }

    // MARK: the end

    private mutating func heal() throws {
        cluster.trace.add(cluster.time.now, nil, "everything heals")
        cluster.network.heal()
        // An addition whose answer was lost may have been committed: its member must come, or
        // the cluster may wait for a quorum that cannot be had.
        for member in cluster.members {
            member.disk.capacity = Int.max
            try cluster.restart(member)
        }
        if let added = joining, cluster.member(added.id) == nil {
            try cluster.addMember(id: added.id, known: [])
        }
    }

    /// Every request ends, everybody agrees, a last read of every key finds what was written, every
    /// watch gets all there is, and every lease that nobody renews ends.
    private mutating func settle() throws {
        let limit = cluster.time.now + Simulation.livenessNanoseconds
        try wait(until: limit, "not settled: ") { $0.isSettled }
        try readLast(limit)
        watching.settle(at: participants)
        try wait(until: limit, "leases or watches do not end: ") {
            let model = $0.cluster.checkers.oracle.model
            return $0.isSettled && model.leases.isEmpty && $0.watching.isSettled(model)
        }
        try compareStates()
    }

    private mutating func wait(
        until limit: UInt64, _ complaint: String, _ isDone: (Simulation) -> Bool
    ) throws {
        while !isDone(self) {
            guard cluster.time.now < limit else {
                throw Violation(description: complaint + describeMembers())
            }
            _ = try stepQuietly(until: limit)
        }
    }

    private mutating func readLast(_ limit: UInt64) throws {
        for number in workload.clients.indices {
            for _ in 0..<plan.keyCount {
                workload.issue(number, in: cluster, onlyReads: true)
                try wait(until: limit, "last reads do not end: ") { !$0.workload.hasPending }
            }
        }
        for member in participants where !kv.clients.isEmpty {
            // It may still learn that it was removed, and then it stops.
            for register in 0..<plan.kv.registers where !member.isRetired {
                try wait(until: limit, "a member does not come back: ") { _ in
                    member.isRunning || member.isRetired
                }
                if member.isRetired { break }
                try kv.readRegister(register, 0, at: member, cluster)
                try wait(until: limit, "last reads do not end: ") { !$0.kv.hasPending }
            }
        }
    }

    /// A step in which clients and faults stay quiet.
    private mutating func stepQuietly(until end: UInt64) throws -> Bool {
        guard cluster.steps < 2 * Simulation.stepsMax else {
            throw Violation(description: "no end after \(cluster.steps) steps")
        }
        let goesOn = try cluster.step(until: end) { _ in }
        try collect()
        return goesOn
    }

    private var participants: [SimulatedMember] {
        cluster.running.filter { member in
            // A member that was never let in, or is out, does not count.
            let list = leaderMembers
            return list.isEmpty || list.contains(member.id)
        }
    }

    private var leaderMembers: [MemberID] {
        for member in cluster.running where member.process!.replica.status.role == .leader {
            return member.process!.replica.members.list.map(\.id)
        }
        return []
    }

    private var isSettled: Bool {
        if workload.hasPending || kv.hasPending { return false }
        let members = participants
        if members.contains(where: { $0.process!.keyspaceV3.store.hasCompaction }) { return false }
        let statuses = members.map { $0.process!.replica.status }
        guard let first = statuses.first, statuses.contains(where: { $0.role == .leader }) else {
            return false
        }
        return statuses.allSatisfy {
            $0.leader != .none && $0.applied == first.applied && $0.committed == $0.applied
                && $0.term == first.term
        }
    }

    private func describeMembers() -> String {
        cluster.members.map { member in
            guard let status = member.process?.replica.status else {
                return "m\(member.number) down"
            }
            return "m\(member.number) \(status.role) term \(status.term) "
                + "committed \(status.committed) applied \(status.applied) leader \(status.leader)"
        }.joined(separator: "; ") + "; pending \(workload.hasPending || kv.hasPending); leases "
            + "\(cluster.checkers.oracle.model.leases.keys.sorted()); "
            + watching.missing(cluster.checkers.oracle.model)
    }

    /// Equal applied index means equal key space and membership.
    private func compareStates() throws {
        for member in participants {
            try cluster.checkers.oracle.checkState(
                of: member.process!, member: member.number, "at the end")
        }
        try compareDatabases()
        let epoch = WallTime(unixNanoseconds: SimulatedClock.epoch)
        let members = participants
        guard let first = members.first?.process else { return }
        let reference = try? first.keyspace.get(
            Bytes("/"), recursive: true, sorted: true, now: epoch
        ).get()
        for member in members.dropFirst() {
            let process = member.process!
            let other = try? process.keyspace.get(
                Bytes("/"), recursive: true, sorted: true, now: epoch
            ).get()
            if process.replica.status.applied == first.replica.status.applied, other != reference {
                throw Violation(
                    description: "m\(member.number) and m\(members[0].number) hold different "
                        + "keys at index \(first.replica.status.applied)")
            }
        }
    }
}

extension Simulation {
    /// Bucket by bucket, apart from what members note about themselves.
    private func compareDatabases() throws {
        let members = participants
        guard let first = members.first?.process else { return }
        let reference = try hash(of: first)
        for member in members.dropFirst() {
            let process = member.process!
            guard process.keyspaceV3.appliedIndex == first.keyspaceV3.appliedIndex else { continue }
            if try hash(of: process) != reference {
                throw Violation(
                    description: "the databases of m\(member.number) and m\(members[0].number) "
                        + "differ at index \(process.keyspaceV3.appliedIndex): "
                        + difference(process, first))
            }
        }
    }

    /// The first row that two members do not hold alike.
    private func difference(
        _ one: SimulatedMember.Process, _ other: SimulatedMember.Process
    ) -> String {
        for bucket in V3Keyspace.buckets {
            let (left, right) = (rows(of: bucket, one), rows(of: bucket, other))
            for key in Set(left.keys).union(right.keys).sorted()
            where left[key] != right[key]
                && !key.withUnsafeBytes({ DatabaseRecords.isVolatile(bucket.name, $0) })
            {
                let texts = [left[key], right[key]].map { $0?.text ?? "nothing" }
                return "\(bucket.name.text)/\(key.text): \(texts[0]), \(texts[1])"
            }
        }
        return "in their buckets"
    }

    private func rows(of bucket: Bucket, _ process: SimulatedMember.Process) -> [Bytes: Bytes] {
        var rows: [Bytes: Bytes] = [:]
        process.replica.v3.backend.view().scan(bucket, from: .empty, to: nil) { key, value in
            rows[Bytes(Array(key))] = Bytes(Array(value))
            return true
        }
        return rows
    }

    /// Committed first: the configuration is written with a commit.
    private func hash(of process: SimulatedMember.Process) throws -> UInt32 {
        try process.keyspaceV3.backend.commit()
        return process.replica.v3.backend.view().hash(ignoring: DatabaseRecords.isVolatile)
    }
}

extension SimulatedMember.Process {
    var keyspace: V2Keyspace { replica.keyspace }
}
