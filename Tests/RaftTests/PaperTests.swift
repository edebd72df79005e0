//  What the paper (In Search of an Understandable Consensus Algorithm) and the thesis (Consensus:
//  Bridging Theory and Practice) claim, one test for each claim.

import Raft
import RuntimeCore
import Testing

/// A member and the shortest way to see what it answers.
private struct Bench {
    let member: TestMember

    init(
        _ id: MemberID = 1, voters: [MemberID] = [1, 2, 3], learners: [MemberID] = [],
        log terms: [UInt64] = [], term: UInt64 = 1, vote: MemberID = .none, commit: UInt64 = 0,
        preVote: Bool = false, checkQuorum: Bool = false, electionTicks: Int = 10
    ) {
        var disk = TestDisk()
        disk.snapshot.metadata.confState = ConfState(voters: voters, learners: learners)
        disk.entries = terms.enumerated().map {
            Entry(
                term: Term($0.element), index: LogIndex(UInt64($0.offset + 1)),
                data: Bytes("\($0.element)"))
        }
        disk.hardState = HardState(
            term: Term(max(term, terms.max() ?? 0)), vote: vote, commit: LogIndex(commit))
        member = TestMember(
            RaftConfiguration(
                id: id, electionTicks: electionTicks, preVote: preVote, checkQuorum: checkQuorum),
            disk: disk)
    }

    var status: RaftStatus { member.node.status }

    /// What leaves the member when its disk is quick.
    @discardableResult
    func collect() -> [Message] {
        var messages: [Message] = []
        while member.node.hasReady || !member.outstanding.isEmpty {
            if member.node.hasReady { messages += member.takeReady().messages }
            messages += member.persistOne()
        }
        return messages
    }

    @discardableResult
    func step(_ message: Message) -> [Message] {
        var message = message
        message.to = status.id
        member.node.step(message)
        return collect()
    }

    /// Wins an election with the votes of the others.
    @discardableResult
    func lead() -> [Message] {
        member.node.campaign()
        collect()
        var messages: [Message] = []
        for voter in status.confState.voters where voter != status.id && status.role != .leader {
            messages = step(Message(.voteResponse, from: voter, term: status.term))
        }
        #expect(status.role == .leader)
        return messages
    }

    func acknowledge(from id: MemberID, index: UInt64) -> [Message] {
        step(
            Message(.appendResponse, from: id, term: status.term, index: LogIndex(index)))
    }
}

@Suite("Claims of the paper: elections")
struct ElectionPaperTests {
    @Test("5.1: a member that sees a later term becomes follower in it", arguments: 0..<3)
    func laterTerm(role: Int) {
        let bench = Bench()
        if role == 1 { bench.member.node.campaign() }
        if role == 2 { bench.lead() }
        bench.step(Message(.append, from: 2, term: 9))
        #expect(bench.status.role == .follower)
        #expect(bench.status.term == 9)
        #expect(bench.status.leader == 2)
    }

    @Test("5.1: messages of an earlier term are dropped")
    func earlierTerm() {
        let bench = Bench(term: 5)
        let answers = bench.step(
            Message(
                .append, from: 2, term: 4, entries: [Entry(term: 4, index: 1)], commit: 1))
        #expect(answers.isEmpty)
        #expect(bench.status.lastIndex == 0)
        #expect(bench.status.term == 5)
    }

    @Test("5.2: members start as followers")
    func startAsFollower() {
        #expect(Bench().status.role == .follower)
    }

    @Test("5.2: a leader sends heartbeats to all others at every interval")
    func heartbeats() {
        let bench = Bench()
        bench.lead()
        bench.member.node.tick()
        let beats = bench.collect().filter { $0.kind == .heartbeat }
        #expect(beats.map(\.to) == [2, 3])
        #expect(beats.allSatisfy { $0.term == bench.status.term })
    }

