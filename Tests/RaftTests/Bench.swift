//  One member on the bench: messages in by hand, what it sends out.

import Raft
import RuntimeCore
import Testing

/// A member and the shortest way to see what it answers.
struct Bench {
    let member: TestMember

    init(_ member: TestMember) { self.member = member }

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
