//  Quorum arithmetic against models that are too simple to be wrong.

import RuntimeCore
import Testing

@testable import Raft

@Suite("Quorum")
struct QuorumTests {
    private static func voters(_ random: inout RandomSource, atMost: Int) -> [MemberID] {
        (1...9).filter { _ in random.oneIn(2) }.prefix(atMost).map { MemberID(UInt64($0)) }
    }

    /// The largest index that more than half of the voters have reached, by trying all of them.
    private static func naiveCommitted(
        _ voters: [MemberID], _ match: [MemberID: UInt64]
    ) -> UInt64 {
        guard !voters.isEmpty else { return .max }
        return (0...30).last { index in
            voters.count { match[$0, default: 0] >= index } * 2 > voters.count
        }!
    }

    private static func naiveTally(_ voters: [MemberID], _ votes: [MemberID: Bool]) -> VoteResult {
        guard !voters.isEmpty else { return .won }
        // Let everybody who is silent say yes, then no: only if it makes no difference is it over.
        let best = voters.count { votes[$0] ?? true } * 2 > voters.count
        let worst = voters.count { votes[$0] ?? false } * 2 > voters.count
        return worst ? .won : best ? .pending : .lost
    }

    @Test("the committed index is the largest that a majority of each half has reached")
    func committedIndex() {
        var random = RandomSource(seed: 7)
        for _ in 0..<5_000 {
            let state = ConfState(
                voters: Self.voters(&random, atMost: 7),
                votersOutgoing: Self.voters(&random, atMost: 7))
            var match: [MemberID: UInt64] = [:]
            for id in state.allVoters where !random.oneIn(5) {
                match[id] = UInt64(random.below(30))
            }
            let expected = min(
                Self.naiveCommitted(state.voters, match),
                Self.naiveCommitted(state.votersOutgoing, match))
            let actual = state.committedIndex { LogIndex(match[$0, default: 0]) }
            #expect(actual.rawValue == expected)
        }
    }

    @Test("a vote is over exactly when the silent ones cannot change it")
    func tally() {
        var random = RandomSource(seed: 8)
        for _ in 0..<5_000 {
            let state = ConfState(
                voters: Self.voters(&random, atMost: 7),
                votersOutgoing: Self.voters(&random, atMost: 7))
            var votes: [MemberID: Bool] = [:]
            for id in state.allVoters where random.oneIn(2) { votes[id] = random.oneIn(2) }
            let halves = [
                Self.naiveTally(state.voters, votes),
                Self.naiveTally(state.votersOutgoing, votes),
            ]
            let expected: VoteResult =
                halves.contains(.lost) ? .lost : halves.contains(.pending) ? .pending : .won
            #expect(state.tally { votes[$0] } == expected)
        }
    }

    @Test("two quorums of one configuration always share a voter")
    func intersection() {
        for size in 1...7 {
            let voters = (1...UInt64(size)).map { MemberID($0) }
            let quorums = (0..<(1 << size)).filter { subset in
                Majority.tally(of: voters) { subset >> Int($0.rawValue - 1) & 1 == 1 } == .won
            }
            #expect(quorums.allSatisfy { one in quorums.allSatisfy { $0 & one != 0 } })
            #expect(!quorums.isEmpty)
        }
    }

    @Test("a learner does not count towards the quorum")
    func learner() {
        let state = ConfState(voters: [1, 2, 3], learners: [4, 5])
        #expect(state.tally { $0 == 1 || $0 >= 4 ? true : false } == .lost)
        #expect(state.committedIndex { $0 >= 4 ? 9 : 0 } == 0)
    }

    @Test("the window of messages in flight behaves like a list")
    func inflights() {
        var random = RandomSource(seed: 9)
        for capacity in [1, 2, 3, 8, 50] {
            var window = Inflights(capacity: capacity)
            var list: [LogIndex] = []
            var next: LogIndex = 1
            for _ in 0..<500 {
                if random.oneIn(2), list.count < capacity {
                    next = next + random.below(3) + 1
                    window.add(next)
                    list.append(next)
                } else {
                    let upTo = LogIndex(UInt64(random.below(Int(next.rawValue) + 1)))
                    window.free(upTo: upTo)
                    list.removeAll { $0 <= upTo }
                }
                #expect(window.count == list.count)
                #expect(window.isFull == (list.count == capacity))
            }
        }
    }
}
