//  What a leader may do on its own word, and what it may not once it has stood still.

import EtcdLease
import EtcdProto
import Logging
import Raft
import RuntimeCore
import Testing

@testable import EtcdServer

/// The consensus role of member 1 of three, with a quick disk; the others say what the test says.
private struct Voter: ~Copyable {
    let status: ReplicaStatus
    private(set) var now: Instant
    private var role: ConsensusRole

    init() {
        let status = ReplicaStatus()
        let now = Instant(nanoseconds: 100_000_000_000)
        let start = SnapshotMetadata(
            confState: ConfState(voters: [1, 2, 3]), index: 1, term: 1)
        let node = RawNode(
            configuration: RaftConfiguration(id: 1, electionTicks: 10, heartbeatTicks: 1),
            random: RandomSource(seed: 1), hardState: HardState(term: 1, vote: .none, commit: 1),
            snapshot: start, entries: [], applied: 1)
        role = ConsensusRole(
            settings: ConsensusRole.Settings(
                localID: 1, tickMilliseconds: 100, electionTicks: 10,
                advancesFirstElection: false, hurriesAmongOthers: false, firstReadContext: 1,
                catchUpEntries: 100),
            node: node, confState: start.confState, status: status, metrics: ReplicaMetrics(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: now)
        self.status = status
        self.now = now
    }

    /// Runs the role until everything it writes is durable.
    @discardableResult
    mutating func run(_ inputs: [ConsensusInput] = []) -> [ConsensusOutput] {
        let moment = Moment(monotonic: now, wall: WallTime(unixNanoseconds: 0))
        var all: [ConsensusOutput] = []
        var inputs = inputs
        repeat {
            var outputs: [ConsensusOutput] = []
            role.run(inputs, now: moment, outputs: &outputs)
            all += outputs
            inputs = []
            for case .append(let request) in outputs where request.number > 0 {
                inputs.append(.persisted(request.number))
            }
        } while !inputs.isEmpty
        return all
    }

    mutating func wait(milliseconds: UInt64) {
        now = now.advanced(byMilliseconds: milliseconds)
        run()
    }

    /// A tick, before which a follower has answered.
    mutating func tickWithQuorum() {
        run([.messages([Message(.heartbeatResponse, to: 1, from: 2, term: status.term)])])
        wait(milliseconds: 100)
    }

    mutating func lead() {
        run()
        run([.messages([Message(.timeoutNow, to: 1, from: 2, term: status.term)])])
        run([.messages([Message(.voteResponse, to: 1, from: 2, term: status.term)])])
    }

    @discardableResult
    mutating func follow(_ leader: MemberID) -> [ConsensusOutput] {
        run([.messages([Message(.heartbeat, to: 1, from: leader, term: status.term.next)])])
    }
}

@Suite("leadership")
struct LeadershipTests {
    @Test("a leader may be taken for one for half of an election timeout after a tick")
    func trust() {
        var voter = Voter()
        voter.lead()
        #expect(voter.status.role == .leader)
        // Elected, but no tick has shown that it is alive.
        #expect(!voter.status.leads(at: voter.now))
        voter.wait(milliseconds: 100)
        #expect(voter.status.leads(at: voter.now))
        #expect(voter.status.leads(at: voter.now.advanced(byMilliseconds: 499)))
        #expect(!voter.status.leads(at: voter.now.advanced(byMilliseconds: 500)))
    }

    @Test("one that stood still must find its quorum again")
    func doubt() {
        var voter = Voter()
        voter.lead()
        voter.tickWithQuorum()
        #expect(voter.status.leads(at: voter.now))
        voter.wait(milliseconds: 10_000)
        #expect(voter.status.role == .leader)
        #expect(!voter.status.leads(at: voter.now))
        for _ in 0..<19 {
            voter.tickWithQuorum()
            #expect(!voter.status.leads(at: voter.now))
        }
        voter.tickWithQuorum()
        #expect(voter.status.leads(at: voter.now))
    }

