//  The arithmetic of membership changes: properties over random sequences, and the refusals.

import RuntimeCore
import Testing

@testable import Raft

@Suite("Configuration changes")
struct ConfChangeTests {
    /// The same rules over sets, with one role for each half.
    private struct Model: Equatable {
        var incoming: Set<MemberID> = []
        var outgoing: Set<MemberID> = []
        /// Who is a learner, now or after the joint phase.
        var learners: Set<MemberID> = []

        mutating func apply(_ single: ConfChangeV2.Single) {
            guard single.node != .none else { return }
            switch single.kind {
            case .addNode:
                incoming.insert(single.node)
                learners.remove(single.node)
            case .addLearnerNode:
                incoming.remove(single.node)
                learners.insert(single.node)
            case .removeNode:
                incoming.remove(single.node)
                learners.remove(single.node)
            case .updateNode:
                break
            }
        }

        /// `nil` when the change must be refused.
        func applying(_ change: ConfChangeV2) -> Model? {
            var result = self
            if change.changes.isEmpty && change.transition == .auto {
                guard !outgoing.isEmpty else { return nil }
                result.outgoing = []
                return result
            }
            guard outgoing.isEmpty else { return nil }
            for single in change.changes { result.apply(single) }
            if change.transition == .auto && change.changes.count == 1 {
                let changed = incoming.symmetricDifference(result.incoming).count
                let emptied = result.incoming.isEmpty && !incoming.isEmpty
                return changed <= 1 && !emptied ? result : nil
            }
            guard !incoming.isEmpty, !result.incoming.isEmpty else { return nil }
            result.outgoing = incoming
            return result
        }
    }

    private static func change(_ random: inout RandomSource) -> ConfChangeV2 {
        let kinds: [ConfChange.Kind] = [.addNode, .addLearnerNode, .removeNode, .updateNode]
        let count = random.oneIn(2) ? 1 : random.below(4)
        return ConfChangeV2(
            transition: random.oneIn(4) ? .jointExplicit : .auto,
            changes: (0..<count).map { _ in
                .init(
                    kind: kinds[random.below(4)], node: MemberID(UInt64(random.below(6))))
            })
    }

    @Test("random sequences agree with a model of sets and keep the lists in order")
    func model() throws {
        var random = RandomSource(seed: 11)
        var refused = 0
        var joint = 0
        for _ in 0..<300 {
            var state = ConfState(voters: [1])
            var model = Model(incoming: [1])
            for _ in 0..<30 {
                let change = Self.change(&random)
                let next = try? state.applying(change)
                let expected = model.applying(change)
                #expect((next == nil) == (expected == nil), "\(state) \(change)")
                guard let next, let expected else {
                    refused += 1
                    continue
                }
                state = next
                model = expected
                if state.isJoint { joint += 1 }
                #expect(Set(state.voters) == model.incoming)
                #expect(Set(state.votersOutgoing) == model.outgoing)
                #expect(Set(state.learners + state.learnersNext) == model.learners)
                #expect(state == state.normalised)
                #expect(state.learners.allSatisfy { !state.isVoter($0) })
                #expect(state.learnersNext.allSatisfy { state.votersOutgoing.contains($0) })
                #expect(state.isJoint || (state.learnersNext.isEmpty && !state.autoLeave))
            }
        }
        #expect(refused > 100)
        #expect(joint > 100)
    }

    @Test("any quorum before a valid change shares a voter with any quorum after it")
    func overlap() {
        var random = RandomSource(seed: 12)
        for _ in 0..<300 {
            var state = ConfState(voters: [1, 2, 3])
            for _ in 0..<8 {
                guard let next = try? state.applying(Self.change(&random)) else { continue }
                let before = Self.quorums(of: state)
                let after = Self.quorums(of: next)
                #expect(before.allSatisfy { one in after.allSatisfy { one & $0 != 0 } })
                state = next
            }
        }
    }

    private static func quorums(of state: ConfState) -> [Int] {
        (0..<64).filter { subset in
            state.tally { subset >> Int($0.rawValue) & 1 == 1 } == .won
        }
    }

    @Test("impossible changes are refused with the reason")
    func refusals() throws {
        let single = ConfState(voters: [1])
        #expect(throws: ConfChangeError.noVoters) {
            try single.applying(ConfChangeText.parse("-1"))
        }
        #expect(throws: ConfChangeError.notJoint) {
            try single.applying(ConfChangeText.parse(""))
        }
        let joint = try single.applying(ConfChangeText.parse("explicit +2"))
        #expect(throws: ConfChangeError.alreadyJoint) {
            try joint.applying(ConfChangeText.parse("+3"))
        }
        #expect(throws: ConfChangeError.noVoters) {
            try single.applying(ConfChangeText.parse("joint -1 ~2"))
        }
    }

    @Test("a demoted voter becomes a learner when the joint phase ends, not before")
    func demotion() throws {
        let joint = try ConfState(voters: [1, 2]).applying(ConfChangeText.parse("joint ~2 +3"))
        #expect(joint.learnersNext == [2])
        #expect(joint.learners.isEmpty)
        #expect(joint.autoLeave)
        let after = try joint.applying(ConfChangeV2())
        #expect(after == ConfState(voters: [1, 3], learners: [2]))
    }

    @Test("the older form of a change means the same as the newer one")
    func olderForm() throws {
        let change = ConfChange(id: 7, kind: .addLearnerNode, node: 4, context: Bytes("c"))
        let newer = ConfChangeV2(change)
        #expect(newer.context == Bytes("c"))
        #expect(try ConfState(voters: [1]).applying(newer).learners == [4])
    }
}
