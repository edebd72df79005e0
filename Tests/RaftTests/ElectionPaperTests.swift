//  What the paper (In Search of an Understandable Consensus Algorithm) and the thesis (Consensus:
//  Bridging Theory and Practice) claim about elections, one test for each claim.

import Raft
import RuntimeCore
import Testing

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
