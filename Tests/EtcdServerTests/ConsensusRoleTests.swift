//  The consensus role fed by hand: what it holds back, for whom, and until when.

import EtcdProto
import EtcdServer
import Raft
import RuntimeCore
import Testing

@Suite("Consensus role")
struct ConsensusRoleTests {
    // MARK: the log in memory

    @Test("a snapshot that is not sent holds up no compaction", arguments: [3, 9] as [MemberID])
    func snapshotNotSent(peer: MemberID) {
        let bench = ConsensusBench()
        bench.lead()
        let outputs = bench.settle([.snapshotReady(bench.snapshot, peer: peer)])
        #expect(outputs.sent.isEmpty)
        bench.write()
        bench.tick()
        #expect(bench.receive(Message(.heartbeatResponse, from: 3)).snapshotsWanted == [3])
    }

    @Test("what follows a snapshot on its way is kept, until its receiver is removed")
    func receiverRemoved() {
        let bench = ConsensusBench(voters: [1, 2], learners: [3, 4])
        bench.lead()
        let outputs = bench.sendSnapshot(to: 3)
        #expect(outputs.snapshotsWanted == [3])
        #expect(outputs.sent.map(\.kind) == [.snapshot])
        bench.write()
        bench.tick()
        let kept = bench.receive(Message(.heartbeatResponse, from: 4))
        #expect(kept.snapshotsWanted.isEmpty)
        #expect(kept.sent.map(\.kind) == [.append])
        bench.write(.confChange(ConfChange(id: 0, kind: .removeNode, node: 3)))
        bench.tick()
        #expect(bench.receive(Message(.heartbeatResponse, from: 4)).snapshotsWanted == [4])
    }

    @Test("a follower keeps nothing for the snapshots that it sent as a leader")
    func steppedDown() {
        let bench = ConsensusBench()
        bench.lead()
        #expect(bench.sendSnapshot(to: 3).sent.map(\.kind) == [.snapshot])
        let last = bench.lastIndex
        bench.receive(
            Message(
                .append, from: 2, term: 3, logTerm: 2, index: last,
                entries: [Entry(term: 3, index: last.next)], commit: last.next))
        bench.tick()
        // It leads again, and member 3 has nothing yet.
        bench.lead()
        let outputs = bench.receive(
            Message(.appendResponse, from: 3, index: last.next, reject: true, rejectHint: 1))
        #expect(outputs.snapshotsWanted == [3])
    }

    // MARK: membership

    @Test("a membership change that a snapshot overtakes leaves the snapshot's members in force")
    func overtakenChange() {
        let bench = ConsensusBench()
        bench.isApplying = false
        let change = ConfChange(id: 0, kind: .removeNode, node: 3)
        let entry = Entry(
            term: 2, index: 2, kind: .confChange, data: Bytes(change.encoded))
        let handed = bench.receive(
            Message(
                .append, from: 2, term: 2, logTerm: 1, index: 1, entries: [entry], commit: 2))
        #expect(handed.applied == [entry])
        let later = SnapshotMetadata(
            confState: ConfState(voters: [1, 2, 3], learners: [4]), index: 20, term: 2)
        let arrived = bench.receive(
            Message(.snapshot, from: 2, snapshot: Snapshot(metadata: later)))
        #expect(arrived.isEmpty)
        let outputs = bench.settle([
            .confChangeApplied(ConfChangeV2(change), index: 2), .applied(2),
        ])
        #expect(outputs.confStates.isEmpty)
        #expect(outputs.restored.map(\.metadata) == [later])
        let votes = bench.campaign().sent.filter { $0.kind == .vote }
        #expect(votes.map(\.to) == [2, 3])
    }

    // MARK: a full disk

    /// Whom the leader asks to take over with the next tick.
    private func heirs(_ bench: ConsensusBench) -> [MemberID] {
        bench.tick().sent.filter { $0.kind == .timeoutNow }.map(\.to)
    }