    @Test("5.2: without a leader a follower becomes candidate, raises its term, votes for itself")
    func startElection() {
        let bench = Bench()
        for _ in 0..<20 where bench.status.role == .follower { bench.member.node.tick() }
        let requests = bench.collect()
        #expect(bench.status.role == .candidate)
        #expect(bench.status.term == 2)
        #expect(bench.status.vote == 1)
        #expect(requests.map(\.kind) == [.vote, .vote])
        #expect(requests.map(\.to) == [2, 3])
    }

    @Test("5.2: a candidate leads with the votes of a majority and no fewer", arguments: [3, 5, 7])
    func majority(size: Int) {
        let voters = (1...UInt64(size)).map { MemberID($0) }
        let bench = Bench(voters: voters)
        bench.member.node.campaign()
        bench.collect()
        for voter in voters.dropFirst().prefix(size / 2) {
            #expect(bench.status.role == .candidate)
            bench.step(Message(.voteResponse, from: voter, term: bench.status.term))
        }
        #expect(bench.status.role == .leader)
    }

    @Test("5.2: a candidate that is refused by a majority becomes follower")
    func refused() {
        let bench = Bench()
        bench.member.node.campaign()
        bench.collect()
        for voter: MemberID in [2, 3] {
            bench.step(
                Message(.voteResponse, from: voter, term: bench.status.term, reject: true))
        }
        #expect(bench.status.role == .follower)
    }

    @Test("5.2: the same member's vote counts once")
    func voteCountsOnce() {
        let bench = Bench(voters: [1, 2, 3, 4, 5])
        bench.member.node.campaign()
        bench.collect()
        for _ in 0..<3 {
            bench.step(Message(.voteResponse, from: 2, term: bench.status.term))
        }
        #expect(bench.status.role == .candidate)
    }

    @Test("5.2: a voter votes for one candidate in each term, first come first served")
    func oneVote() {
        let bench = Bench()
        let first = bench.step(Message(.vote, from: 2, term: 2))
        let second = bench.step(Message(.vote, from: 3, term: 2))
        let again = bench.step(Message(.vote, from: 2, term: 2))
        #expect(first.map(\.reject) == [false])
        #expect(second.map(\.reject) == [true])
        #expect(again.map(\.reject) == [false])
    }

    @Test("5.2: a vote survives a crash")
    func voteSurvives() {
        let bench = Bench()
        bench.step(Message(.vote, from: 2, term: 2))
        let restarted = bench.member.restarted(seed: 9)
        restarted.node.step(Message(.vote, to: 1, from: 3, term: 2))
        _ = restarted.takeReady()
        #expect(restarted.persistOne().map(\.reject) == [true])
    }

    @Test("5.2: a candidate that hears from a leader of its term recognises it")
    func candidateFallsBack() {
        let bench = Bench()
        bench.member.node.campaign()
        bench.step(Message(.append, from: 2, term: 2))
        #expect(bench.status.role == .follower)
        #expect(bench.status.leader == 2)
    }

    @Test("5.2: a split vote ends with a new election in a later term")
    func splitVote() {
        let bench = Bench()
        bench.member.node.campaign()
        for _ in 0..<20 where bench.status.term == 2 { bench.member.node.tick() }
        #expect(bench.status.term == 3)
        #expect(bench.status.role == .candidate)
    }

    @Test("5.2: election timeouts are spread over one to two base timeouts")
    func randomTimeouts() {
        let bench = Bench(voters: [1, 2])
        var seen: Set<Int> = []
        for _ in 0..<400 {
            let term = bench.status.term
            var ticks = 0
            while bench.status.term == term {
                bench.member.node.tick()
                ticks += 1
            }
            seen.insert(ticks)
        }
        #expect(seen.sorted() == Array(10...19))
    }

    @Test(
        "5.4.1: the vote goes to a log that ends in a later term, or is at least as long",
        arguments: [
            ([1], 1, 1, true), ([1], 1, 2, true), ([1, 1], 1, 1, false), ([1], 2, 1, true),
            ([1, 1], 2, 1, true), ([2], 1, 9, false), ([2], 2, 1, true),
        ] as [([UInt64], UInt64, UInt64, Bool)])
    func upToDate(log: [UInt64], lastTerm: UInt64, lastIndex: UInt64, granted: Bool) {
        let bench = Bench(log: log)
        let answers = bench.step(
            Message(
                .vote, from: 2, term: 3, logTerm: Term(lastTerm), index: LogIndex(lastIndex)))
        #expect(answers.map(\.reject) == [!granted])
    }

