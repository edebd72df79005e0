//  The contract of the front door: what a driver may rely on.

import Raft
import RuntimeCore
import Testing

@Suite("RawNode")
struct RawNodeTests {
    /// A leader of a cluster of one, with nothing left to do.
    private static func alone(
        committedBytes: Int = 1 << 20, uncommittedBytes: Int = 1 << 20
    ) -> Bench {
        var disk = TestDisk()
        disk.snapshot.metadata.confState = ConfState(voters: [1])
        let configuration = RaftConfiguration(
            id: 1, maxCommittedBytesPerReady: committedBytes,
            maxUncommittedBytes: uncommittedBytes)
        let bench = Bench(TestMember(configuration, disk: disk))
        bench.member.node.campaign()
        bench.collect()
        return bench
    }

    @Test("a single voter needs one Ready to write an entry and one to apply it")
    func hotPath() throws {
        let bench = Self.alone()
        try bench.member.node.propose([Bytes("a"), Bytes("b")])
        let write = bench.member.node.ready()
        #expect(write.entries.map(\.data) == [Bytes("a"), Bytes("b")])
        #expect(write.hardState == nil && write.mustSync && write.committed.isEmpty)
        let isBusy = bench.member.node.hasReady
        #expect(!isBusy)
        bench.member.node.persisted(write.number)
        let apply = bench.member.node.ready()
        #expect(apply.committed == write.entries)
        #expect(apply.hardState?.commit == 3)
        #expect(!apply.mustSync && apply.entries.isEmpty && apply.messages.isEmpty)
        bench.member.node.persisted(apply.number)
        bench.member.node.applied(upTo: 3)
        let isStillBusy = bench.member.node.hasReady
        #expect(!isStillBusy)
        #expect(bench.status.applied == 3)
    }

    @Test("writes may be pipelined; each makes durable what it carried")
    func pipelined() throws {
        let bench = Self.alone()
        var numbers: [UInt64] = []
        for number in 0..<4 {
            try bench.member.node.propose([Bytes("\(number)")])
            numbers.append(bench.member.node.ready().number)
        }
        bench.member.node.persisted(numbers[1])
        #expect(bench.status.commit == 3)
        bench.member.node.persisted(numbers[3])
        #expect(bench.status.commit == 5)
        #expect(bench.member.node.ready().committed.count == 4)
    }

    @Test("a batch of committed entries is bounded, but never empty")
    func committedBound() throws {
        let bench = Self.alone(committedBytes: 50)
        let large = Bytes([UInt8](repeating: 0, count: 100))
        try bench.member.node.propose([Bytes("a"), Bytes("b"), large, Bytes("c")])
        bench.member.node.persisted(bench.member.node.ready().number)
        var batches: [Int] = []
        while bench.member.node.hasReady {
            batches.append(bench.member.node.ready().committed.count)
        }
        #expect(batches == [2, 1, 1])
    }

    @Test("a change of membership ends its batch, and nothing follows before it is applied")
    func changeEndsBatch() throws {
        let bench = Self.alone()
        try bench.member.node.propose([Bytes("a")])
        try bench.member.node.proposeConfChange(kind: .confChange, data: Bytes("~2"))
        try bench.member.node.propose([Bytes("b")])
        bench.member.node.persisted(bench.member.node.ready().number)
        let first = bench.member.node.ready()
        #expect(first.committed.map(\.kind) == [.normal, .confChange])
        let isStillBusy = bench.member.node.hasReady
        #expect(!isStillBusy)
        let state = bench.member.node.applyConfChange(ConfChangeText.parse("~2"), at: 3)
        #expect(state == ConfState(voters: [1], learners: [2]))
        #expect(bench.member.node.ready().committed.map(\.data) == [Bytes("b")])
    }

    @Test("a change that a snapshot has overtaken changes nothing any more")
    func overtakenChange() {
        let bench = Bench(2)
        let change = Entry(term: 1, index: 1, kind: .confChange, data: Bytes("-3"))
        bench.member.node.step(
            Message(.append, to: 2, from: 1, term: 1, entries: [change], commit: 1))
        bench.member.node.persisted(bench.member.node.ready().number)
        #expect(bench.member.node.ready().committed == [change])
        let later = ConfState(voters: [1, 2, 3], learners: [4])
        bench.member.node.step(
            Message(
                .snapshot, to: 2, from: 1, term: 1,
                snapshot: Snapshot(
                    metadata: SnapshotMetadata(confState: later, index: 9, term: 1))))
        let state = bench.member.node.applyConfChange(ConfChangeText.parse("-3"), at: 1)
        #expect(state == nil)
        #expect(bench.status.confState == later)
    }

