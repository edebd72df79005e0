//  What the paper and the thesis claim about replication, reads and membership, one test for each
//  claim.

import Raft
import RuntimeCore
import Testing

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
            Message(.append, from: 2, term: 3, logTerm: 3, index: 5)
        ).last
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