    @Test("figure 2: term and vote are durable before a vote leaves")
    func voteAfterPersist() {
        let bench = Bench()
        bench.member.node.step(Message(.vote, to: 1, from: 2, term: 2))
        let ready = bench.member.takeReady()
        #expect(ready.messages.isEmpty)
        #expect(ready.messagesAfterPersist.map(\.kind) == [.voteResponse])
        #expect(ready.hardState == HardState(term: 2, vote: 2, commit: 0))
        #expect(ready.mustSync)
    }

    @Test("figure 2: a candidate asks, and counts its own vote, only when its term is durable")
    func requestAfterPersist() {
        let bench = Bench(voters: [1])
        bench.member.node.campaign()
        let ready = bench.member.takeReady()
        #expect(bench.status.role == .candidate)
        #expect(ready.messages.isEmpty)
        bench.member.node.persisted(ready.number)
        #expect(bench.status.role == .leader)
    }

    @Test("thesis 4.2.3: who hears from a leader ignores candidates within the election timeout")
    func lease() {
        let bench = Bench(checkQuorum: true)
        bench.step(Message(.heartbeat, from: 2, term: 2))
        #expect(bench.step(Message(.vote, from: 3, term: 9)).isEmpty)
        #expect(bench.status.term == 2)
        for _ in 0..<10 where bench.status.role == .follower { bench.member.node.tick() }
        bench.collect()
        #expect(!bench.step(Message(.vote, from: 3, term: 9)).isEmpty)
        #expect(bench.status.term == 9)
    }

    @Test("thesis 6.2: a leader without a quorum steps down within two election timeouts")
    func checkQuorum() {
        let bench = Bench(checkQuorum: true)
        bench.lead()
        for _ in 0..<20 { bench.member.node.tick() }
        #expect(bench.status.role == .follower)
        #expect(bench.status.leader == .none)
    }

    @Test("thesis 9.6: a pre-vote changes neither side's term nor vote")
    func preVote() {
        let bench = Bench(preVote: true)
        bench.member.node.campaign()
        let requests = bench.collect()
        #expect(requests.map(\.kind) == [.preVote, .preVote])
        #expect(requests.map(\.term) == [2, 2])
        #expect(bench.status.role == .preCandidate)
        #expect(bench.status.term == 1)

        let voter = Bench(2, preVote: true)
        let answers = voter.step(Message(.preVote, from: 1, term: 2))
        #expect(answers.map(\.kind) == [.preVoteResponse])
        #expect(answers.map(\.term) == [2])
        #expect(voter.status.term == 1)
        #expect(voter.status.vote == .none)
    }

    @Test("thesis 9.6: only a won pre-vote leads to an election")
    func wonPreVote() {
        let bench = Bench(preVote: true)
        bench.member.node.campaign()
        bench.collect()
        let requests = bench.step(Message(.preVoteResponse, from: 2, term: 2))
        #expect(requests.map(\.kind) == [.vote, .vote])
        #expect(bench.status.term == 2)
    }
}