    @Test("the log of a new cluster forms its first configuration, member by member")
    func bootstrap() {
        var disk = TestDisk()
        disk.hardState = HardState(term: 1, vote: .none, commit: 3)
        disk.entries = (1...3).map {
            Entry(
                term: 1, index: LogIndex(UInt64($0)), kind: .confChange, data: Bytes("+\($0)"))
        }
        let bench = Bench(TestMember(RaftConfiguration(id: 2, preVote: false), disk: disk))
        // Before its configuration is in force a member does not campaign.
        bench.member.node.campaign()
        #expect(bench.status.role == .follower)
        bench.collect()
        #expect(bench.status.confState == ConfState(voters: [1, 2, 3]))
        #expect(bench.status.applied == 3)
        bench.member.node.campaign()
        #expect(bench.collect().map(\.to) == [1, 3])
    }

    @Test("a restart goes on from what was applied, even if the commit index was not written")
    func restart() {
        let entries = (1...5).map { Entry(term: 1, index: LogIndex(UInt64($0))) }
        var node = RawNode(
            configuration: RaftConfiguration(id: 1), random: RandomSource(seed: 1),
            hardState: HardState(term: 1, vote: 1, commit: 2),
            snapshot: SnapshotMetadata(
                confState: ConfState(voters: [1, 2]), index: 2, term: 1),
            entries: entries, applied: 4)
        #expect(node.status.commit == 4)
        #expect(node.status.firstIndex == 3)
        #expect(node.status.lastIndex == 5)
        let ready = node.ready()
        #expect(ready.committed.isEmpty)
        #expect(ready.hardState?.commit == 4)
    }

    @Test("compaction forgets entries, not the place where they ended")
    func compaction() throws {
        let bench = Self.alone()
        for number in 0..<100 {
            try bench.member.node.propose([Bytes("\(number)")])
            bench.collect()
            if number % 7 == 0 { bench.member.compact(keeping: 3) }
        }
        #expect(bench.status.firstIndex > 90)
        #expect(bench.status.lastIndex == 101)
        let again = bench.member.restarted(seed: 3)
        #expect(again.node.status.lastIndex == 101)
    }

