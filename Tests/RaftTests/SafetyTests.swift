//  Many small clusters under random faults: lost, doubled and reordered messages, slow disks,
//  crashes that lose unwritten state, partitions, changes of membership, compaction, transfers.
//  After every step the properties of figure 3 of the paper must hold.

import Raft
import RuntimeCore
import Testing

/// What a run does, drawn from its seed: most faults are absent in most runs, so that each is
/// also seen alone.
private struct FaultPlan {
    let voters: Int
    let learners: Int
    let dropOneIn: Int
    let duplicateOneIn: Int
    let reorders: Bool
    let crashOneIn: Int
    let partitionOneIn: Int
    let confChangeOneIn: Int
    let compactOneIn: Int
    let transferOneIn: Int
    let persistOneIn: Int
    let preVote: Bool
    let checkQuorum: Bool
    let tinyMessages: Bool

    init(_ random: inout RandomSource) {
        func sometimes(_ rate: Int, _ random: inout RandomSource) -> Int {
            random.oneIn(2) ? rate : .max
        }
        voters = [1, 2, 3, 3, 3, 5][random.below(6)]
        learners = random.oneIn(4) ? 1 : 0
        dropOneIn = sometimes(8, &random)
        duplicateOneIn = sometimes(10, &random)
        reorders = random.oneIn(2)
        crashOneIn = sometimes(120, &random)
        partitionOneIn = sometimes(150, &random)
        confChangeOneIn = sometimes(60, &random)
        compactOneIn = sometimes(80, &random)
        transferOneIn = sometimes(150, &random)
        persistOneIn = 1 + random.below(4)
        preVote = random.oneIn(2)
        checkQuorum = random.oneIn(2)
        tinyMessages = random.oneIn(2)
    }
}

private struct Violation: Error, CustomStringConvertible {
    let description: String
}

/// A cluster of cores, its network, and the memory of everything that was ever promised.
private final class ChaosCluster {
    var random: RandomSource
    let plan: FaultPlan
    var members: [TestMember] = []
    var network: [Message] = []
    var groups: [Int] = []
    var proposals = 0
    var reads: [String: LogIndex] = [:]
    var readCount = 0
    var confirmedReads = 0

    // The promises.
    var leaders: [Term: MemberID] = [:]
    /// Term and state hash at each applied index.
    var applied: [(term: Term, hash: UInt64)?] = []
    var highestApplied: LogIndex = 1
    var failure: Violation?

    init(seed: UInt64) {
        var random = RandomSource(seed: seed)
        plan = FaultPlan(&random)
        self.random = random
        let total = plan.voters + plan.learners
        let ids = (1...UInt64(total)).map { MemberID($0) }
        for id in ids {
            add(
                TestMember(
                    configuration(id), voters: Array(ids.prefix(plan.voters)),
                    learners: Array(ids.suffix(plan.learners)), seed: self.random.next()))
        }
    }

    func configuration(_ id: MemberID) -> RaftConfiguration {
        RaftConfiguration(
            id: id, electionTicks: 6, heartbeatTicks: 1, preVote: plan.preVote,
            checkQuorum: plan.checkQuorum, maxMessageBytes: plan.tinyMessages ? 40 : 1 << 20,
            maxInflightMessages: plan.tinyMessages ? 3 : 256,
            maxCommittedBytesPerReady: plan.tinyMessages ? 64 : 1 << 20)
    }

    func add(_ member: TestMember) {
        watch(member)
        members.append(member)
        groups.append(0)
    }

    func watch(_ member: TestMember) {
        let id = member.id
        member.onApply = { [unowned self] entry, hash in
            let place = Int(entry.index.rawValue)
            while applied.count <= place { applied.append(nil) }
            if let known = applied[place] {
                if known.term != entry.term || known.hash != hash {
                    fail("state machine safety: \(id) applied another entry at \(entry.index)")
                }
            } else {
                applied[place] = (entry.term, hash)
            }
            highestApplied = max(highestApplied, entry.index)
        }
    }

    func fail(_ text: String) {
        if failure == nil { failure = Violation(description: text) }
    }

    func position(_ id: MemberID) -> Int { members.firstIndex { $0.id == id }! }

    // MARK: One step

    func step() throws {
        let place = random.below(members.count)
        let member = members[place]
        switch random.below(20) {
        case 0..<3: member.node.tick()
        case 3: propose(member)
        case 4..<11: deliver()
        case 11..<15: drain(member)
        case 15..<18:
            if random.oneIn(plan.persistOneIn) { network += member.persistOne() }
        case 18: fault(place)
        default: read(member)
        }
        check(place < members.count ? members[place] : member)
        if let failure { throw failure }
    }