@Suite("Claims of the paper: replication")
struct ReplicationPaperTests {
    @Test("5.3: a leader appends a proposal and sends it to everybody")
    func append() throws {
        let bench = Bench()
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 1)
        _ = bench.acknowledge(from: 3, index: 1)
        try bench.member.node.propose([Bytes("x")])
        let appends = bench.collect()
        #expect(appends.map(\.kind) == [.append, .append])
        #expect(appends.map(\.index) == [1, 1])
        #expect(appends.allSatisfy { $0.entries.map(\.data) == [Bytes("x")] })
    }

    @Test("5.3: an entry is committed when a majority has it, and its predecessors with it")
    func commit() throws {
        let bench = Bench(voters: [1, 2, 3, 4, 5])
        bench.lead()
        try bench.member.node.propose([Bytes("x"), Bytes("y")])
        bench.collect()
        _ = bench.acknowledge(from: 2, index: 3)
        #expect(bench.status.commit == 0)
        _ = bench.acknowledge(from: 3, index: 2)
        #expect(bench.status.commit == 2)
        #expect(bench.member.appliedData == ["x"])
    }

    @Test("5.3: the leader may count itself only when its own write is durable")
    func ownWrite() throws {
        let bench = Bench()
        bench.lead()
        try bench.member.node.propose([Bytes("x")])
        let ready = bench.member.takeReady()
        bench.member.node.step(
            Message(.appendResponse, to: 1, from: 2, term: bench.status.term, index: 2))
        #expect(bench.status.commit == 1)
        bench.member.node.persisted(ready.number)
        #expect(bench.status.commit == 2)
    }

    @Test("5.3: followers learn the commit index from the leader and apply in order")
    func followerApplies() {
        let bench = Bench()
        bench.step(
            Message(
                .append, from: 2, term: 1,
                entries: [
                    Entry(term: 1, index: 1, data: Bytes("a")),
                    Entry(term: 1, index: 2, data: Bytes("b")),
                ], commit: 1))
        #expect(bench.member.appliedData == ["a"])
        bench.step(Message(.heartbeat, from: 2, term: 1, commit: 2))
        #expect(bench.member.appliedData == ["a", "b"])
    }

    @Test("5.3: a follower commits no further than what the append has confirmed")
    func commitBound() {
        let bench = Bench(log: [1, 1, 1])
        bench.step(Message(.append, from: 2, term: 2, logTerm: 1, index: 1, commit: 3))
        #expect(bench.status.commit == 1)
    }

    @Test("5.3: a follower refuses what does not fit and says where the logs may agree")
    func refuses() {
        let bench = Bench(log: [1, 1, 2])
        let answer = bench.step(
            Message(.append, from: 2, term: 3, logTerm: 3, index: 5)).last
        #expect(answer?.reject == true)
        #expect(answer?.index == 5)
        #expect(answer?.rejectHint == 3)
        #expect(answer?.logTerm == 2)
    }

    @Test("5.3: a follower replaces what conflicts, and keeps what does not")
    func conflict() {
        let bench = Bench(log: [1, 1, 1])
        bench.step(
            Message(
                .append, from: 2, term: 2, logTerm: 1, index: 1,
                entries: [Entry(term: 1, index: 2)]))
        #expect(bench.status.lastIndex == 3)
        bench.step(
            Message(
                .append, from: 2, term: 2, logTerm: 1, index: 1,
                entries: [Entry(term: 2, index: 2)]))
        #expect(bench.status.lastIndex == 2)
        #expect(bench.member.disk.entries.map(\.term) == [1, 2])
    }

    @Test(
        "figure 7: a new leader brings every kind of follower log in line with its own",
        arguments: [
            [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4],
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
            [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        ] as [[UInt64]])
    func figure7(follower terms: [UInt64]) {
        let log: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        let leader = Bench(1, log: log, term: 7)
        let follower = Bench(2, log: terms, term: 7)
        // Member 3 votes, so that followers with a longer log cannot stand in the way.
        leader.member.node.campaign()
        leader.collect()
        var toFollower = leader.step(Message(.voteResponse, from: 3, term: leader.status.term))
        for _ in 0..<20 {
            let answers = toFollower.filter { $0.to == 2 }.flatMap { follower.step($0) }
            toFollower = answers.flatMap { leader.step($0) }
        }
        #expect(
            follower.member.disk.entries.map(\.term) == leader.member.disk.entries.map(\.term))
        #expect(leader.status.commit == 11)
    }

    @Test("5.4.2 and figure 8: entries of earlier terms are not committed by counting")
    func earlierTerms() {
        let bench = Bench(log: [1, 2], term: 2)
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 2)
        #expect(bench.status.commit == 0)
        _ = bench.acknowledge(from: 2, index: 3)
        #expect(bench.status.commit == 3)
    }

    @Test("5.5: an append that arrives twice changes nothing the second time")
    func idempotent() {
        let bench = Bench()
        let append = Message(
            .append, from: 2, term: 1, entries: [Entry(term: 1, index: 1)], commit: 1)
        let first = bench.step(append)
        let second = bench.step(append)
        #expect(first.map(\.index) == second.map(\.index))
        #expect(bench.status.lastIndex == 1)
    }

    @Test("figure 2: entries are durable before they are acknowledged")
    func acknowledgeAfterPersist() {
        let bench = Bench()
        bench.member.node.step(
            Message(.append, to: 1, from: 2, term: 1, entries: [Entry(term: 1, index: 1)]))
        let ready = bench.member.takeReady()
        #expect(ready.messages.isEmpty)
        #expect(ready.messagesAfterPersist.map(\.kind) == [.appendResponse])
        #expect(ready.mustSync)
    }

    @Test("thesis 3.10: a transferee campaigns without delay and in spite of leases")
    func transfer() {
        let bench = Bench(preVote: true, checkQuorum: true)
        bench.step(Message(.heartbeat, from: 2, term: 1))
        let requests = bench.step(Message(.timeoutNow, from: 2, term: 1))
        #expect(requests.map(\.kind) == [.vote, .vote])
        #expect(requests.allSatisfy { $0.context == Bytes("CampaignTransfer") })

        let voter = Bench(3, preVote: true, checkQuorum: true)
        voter.step(Message(.heartbeat, from: 2, term: 1))
        let answers = voter.step(
            Message(.vote, from: 1, term: 2, context: Bytes("CampaignTransfer")))
        #expect(answers.map(\.reject) == [false])
    }

    @Test("thesis 4.2.1: a learner neither campaigns nor counts")
    func learner() {
        let learner = Bench(3, voters: [1, 2], learners: [3])
        for _ in 0..<50 { learner.member.node.tick() }
        learner.member.node.campaign()
        #expect(learner.status.role == .follower)

        let leader = Bench(1, voters: [1, 2], learners: [3])
        leader.lead()
        _ = leader.acknowledge(from: 3, index: 1)
        #expect(leader.status.commit == 0)
    }

    @Test("thesis 4.1: one change of membership at a time")
    func oneChange() throws {
        let bench = Bench()
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 1)
        try bench.member.node.proposeConfChange(kind: .confChange, data: Bytes("+4"))
        try bench.member.node.proposeConfChange(kind: .confChange, data: Bytes("+5"))
        bench.collect()
        #expect(bench.member.disk.entries.suffix(2).map(\.kind) == [.confChange, .normal])
    }

    @Test("thesis 6.4: a new leader opens its term with an empty entry")
    func emptyEntry() {
        let bench = Bench(log: [1])
        let appends = bench.lead()
        #expect(appends.map(\.entries.count) == [1, 1])
        #expect(appends.allSatisfy { $0.entries.allSatisfy { $0.data.isEmpty } })
    }

    @Test("thesis 6.4: a read is served at the commit index of its time, after a heartbeat round")
    func read() {
        let bench = Bench()
        bench.lead()
        _ = bench.acknowledge(from: 2, index: 1)
        bench.member.node.readIndex(context: Bytes("r"))
        bench.collect()
        #expect(bench.member.readStates.isEmpty)
        bench.step(
            Message(
                .heartbeatResponse, from: 2, term: bench.status.term, context: Bytes("r")))
        #expect(bench.member.readStates == [ReadState(index: 1, context: Bytes("r"))])
    }

    @Test("thesis 6.4: even a single voter serves no read before it has committed in its term")
    func readAlone() {
        let bench = Bench(voters: [1], log: [1, 1], commit: 1)
        bench.member.node.campaign()
        bench.member.node.persisted(bench.member.takeReady().number)
        #expect(bench.status.role == .leader)
        bench.member.node.readIndex(context: Bytes("r"))
        #expect(bench.member.takeReady().readStates.isEmpty)
        bench.member.node.persisted(2)
        #expect(bench.member.takeReady().readStates.map(\.index) == [3])
    }
}