    @Test("one that was deposed while it stood still is none any more")
    func deposed() {
        var voter = Voter()
        voter.lead()
        voter.wait(milliseconds: 100)
        voter.follow(2)
        #expect(!voter.status.leads(at: voter.now))
        voter.wait(milliseconds: 100)
        #expect(!voter.status.leads(at: voter.now))
    }

    @Test("three ticks count where half of an election timeout is shorter")
    func longTicks() {
        var pulse = LeaderPulse(tickMilliseconds: 100, electionTicks: 5)
        let start = Instant(nanoseconds: 1_000_000_000)
        let next = start.advanced(byMilliseconds: 300)
        let late = next.advanced(byMilliseconds: 301)
        let until = [
            pulse.tick(start, leads: false), pulse.tick(next, leads: true),
            pulse.tick(late, leads: true),
        ]
        #expect(until == [nil, next.advanced(byMilliseconds: 300), nil])
    }

    @Test("a member tells when it last ticked, whether it leads or not, and only then")
    func ticks() {
        var voter = Voter()
        #expect(voter.status.lastTickAt == nil)
        voter.follow(2)
        #expect(voter.status.lastTickAt == nil)
        voter.wait(milliseconds: 100)
        let first = voter.now
        #expect(voter.status.lastTickAt == first)
        voter.wait(milliseconds: 10)
        voter.lead()
        #expect(voter.status.lastTickAt == first)
        voter.wait(milliseconds: 90)
        #expect(voter.status.lastTickAt == voter.now)
    }

    // MARK: proposals

    private static func proposal(_ basis: Proposal.Basis) -> ConsensusInput {
        .propose(
            Proposal(
                id: 7, payload: .normal(Bytes("p")), expires: Instant(nanoseconds: .max),
                basis: basis))
    }

    /// What became of a proposal.
    private static func fates(_ outputs: [ConsensusOutput]) -> [String] {
        var fates: [String] = []
        for output in outputs {
            switch output {
            case .append(let request):
                if request.entries.contains(where: { $0.data == Bytes("p") }) {
                    fates.append("appended")
                }
            case .send(let messages):
                for message in messages where message.kind == .propose {
                    fates.append("passed on to \(message.to)")
                }
            case .failed(let ids, let error): fates.append("\(ids) failed: \(error)")
            default: break
            }
        }
        return fates
    }

    @Test("what rests on leadership is proposed by the leader, and by nobody else")
    func leadersOwn() {
        var voter = Voter()
        let proposal = Self.proposal(.leadership)
        let first = Self.fates(voter.run([proposal]))
        voter.lead()
        let asLeader = Self.fates(voter.run([proposal]))
        let beat = Message(.heartbeat, to: 1, from: 2, term: voter.status.term.next)
        let whileDeposed = Self.fates(voter.run([.messages([beat]), proposal]))
        let asFollower = Self.fates(voter.run([proposal]))
        #expect(asLeader == ["appended"])
        for fates in [first, whileDeposed, asFollower] {
            #expect(fates == ["[7] failed: notLeader"])
        }
    }

    @Test("a wish waits for a leader, and is passed on to it")
    func wish() {
        var voter = Voter()
        let first = Self.fates(voter.run([Self.proposal(.wish)]))
        #expect(first.isEmpty)
        let released = Self.fates(voter.follow(2))
        let asFollower = Self.fates(voter.run([Self.proposal(.wish)]))
        #expect(released == ["passed on to 2"])
        #expect(asFollower == released)
    }
}

@Suite("leases on a leader")
struct LeaseLeadershipTests {
    private let fixture = Fixture()
    private let now = StandingClock().now().monotonic

    private func grant(_ id: Int64, at index: LogIndex) -> Entry {
        let request = InternalRaftRequest(
            header: RequestHeader(id: UInt64(id)),
            kind: .leaseGrant(LeaseGrantRequest(ttl: 10, id: id)))
        var data: [UInt8] = []
        request.encode(into: &data)
        return Entry(term: 1, index: index, data: Bytes(data))
    }