    func propose(_ member: TestMember) {
        proposals += 1
        let data = (0...random.below(3)).map { Bytes("p\(proposals).\($0)") }
        try? member.node.propose(data)
    }

    func read(_ member: TestMember) {
        readCount += 1
        let context = "r\(readCount)"
        reads[context] = highestApplied
        member.node.readIndex(context: Bytes(context))
    }

    func deliver() {
        guard !network.isEmpty else { return }
        let place = plan.reorders ? random.below(network.count) : 0
        let message = network.remove(at: place)
        if plan.duplicateOneIn != .max && random.oneIn(plan.duplicateOneIn) {
            network.append(message)
        }
        let from = position(message.from)
        let to = position(message.to)
        let lost = plan.dropOneIn != .max && random.oneIn(plan.dropOneIn)
        guard !lost, groups[from] == groups[to] || message.from == message.to else {
            if message.kind == .snapshot {
                members[from].node.reportSnapshot(message.to, succeeded: false)
            } else if random.oneIn(2) {
                members[from].node.reportUnreachable(message.to)
            }
            return
        }
        members[to].node.step(message)
        if message.kind == .snapshot {
            members[from].node.reportSnapshot(message.to, succeeded: true)
        }
    }

    func drain(_ member: TestMember) {
        guard member.node.hasReady else { return }
        let ready = member.takeReady()
        if let change = ready.committed.dropLast().first(where: { $0.kind != .normal }) {
            fail("the change at \(change.index) is not the last of its batch")
        }
        network += ready.messages
        if !ready.needsPersistence && !ready.messagesAfterPersist.isEmpty {
            fail("promises without persistence")
        }
        for state in member.readStates { checkRead(state) }
        member.readStates = []
        for wanted in member.snapshotsWanted {
            if random.oneIn(4) {
                member.node.reportSnapshot(wanted, succeeded: false)
            } else {
                member.node.provideSnapshot(member.currentSnapshot, to: wanted)
            }
        }
        member.snapshotsWanted = []
        for event in member.events {
            switch event {
            case .droppedInvalidMessage, .lostEntries: fail("\(member.id): \(event)")
            default: break
            }
        }
        member.events = []
    }

    func checkRead(_ state: ReadState) {
        guard let atLeast = reads[state.context.text] else { return fail("a read nobody asked") }
        confirmedReads += 1
        if state.index < atLeast {
            fail("stale read \(state.context.text): \(state.index) < \(atLeast)")
        }
    }

    func fault(_ place: Int) {
        let member = members[place]
        if plan.crashOneIn != .max && random.oneIn(plan.crashOneIn / 20) { crash(place) }
        if plan.compactOneIn != .max && random.oneIn(plan.compactOneIn / 20) {
            members[place].compact(keeping: random.below(5))
        }
        if plan.transferOneIn != .max && random.oneIn(plan.transferOneIn / 20) {
            let target = members[random.below(members.count)].id
            member.node.transferLeadership(to: target)
        }
        if plan.partitionOneIn != .max && random.oneIn(plan.partitionOneIn / 20) {
            for index in groups.indices { groups[index] = random.below(2) }
            if random.oneIn(2) { heal() }
        }
        if plan.confChangeOneIn != .max && random.oneIn(plan.confChangeOneIn / 20) {
            changeMembership(member)
        }
    }

    func changeMembership(_ member: TestMember) {
        func word() -> String {
            "+~-+!".randomElement(using: &random).map(String.init)!
                + "\(1 + random.below(min(members.count + 1, 6)))"
        }
        var text = word()
        if random.oneIn(3) { text = "joint " + text + " " + word() }
        if random.oneIn(12) { text = "explicit " + text }
        if random.oneIn(8) { text = "" }
        for change in ConfChangeText.parse(text).changes where change.node != .none {
            if !members.contains(where: { $0.id == change.node }) {
                // A joining member starts with nothing, not even a configuration.
                add(TestMember(configuration(change.node), disk: TestDisk(), seed: random.next()))
            }
        }
        try? member.node.proposeConfChange(
            kind: ConfChangeText.kind(text), data: Bytes(text))
    }

    func crash(_ place: Int) {
        let member = members[place]
        // What was applied rested on durable entries: it must be on the disk.
        if member.disk.lastIndex < member.appliedIndex {
            fail("\(member.id) had applied \(member.appliedIndex), not durable")
        }
        members[place] = member.restarted(seed: random.next())
        watch(members[place])
        network.removeAll { $0.from == member.id && random.oneIn(2) }
    }

    func heal() { for index in groups.indices { groups[index] = 0 } }

    // MARK: The properties