    @Test("a leader whose disk is full hands over to those who go on without it, one by one")
    func fullLeader() {
        let bench = ConsensusBench()
        bench.lead()
        bench.receive(Message(.appendResponse, from: 3, index: bench.lastIndex))
        bench.run([.propose(ConsensusBench.proposal()), .storageFull(true)])
        #expect(heirs(bench).isEmpty)
        // One of three is no quorum: nobody could be elected.
        bench.receive(Message(.appendResponse, from: 2, index: bench.lastIndex))
        #expect(heirs(bench).isEmpty)
        bench.receive(Message(.appendResponse, from: 3, index: bench.lastIndex))
        #expect(heirs(bench) == [2])
        var next: [MemberID] = []
        for _ in 0..<12 {
            for peer in [2, 3] as [MemberID] {
                bench.receive(Message(.heartbeatResponse, from: peer))
            }
            next += heirs(bench)
        }
        #expect(next == [3])
        #expect(bench.status.role == .leader)
    }

    @Test("a follower whose disk is full leaves elections to others until there is room")
    func fullFollower() {
        let bench = ConsensusBench()
        bench.receive(Message(.heartbeat, from: 2, term: 2))
        #expect(bench.status.leader == 2)
        bench.settle([.storageFull(true)])
        for _ in 0..<30 { bench.tick() }
        #expect(bench.status.role == .follower)
        #expect(bench.status.leader == .none)
        bench.receive(Message(.timeoutNow, from: 2))
        #expect(bench.status.role == .follower)
        bench.settle([.storageFull(false)])
        for _ in 0..<20 { bench.tick() }
        #expect(bench.status.role == .candidate)
    }

    @Test("the only voter leads, with a full disk too")
    func fullAndAlone() {
        let bench = ConsensusBench(voters: [1])
        bench.settle([.storageFull(true)])
        for _ in 0..<20 { bench.tick() }
        #expect(bench.status.role == .leader)
    }

    @Test("behind a write that finds no room one answer waits, the newest")
    func answersOnFullDisk() throws {
        let bench = ConsensusBench()
        func append(_ entries: [Entry], after index: LogIndex, of term: Term) -> [ConsensusOutput] {
            let message = Message(
                .append, to: 1, from: 2, term: 2, logTerm: term, index: index, entries: entries)
            return bench.run([.messages([message])])
        }
        let write = append([Entry(term: 2, index: 2)], after: 1, of: 1)
        let number = try #require(write.numbers.last)
        for _ in 0..<3 { #expect(append([], after: 2, of: 2).sent.isEmpty) }
        let answers = bench.run([.persisted(number)]).sent
        #expect(answers.map(\.kind) == [.appendResponse, .appendResponse])
        #expect(answers.map(\.index) == [2, 2])
    }

    // MARK: what waits

    @Test("the answer to a round of reads starts the next round in the same run")
    func nextRound() throws {
        let bench = ConsensusBench()
        bench.lead()
        let first = bench.run([.readBarrier(id: 1, expires: ConsensusBench.never)]).sent
        let context = try #require(first.first).context
        #expect(bench.run([.readBarrier(id: 2, expires: ConsensusBench.never)]).isEmpty)
        let answer = Message(
            .heartbeatResponse, to: 1, from: 2, term: bench.status.term, context: context)
        let outputs = bench.run([.messages([answer])])
        #expect(outputs.confirmedReads == [1])
        #expect(outputs.sent.map(\.kind) == [.heartbeat, .heartbeat])
        #expect(outputs.sent.allSatisfy { $0.context != context && !$0.context.isEmpty })
        #expect(bench.run([.messages([answer])]).isEmpty)
    }

    @Test("a leader that appears gets what was held for it in the same run")
    func leaderAppears() {
        let bench = ConsensusBench()
        let held = bench.run([
            .propose(ConsensusBench.proposal()),
            .readBarrier(id: 2, expires: ConsensusBench.never),
        ])
        #expect(held.isEmpty)
        let outputs = bench.run([.messages([Message(.heartbeat, to: 1, from: 2, term: 2)])])
        #expect(outputs.sent.map(\.kind) == [.heartbeatResponse, .propose, .readIndex])
    }

    @Test("a member that wins an election takes what it has held in the same run")
    func ownElection() {
        let bench = ConsensusBench()
        bench.campaign()
        #expect(bench.run([.propose(ConsensusBench.proposal())]).isEmpty)
        let vote = Message(.voteResponse, to: 1, from: 2, term: bench.status.term)
        #expect(bench.run([.messages([vote])]).written.map(\.data) == [Bytes.empty, Bytes("x")])
    }
}