    /// An apply role that leads since term 1 and has granted lease 5.
    private func makeApplyRole() -> ApplyRole {
        fixture.replica.status.publish(leader: 1, role: .leader)
        fixture.replica.status.publish(term: 1, committed: 1)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        _ = run(&role, [.entries([grant(5, at: 1)])], after: 0)
        return role
    }

    private func run(
        _ role: inout ApplyRole, _ inputs: [ApplyInput], after milliseconds: UInt64
    ) -> [Proposal] {
        let moment = Moment(
            monotonic: now.advanced(byMilliseconds: milliseconds),
            wall: StandingClock().now().wall)
        var outputs: [ApplyOutput] = []
        role.run(inputs, now: moment, outputs: &outputs)
        return outputs.compactMap { output in
            if case .consensus(.propose(let proposal)) = output { proposal } else { nil }
        }
    }

    private func renew(isConfirmed: Bool = false) -> String {
        text(
            fixture.handler.leaseRenew(5, isConfirmed: isConfirmed) { fixture.address() }
        ) { "renewed for \($0.ttl)" }
    }

    private func timeToLive(isConfirmed: Bool = false) -> String {
        text(
            fixture.handler.leaseTimeToLive(
                LeaseTimeToLiveRequest(id: 5), context: nil, isConfirmed: isConfirmed
            ) { fixture.address() }
        ) { "granted for \($0.grantedTTL)" }
    }

    private func text<Value: Sendable>(
        _ answer: LeaseAnswer<Value>, _ here: (Value) -> String
    ) -> String {
        switch answer {
        case .here(let value): here(value)
        case .afterCheckpoint: "after a checkpoint"
        case .afterBarrier: "after a barrier"
        case .forward(let urls): "ask \(urls)"
        case .failed(let error): "\(error)"
        }
    }

    @Test("a leader that ticks answers at once; one that stands still only once it is confirmed")
    func answers() {
        _ = makeApplyRole()
        let status = fixture.replica.status
        #expect([renew(), timeToLive()] == ["after a barrier", "after a barrier"])
        status.publish(leadsUntil: now.advanced(byMilliseconds: 1))
        #expect([renew(), timeToLive()] == ["renewed for 10", "granted for 10"])
        status.publish(leadsUntil: now)
        #expect([renew(), timeToLive()] == ["after a barrier", "after a barrier"])
        #expect(renew(isConfirmed: true) == "renewed for 10")
        #expect(timeToLive(isConfirmed: true) == "granted for 10")
    }

    @Test("the only voter is confirmed by itself, however long it stands still")
    func alone() {
        _ = makeApplyRole()
        fixture.replica.status.publish(leadsUndisputed: true)
        #expect([renew(), timeToLive()] == ["renewed for 10", "granted for 10"])
    }

    @Test("the end of a lease rests on leadership")
    func expiry() throws {
        var role = makeApplyRole()
        // Its time, and an election timeout on top since the role's promotion.
        let proposals = run(&role, [], after: 11_000).filter { $0.basis == .leadership }
        try #require(proposals.count == 1)
        guard case .normal(let data) = proposals[0].payload,
            case .internalRequest(let request) = try EntryPayload.decode(data),
            case .leaseRevoke(let revocation) = request.kind
        else {
            Issue.record("something else was proposed")
            return
        }
        #expect(revocation.id == 5)
    }

    @Test("so does a renewal that takes a checkpoint back")
    func takingBack() {
        _ = makeApplyRole()
        fixture.replica.status.publish(leadsUntil: Instant(nanoseconds: .max))
        fixture.v3.lessor.checkpoint(
            id: 5, remainingTTL: 3, backend: fixture.v3.backend, persists: false)
        #expect(renew() == "after a checkpoint")
        #expect(fixture.port.proposals.map(\.basis) == [.leadership])
    }
}