    func check(_ member: TestMember) {
        let status = member.node.status
        guard status.role == .leader else { return }
        if let other = leaders[status.term], other != member.id {
            fail("election safety: \(other) and \(member.id) lead term \(status.term)")
        }
        guard leaders[status.term] == nil else { return }
        leaders[status.term] = member.id
        // Leader completeness: a new leader has everything that was applied anywhere.
        guard status.term > newestAppliedTerm else { return }
        var log = member.disk
        for ready in member.outstanding { log.write(ready) }
        guard log.snapshot.metadata.index < highestApplied else { return }
        for index in Int(log.snapshot.metadata.index.rawValue) + 1...Int(highestApplied.rawValue) {
            let here = log.entries.first { $0.index.rawValue == UInt64(index) }
            if here?.term != applied[index]?.term {
                fail("leader completeness: \(member.id) of term \(status.term) lacks \(index)")
            }
        }
    }

    var newestAppliedTerm: Term { applied.last??.term ?? 1 }

    /// Log matching over what is on the disks: same index and term means same entry.
    func checkLogMatching() {
        var seen: [LogIndex: [Term: Bytes]] = [:]
        for member in members {
            for entry in member.disk.entries {
                if let other = seen[entry.index]?[entry.term], other != entry.data {
                    fail("log matching: \(entry.index) of term \(entry.term)")
                }
                seen[entry.index, default: [:]][entry.term] = entry.data
            }
        }
    }

    /// Without faults the cluster must come to an agreement on something new. The members to do
    /// it with are those that the newest configuration asks for.
    func settle(seed: UInt64) throws {
        heal()
        for round in 0..<400 {
            for member in members {
                member.node.tick()
                pump()
            }
            for member in members where round % 20 == 19 && member.node.status.role == .leader {
                try? member.node.propose([Bytes("final \(round)")])
            }
            if let failure { throw failure }
            if hasSettled { return }
        }
        throw Violation(description: "no agreement after the faults: \(summary)")
    }

    var summary: String {
        members.map { member in
            let status = member.node.status
            return "\(member.id) \(status.role) term \(status.term) commit \(status.commit)"
                + " last \(status.lastIndex) leader \(status.leader) voters"
                + " \(status.confState.voters)+\(status.confState.votersOutgoing)"
        }.joined(separator: "; ")
    }

    var hasSettled: Bool {
        guard let leader = members.first(where: { $0.node.status.role == .leader }),
            leader.appliedData.last?.hasPrefix("final") == true
        else { return false }
        let configuration = leader.confState
        let participants = members.filter {
            configuration.voters.contains($0.id) || configuration.learners.contains($0.id)
        }
        return participants.allSatisfy {
            $0.appliedIndex == leader.appliedIndex && $0.stateHash == leader.stateHash
        }
    }

    func pump() {
        var steps = 0
        while steps < 10_000 {
            steps += 1
            var busy = false
            for member in members {
                if member.node.hasReady {
                    drain(member)
                    busy = true
                }
                if !member.outstanding.isEmpty {
                    network += member.persistOne()
                    busy = true
                }
            }
            let batch = network
            network = []
            for message in batch {
                guard let to = members.firstIndex(where: { $0.id == message.to }) else { continue }
                members[to].node.step(message)
                if message.kind == .snapshot {
                    members[position(message.from)].node.reportSnapshot(
                        message.to, succeeded: true)
                }
                busy = true
            }
            for member in members { check(member) }
            if !busy { return }
        }
        fail("the cluster never comes to rest: \(summary)")
    }
}

@Suite("Safety under faults")
struct SafetyTests {
    static func run(seed: UInt64, steps: Int) throws -> (applied: LogIndex, reads: Int) {
        let cluster = ChaosCluster(seed: seed)
        do {
            for step in 0..<steps {
                try cluster.step()
                if step % 500 == 0 { cluster.checkLogMatching() }
            }
            try cluster.settle(seed: seed)
            cluster.checkLogMatching()
            if let failure = cluster.failure { throw failure }
        } catch let violation as Violation {
            throw Violation(description: "seed \(seed): \(violation)")
        }
        return (cluster.highestApplied, cluster.confirmedReads)
    }

    @Test("the safety properties hold and agreement returns", arguments: 0..<8)
    func properties(batch: Int) throws {
        var applied = 0
        var reads = 0
        for seed in 0..<50 {
            let result = try Self.run(seed: UInt64(batch * 50 + seed), steps: 3_000)
            applied += Int(result.applied.rawValue)
            reads += result.reads
        }
        // A run in which nothing happens proves nothing.
        #expect(applied > 50 * 10)
        #expect(reads > 50)
    }
}