    @Test("proposals are refused with the reason")
    func refusals() throws {
        let follower = Bench()
        #expect(throws: ProposalError.noLeader) { try follower.member.node.propose([Bytes("a")]) }
        follower.member.node.campaign()
        #expect(throws: ProposalError.noLeader) { try follower.member.node.propose([Bytes("a")]) }
        let leader = Bench()
        leader.lead()
        leader.member.node.transferLeadership(to: 2)
        #expect(throws: ProposalError.transferring) {
            try leader.member.node.propose([Bytes("a")])
        }
        let small = Self.alone(uncommittedBytes: 4)
        try small.member.node.propose([Bytes("aaaa")])
        #expect(throws: ProposalError.uncommittedBytesExceeded) {
            try small.member.node.propose([Bytes("b")])
        }
        small.collect()
        try small.member.node.propose([Bytes("b")])
    }

    @Test("a leader that was removed takes no proposals and steps down in an election timeout")
    func removedLeader() throws {
        let bench = Bench()
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 1)
        try bench.member.node.proposeConfChange(kind: .confChange, data: Bytes("-1"))
        bench.collect()
        let handedOver = bench.acknowledge(from: 2, index: 2)
        #expect(handedOver.contains { $0.kind == .timeoutNow && $0.to == 2 })
        #expect(throws: ProposalError.notMember) { try bench.member.node.propose([Bytes("a")]) }
        for _ in 0..<10 { bench.member.node.tick() }
        #expect(bench.status.role == .follower)
        for _ in 0..<50 { bench.member.node.tick() }
        #expect(bench.status.role == .follower)
    }

    @Test("a refused candidate learns what is committed, if it has the same entry there")
    func commitInRefusal() {
        let voter = Bench(2, log: [1, 1, 2], term: 2, commit: 2)
        let answers = voter.step(Message(.vote, from: 1, term: 3, logTerm: 1, index: 2))
        #expect(answers.map(\.reject) == [true])
        #expect(answers.map(\.commit) == [2])
        #expect(answers.map(\.logTerm) == [1])

        let candidate = Bench(1, log: [1, 1], term: 2)
        candidate.member.node.campaign()
        candidate.collect()
        candidate.step(answers[0])
        #expect(candidate.status.commit == 2)

        let stranger = Bench(1, log: [1, 2], term: 2)
        stranger.member.node.campaign()
        stranger.collect()
        stranger.step(answers[0])
        #expect(stranger.status.commit == 0)
    }

    @Test("a snapshot is asked for once, and again after the driver could not provide it")
    func snapshotWanted() throws {
        let bench = Bench()
        bench.lead()
        for _ in 0..<3 { try bench.member.node.propose([Bytes("a")]) }
        bench.collect()
        _ = bench.acknowledge(from: 2, index: 4)
        bench.member.compact(keeping: 0)
        func refuse() {
            bench.step(
                Message(
                    .appendResponse, from: 3, term: bench.status.term, index: 0, reject: true))
            bench.step(Message(.heartbeatResponse, from: 3, term: bench.status.term))
        }
        refuse()
        refuse()
        #expect(bench.member.snapshotsWanted == [3])
        bench.member.node.reportSnapshot(3, succeeded: false)
        refuse()
        #expect(bench.member.snapshotsWanted == [3, 3])
        let isSent = bench.member.node.provideSnapshot(bench.member.currentSnapshot, to: 3)
        #expect(isSent)
        #expect(bench.collect().map(\.kind) == [.snapshot])
        // Nothing else goes there until it has arrived.
        try bench.member.node.propose([Bytes("b")])
        #expect(bench.collect().map(\.to) == [2])
        let next = bench.acknowledge(from: 3, index: 4)
        #expect(next.first { $0.to == 3 }?.index == 4)
    }

    @Test("a member that denies what it has acknowledged is asked once for each of its heartbeats")
    func deniedEntries() throws {
        let bench = Bench(log: [1, 1, 1, 1])
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 5)
        bench.member.node.reportUnreachable(2)
        try bench.member.node.propose([Bytes("a")])
        #expect(bench.collect().filter { $0.to == 2 }.map(\.index) == [5])
        let denial = Message(
            .appendResponse, from: 2, term: bench.status.term, logTerm: 1, index: 5, reject: true,
            rejectHint: 2)
        #expect(bench.step(denial).isEmpty)
        let beat = Message(.heartbeatResponse, from: 2, term: bench.status.term)
        #expect(bench.step(beat).map(\.index) == [5])
        #expect(bench.step(denial).isEmpty)
    }

    @Test("a snapshot that nobody waits for is not sent, and the driver is told so")
    func snapshotNotWanted() {
        let bench = Bench()
        let snapshot = bench.member.currentSnapshot
        let isSentByFollower = bench.member.node.provideSnapshot(snapshot, to: 3)
        bench.lead()
        let isSentUnasked = bench.member.node.provideSnapshot(snapshot, to: 3)
        let isSentToStranger = bench.member.node.provideSnapshot(snapshot, to: 9)
        #expect(!isSentByFollower && !isSentUnasked && !isSentToStranger)
        #expect(bench.collect().isEmpty)
    }

    @Test("kinds that are local to a member are ignored when they come from a peer")
    func forged() {
        for kind in [
            Message.Kind.hup, .beat, .checkQuorum, .unreachable, .snapshotStatus, .forgetLeader,
            .storageAppend, .storageAppendResponse, .storageApply, .storageApplyResponse,
        ] {
            let bench = Bench()
            bench.lead()
            let before = bench.status
            #expect(bench.step(Message(kind, from: 2, term: 99)).isEmpty)
            #expect(bench.status == before)
        }
    }

    @Test("no message of any kind, however odd, brings a member down")
    func oddMessages() {
        var random = RandomSource(seed: 21)
        for _ in 0..<300 {
            let bench = Bench(log: [1, 1, 2], commit: 1, checkQuorum: random.oneIn(2))
            if random.oneIn(2) { bench.lead() }
            for _ in 0..<20 {
                func small() -> UInt64 { UInt64(random.below(6)) }
                let kind = Message.Kind.allCases[random.below(Message.Kind.allCases.count)]
                var message = Message(
                    kind, to: 1, from: MemberID(small()), term: Term(small()),
                    logTerm: Term(small()), index: LogIndex(small()),
                    entries: (0..<random.below(3)).map { _ in
                        Entry(term: Term(small()), index: LogIndex(small()))
                    }, commit: LogIndex(small()), reject: random.oneIn(2),
                    rejectHint: LogIndex(small()))
                if random.oneIn(3) {
                    message.snapshot = Snapshot(
                        metadata: SnapshotMetadata(
                            confState: ConfState(voters: [1, 2, 3]), index: LogIndex(small()),
                            term: Term(small())))
                }
                bench.member.node.step(message)
                if random.oneIn(3) { bench.member.node.tick() }
                if bench.member.node.hasReady { _ = bench.member.node.ready() }
            }
            #expect(bench.status.lastIndex >= bench.status.commit)
        }
    }
}
