//  A consensus role on the bench: member 1, its peers' messages in by hand, and a log and a state
//  machine that do at once what they are asked for.

import EtcdProto
import EtcdServer
import Logging
import Raft
import RuntimeCore

final class ConsensusBench {
    let status = ReplicaStatus()
    /// While false, entries lie with the state machine and are not applied.
    var isApplying = true
    /// Of the last entry that went to the log.
    private(set) var lastIndex: LogIndex = 1
    private var role: ConsensusRole
    private var now = StandingClock().now()

    /// A follower whose log begins behind a snapshot at index 1; applied entries are dropped with
    /// the next tick.
    init(voters: [MemberID] = [1, 2, 3], learners: [MemberID] = []) {
        let confState = ConfState(voters: voters, learners: learners)
        let node = RawNode(
            configuration: RaftConfiguration(id: 1, preVote: false),
            random: RandomSource(seed: 1),
            hardState: HardState(term: 1, vote: .none, commit: 1),
            snapshot: SnapshotMetadata(confState: confState, index: 1, term: 1), entries: [],
            applied: 1)
        role = ConsensusRole(
            settings: ConsensusRole.Settings(
                localID: 1, tickMilliseconds: 100, electionTicks: 10, advancesFirstElection: false,
                hurriesAmongOthers: false, firstReadContext: 0, catchUpEntries: 0),
            node: node, confState: confState, status: status, metrics: ReplicaMetrics(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: now.monotonic)
    }

    // MARK: running

    /// One run; nobody answers what the role says.
    @discardableResult
    func run(_ inputs: [ConsensusInput]) -> [ConsensusOutput] {
        var outputs: [ConsensusOutput] = []
        role.run(inputs, now: now, outputs: &outputs)
        for case .append(let request) in outputs {
            if let last = request.entries.last { lastIndex = last.index }
        }
        return outputs
    }

    /// Runs until log and state machine have nothing to do.
    @discardableResult
    func settle(_ inputs: [ConsensusInput]) -> [ConsensusOutput] {
        var all: [ConsensusOutput] = []
        var next = inputs
        repeat {
            let outputs = run(next)
            all += outputs
            next = outputs.flatMap { answers(to: $0) }
        } while !next.isEmpty
        return all
    }

    private func answers(to output: ConsensusOutput) -> [ConsensusInput] {
        switch output {
        case .append(let request):
            return request.number > 0 ? [.persisted(request.number)] : []
        case .apply(let entries):
            guard isApplying, let last = entries.last else { return [] }
            guard last.kind == .confChange, let change = try? ConfChange(decoding: last.data)
            else { return [.applied(last.index)] }
            return [
                .confChangeApplied(ConfChangeV2(change), index: last.index),
                .applied(last.index),
            ]
        default:
            return []
        }
    }

    @discardableResult
    func tick() -> [ConsensusOutput] {
        now = Moment(monotonic: now.monotonic.advanced(byMilliseconds: 100), wall: now.wall)
        return settle([])
    }

    /// - Parameter message: of the present term unless it names one.
    @discardableResult
    func receive(_ message: Message) -> [ConsensusOutput] {
        var message = message
        message.to = 1
        if message.term == 0 { message.term = status.term }
        return settle([.messages([message])])
    }

    // MARK: leading

    /// Asks for votes at once.
    @discardableResult
    func campaign() -> [ConsensusOutput] {
        // Makes the term known that the message must carry.
        settle([])
        return receive(Message(.timeoutNow, from: 2))
    }

    /// Wins an election with the vote of member 2, which then has all of the log.
    func lead() {
        campaign()
        win()
    }

    /// Member 2 votes for the candidate.
    func win() {
        receive(Message(.voteResponse, from: 2))
        receive(Message(.appendResponse, from: 2, index: lastIndex))
    }

    /// Commits and applies something, with the acknowledgement of member 2.
    func write(_ payload: Proposal.Payload = .normal(Bytes("x"))) {
        settle([.propose(ConsensusBench.proposal(payload))])
        receive(Message(.appendResponse, from: 2, index: lastIndex))
    }

    static let never = Instant(nanoseconds: .max)

    static func proposal(_ payload: Proposal.Payload = .normal(Bytes("x"))) -> Proposal {
        Proposal(id: 1, payload: payload, expires: never)
    }

    /// Lets a follower say that it has nothing, and sends it a snapshot.
    func sendSnapshot(to peer: MemberID) -> [ConsensusOutput] {
        let asked = receive(Message(.appendResponse, from: peer, index: 1, reject: true))
        return asked + settle([.snapshotReady(snapshot, peer: peer)])
    }

    /// As the state machine would make it.
    var snapshot: Snapshot {
        Snapshot(metadata: SnapshotMetadata(index: lastIndex, term: status.term))
    }
}

extension [ConsensusOutput] {
    var sent: [Message] {
        flatMap { output -> [Message] in
            if case .send(let messages) = output { messages } else { [] }
        }
    }

    /// Of what went to the log.
    var numbers: [UInt64] {
        compactMap { if case .append(let request) = $0 { request.number } else { nil } }
    }

    var written: [Entry] {
        flatMap { output -> [Entry] in
            if case .append(let request) = output { request.entries } else { [] }
        }
    }

    var confirmedReads: [UInt64] {
        flatMap { output -> [UInt64] in
            if case .readConfirmed(_, let ids) = output { ids } else { [] }
        }
    }

    var applied: [Entry] {
        flatMap { output -> [Entry] in
            if case .apply(let entries) = output { entries } else { [] }
        }
    }

    var restored: [Snapshot] {
        compactMap { if case .restore(let snapshot) = $0 { snapshot } else { nil } }
    }

    var confStates: [ConfState] {
        compactMap { if case .confState(let state) = $0 { state } else { nil } }
    }

    var snapshotsWanted: [MemberID] {
        compactMap { if case .snapshotWanted(let peer) = $0 { peer } else { nil } }
    }
}
