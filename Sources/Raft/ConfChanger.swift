//  The arithmetic of membership changes: a configuration and a change give a configuration or a
//  refusal. Pure, so that every member comes to the same result from the same log.

/// Why a change makes no valid configuration.
package enum ConfChangeError: Error, Sendable, Hashable {
    case alreadyJoint
    case notJoint
    /// Nobody would be left to vote.
    case noVoters
    /// More than one voter would change without a joint configuration in between (thesis 4.1).
    case severalVotersAtOnce
}

extension ConfChangeV2 {
    /// The same change in the newer form.
    package init(_ change: ConfChange) {
        self.init(
            changes: [Single(kind: change.kind, node: change.node)], context: change.context)
    }

    var leavesJoint: Bool { changes.isEmpty && transition == .auto }
    var entersJoint: Bool { transition != .auto || changes.count > 1 }
}

extension ConfState {
    /// The configuration after `change`. A single change of node 0 is one that the state machine
    /// decided not to make: it counts as done and changes nothing.
    func applying(_ change: ConfChangeV2) throws(ConfChangeError) -> ConfState {
        if change.leavesJoint { return try leavingJoint() }
        if change.entersJoint {
            return try enteringJoint(
                change.changes, autoLeave: change.transition != .jointExplicit)
        }
        return try applyingSimple(change.changes)
    }

    private func applyingSimple(
        _ changes: [ConfChangeV2.Single]
    ) throws(ConfChangeError) -> ConfState {
        guard !isJoint else { throw .alreadyJoint }
        var result = self
        for single in changes { result.apply(single) }
        guard !result.voters.isEmpty || voters.isEmpty else { throw .noVoters }
        let added = result.voters.count { !voters.contains($0) }
        let removed = voters.count { !result.voters.contains($0) }
        guard added + removed <= 1 else { throw .severalVotersAtOnce }
        return result
    }

    private func enteringJoint(
        _ changes: [ConfChangeV2.Single], autoLeave: Bool
    ) throws(ConfChangeError) -> ConfState {
        guard !isJoint else { throw .alreadyJoint }
        guard !voters.isEmpty else { throw .noVoters }
        var result = self
        result.votersOutgoing = voters
        for single in changes { result.apply(single) }
        guard !result.voters.isEmpty else { throw .noVoters }
        result.autoLeave = autoLeave
        return result
    }

    private func leavingJoint() throws(ConfChangeError) -> ConfState {
        guard isJoint else { throw .notJoint }
        var result = self
        result.learners = learners.merged(with: learnersNext)
        result.learnersNext = []
        result.votersOutgoing = []
        result.autoLeave = false
        return result
    }

    private mutating func apply(_ single: ConfChangeV2.Single) {
        guard single.node != .none else { return }
        let node = single.node
        switch single.kind {
        case .addNode:
            learners.removeMember(node)
            learnersNext.removeMember(node)
            voters.insertSorted(node)
        case .addLearnerNode:
            voters.removeMember(node)
            // A member cannot be voter and learner at once, so the demotion of somebody who still
            // votes in the outgoing half takes effect when the joint phase ends.
            if votersOutgoing.contains(node) {
                learnersNext.insertSorted(node)
            } else {
                learners.insertSorted(node)
            }
        case .removeNode:
            voters.removeMember(node)
            learners.removeMember(node)
            learnersNext.removeMember(node)
        case .updateNode:
            break
        }
    }

    /// The same configuration with its lists sorted and free of duplicates, as the rest of the
    /// core relies on.
    var normalised: ConfState {
        let nobody: [MemberID] = []
        return ConfState(
            voters: nobody.merged(with: voters), learners: nobody.merged(with: learners),
            votersOutgoing: nobody.merged(with: votersOutgoing),
            learnersNext: nobody.merged(with: learnersNext), autoLeave: autoLeave)
    }
}
