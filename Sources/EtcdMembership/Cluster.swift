//  The set of members and the rules for changing it. A value: the apply role changes its copy the
//  same way on every member.

package import Raft

/// Why a configuration change has no effect. The same verdict on every member, because it rests
/// on applied state only.
package enum MembershipRefusal: Error, Sendable, Hashable {
    case removed(MemberID)
    case exists(MemberID)
    case unknown(MemberID)
    case peerURLExists
    case notLearner(MemberID)
    case tooManyLearners
}

package struct Cluster: Sendable, Hashable {
    /// Invariant: sorted by id, ids unique, none of them in `removed`.
    package private(set) var members: [Member]
    /// Ids that may never come back. Sorted.
    package private(set) var removed: [MemberID]
    /// Such as `3.5.0`; `nil` until decided.
    package var version: String?

    package init(members: [Member] = [], removed: [MemberID] = [], version: String? = nil) {
        self.members = members.sorted { $0.id < $1.id }
        self.removed = removed.sorted()
        self.version = version
    }

    package func member(_ id: MemberID) -> Member? { members.first { $0.id == id } }
    package func isRemoved(_ id: MemberID) -> Bool { removed.contains(id) }

    /// The rules of etcd (spec peer-and-disk 3.1, last paragraph).
    package func validate(_ change: ConfChange, context: ConfChangeContext?, maxLearners: Int)
        throws(MembershipRefusal)
    {
        if isRemoved(change.node) { throw .removed(change.node) }
        switch change.kind {
        case .addNode, .addLearnerNode:
            if let context, context.isPromotion {
                guard let current = member(change.node) else { throw .unknown(change.node) }
                if !current.isLearner { throw .notLearner(change.node) }
                return
            }
            if member(change.node) != nil { throw .exists(change.node) }
            try checkPeerURLs(context?.member.peerURLs ?? [], of: change.node)
            if change.kind == .addLearnerNode,
                members.filter(\.isLearner).count >= maxLearners
            {
                throw .tooManyLearners
            }
        case .removeNode:
            if member(change.node) == nil { throw .unknown(change.node) }
        case .updateNode:
            if member(change.node) == nil { throw .unknown(change.node) }
            try checkPeerURLs(context?.member.peerURLs ?? [], of: change.node)
        }
    }

    package mutating func add(_ member: Member) {
        precondition(self.member(member.id) == nil && !isRemoved(member.id))
        let position = members.firstIndex { $0.id > member.id } ?? members.endIndex
        members.insert(member, at: position)
    }

    package mutating func promote(_ id: MemberID) { edit(id) { $0.isLearner = false } }

    package mutating func remove(_ id: MemberID) {
        members.removeAll { $0.id == id }
        if !isRemoved(id) {
            removed.append(id)
            removed.sort()
        }
    }

    package mutating func setPeerURLs(_ urls: [String], of id: MemberID) {
        edit(id) { $0.peerURLs = urls }
    }

    /// What a member published about itself. One that is unknown (removed meanwhile) is ignored.
    package mutating func setAttributes(name: String, clientURLs: [String], of id: MemberID) {
        edit(id) {
            $0.name = name
            $0.clientURLs = clientURLs
        }
    }

    private mutating func edit(_ id: MemberID, _ body: (inout Member) -> Void) {
        guard let position = members.firstIndex(where: { $0.id == id }) else { return }
        body(&members[position])
    }

    private func checkPeerURLs(_ urls: [String], of id: MemberID) throws(MembershipRefusal) {
        let taken = members.filter { $0.id != id }.flatMap(\.peerURLs)
        if urls.contains(where: taken.contains) { throw .peerURLExists }
    }
}
