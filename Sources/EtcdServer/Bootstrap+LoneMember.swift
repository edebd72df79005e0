//  A cluster of one member out of what is left of a larger one.

import EtcdMembership
import EtcdProto
import EtcdWAL
package import Raft
import RuntimeCore

extension Bootstrap {
    /// What becomes of entries that the log holds beyond those known to be committed.
    package enum Uncommitted: Sendable {
        /// They go, as with etcd's `--force-new-cluster`. An answered request may be among them:
        /// the member that stays need not have been told of its commit.
        case dropped
        /// They count as committed. When no other member comes back, nothing speaks against it.
        case kept
    }

    /// What `forceNewCluster` did.
    package struct LoneMember: Sendable, Equatable {
        /// The other members, which are no longer part of the cluster.
        package var removed: [MemberID] = []
        /// Entries that were not known to be committed, and were kept or dropped.
        package var uncommitted = 0
        /// The member was a learner, and votes now.
        package var wasLearner = false
        /// The last entry of the log, up to which everything is committed now.
        package var last = LogIndex(0)
    }

    /// Turns what was opened into a cluster of this member alone: appends, already committed, the
    /// removal of everybody else. One write, durable on return. A log that ends before what the
    /// database holds is refused and left as it is: what it lacks would be a gap in it for ever.
    ///
    /// - Parameters:
    ///   - applied: the last entry whose effects the database holds. It was committed, even if the
    ///     log had not yet been told so.
    ///   - peerURLs: of this member, should the log not know it.
    ///   - movesTo: new peer URLs of this member; `nil` leaves it those it has.
    package static func forceNewCluster(
        _ opened: inout OpenedLog, applied: LogIndex, peerURLs: [String],
        uncommitted: Uncommitted = .dropped, movesTo: [String]? = nil
    ) throws(BootstrapError) -> LoneMember {
        let end = max(opened.snapshotMetadata.index, opened.entries.last?.index ?? 0)
        guard applied <= end else {
            throw BootstrapError(
                description: "cannot force a new cluster: the database holds entries up to "
                    + "\(applied), but the log ends at \(end): its end is lost, or the two do not "
                    + "belong together. Take another member's directory, or make a new cluster of "
                    + "this one's database: snapshot restore --skip-hash-check")
        }
        let known = max(opened.hardState.commit, applied, opened.snapshotMetadata.index)
        var result = LoneMember()
        result.uncommitted = opened.entries.count { $0.index > known }
        if uncommitted == .dropped { opened.entries.removeAll { $0.index > known } }
        let kept = max(known, opened.entries.last?.index ?? 0)

        let (voters, learners) = members(of: opened)
        let local = opened.localID
        result.removed = voters.union(learners).filter { $0 != local && $0 != .none }.sorted()
        result.wasLearner = learners.contains(local)
        var changes = result.removed.map { ConfChange(id: 0, kind: .removeNode, node: $0) }
        let place = Member(id: local, peerURLs: movesTo ?? peerURLs)
        if result.wasLearner {
            changes.append(
                ConfChange(
                    id: 0, kind: .addNode, node: local,
                    context: Bytes(ConfChangeContext.promotionJSON(of: local))))
        } else if !voters.contains(local) {
            changes.append(
                ConfChange(id: 0, kind: .addNode, node: local, context: Bytes(place.json())))
        }
        if movesTo != nil, voters.contains(local) || result.wasLearner {
            changes.append(
                ConfChange(id: 0, kind: .updateNode, node: local, context: Bytes(place.json())))
        }

        var appended: [Entry] = []
        for (offset, change) in changes.enumerated() {
            appended.append(
                Entry(
                    term: opened.hardState.term,
                    index: LogIndex(kept.rawValue + UInt64(offset) + 1), kind: .confChange,
                    data: Bytes(change.encoded)))
        }
        result.last = appended.last?.index ?? kept
        opened.entries += appended
        opened.hardState.commit = result.last
        do throws(WALError) {
            try opened.wal.append(
                entries: appended, hardState: opened.hardState, mustSync: true)
        } catch {
            throw BootstrapError(description: "cannot force a new cluster: \(error)")
        }
        return result
    }

    /// Who votes and who learns once all entries are applied, as raft sees it.
    private static func members(of opened: OpenedLog) -> (
        voters: Set<MemberID>, learners: Set<MemberID>
    ) {
        let start = opened.snapshotMetadata.confState
        var voters = Set(start.voters)
        var learners = Set(start.learners)
        for entry in opened.entries where entry.kind == .confChange {
            guard let change = try? ConfChange(decoding: entry.data) else { continue }
            switch change.kind {
            case .addNode:
                voters.insert(change.node)
                learners.remove(change.node)
            case .addLearnerNode:
                learners.insert(change.node)
                voters.remove(change.node)
            case .removeNode:
                voters.remove(change.node)
                learners.remove(change.node)
            case .updateNode: break
            }
        }
        return (voters, learners)
    }
}
