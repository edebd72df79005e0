//  The v3 cluster calls on top of the membership changes that both APIs share.

package import EtcdMembership
package import EtcdProto
package import Raft
import RuntimeCore

extension RequestHandler {
    /// Proposes a member with the id that follows from its URLs and the time. Reply: `.members`.
    package func addMember(peerURLs: [String], isLearner: Bool, address: ReplyAddress)
        -> Result<(member: Member, id: RequestID), ServerError>
    {
        let member = Member(
            name: "", peerURLs: peerURLs, token: "", addedAt: clock.now().wall,
            isLearner: isLearner)
        return addMember(member, address: address).map { (member, $0) }
    }

    /// Makes a voter of a learner that has nearly all of the leader's log. Only the leader knows
    /// that. Reply: `.members`.
    package func promoteMember(_ member: MemberID, address: ReplyAddress)
        -> Result<RequestID, ServerError>
    {
        guard status.role == .leader else { return .failure(.notLeader) }
        if members.isRemoved(member) { return .failure(.memberIDRemoved(member.rawValue)) }
        guard let current = members.member(member) else {
            return .failure(.memberNotFound(member.rawValue))
        }
        guard current.isLearner else { return .failure(.memberNotLearner) }
        let id = makeID()
        let change = ConfChange(
            id: id.rawValue, kind: .addNode, node: member,
            context: Bytes(ConfChangeContext.promotionJSON(of: member)))
        let refusal = refusalToPromote()
        return submit(id, address: address) { expires in
            .promote(
                member, Proposal(id: id.rawValue, payload: .confChange(change), expires: expires),
                otherwise: refusal)
        }
    }

    /// etcd's strict-reconfig-check; the learner itself counts as started.
    private func refusalToPromote() -> ServerError? {
        guard settings.strictReconfigCheck else { return nil }
        let voters = members.list.filter { !$0.isLearner }
        let started = voters.filter(\.isStarted).count + 1
        return started < (voters.count + 1) / 2 + 1 ? .notEnoughStartedMembers : nil
    }

    package func clusterMembers(_ members: [Member]) -> [ClusterMember] {
        members.map { member in
            var message = ClusterMember()
            message.id = member.id.rawValue
            message.name = member.name
            message.peerURLs = member.peerURLs
            message.clientURLs = member.clientURLs
            message.isLearner = member.isLearner
            return message
        }
    }
}
