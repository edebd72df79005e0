//  The members as everybody may read them; written by the apply role alone.

package import Raft
import Synchronization

/// A `Cluster` behind a lock, with the two identities that never change.
package final class MemberDirectory: Sendable {
    package let localID: MemberID
    package let clusterID: UInt64
    private let cluster: Mutex<Cluster>
    /// The same as in `cluster`; every request asks.
    private let localLearns: Atomic<Bool>

    package init(localID: MemberID, clusterID: UInt64, cluster: Cluster) {
        self.localID = localID
        self.clusterID = clusterID
        localLearns = Atomic(Self.isLearner(localID, in: cluster))
        self.cluster = Mutex(cluster)
    }

    /// Sorted by id.
    package var list: [Member] { cluster.withLock { $0.members } }
    package func member(_ id: MemberID) -> Member? { cluster.withLock { $0.member(id) } }
    package var local: Member? { member(localID) }
    /// False for a member that is none, or none any more.
    package var isLocalLearner: Bool { localLearns.load(ordering: .acquiring) }
    package func isRemoved(_ id: MemberID) -> Bool { cluster.withLock { $0.isRemoved(id) } }
    /// Such as `3.5.0`; `nil` until the members have agreed on one.
    package var clusterVersion: String? { cluster.withLock { $0.version } }
    package var snapshot: Cluster { cluster.withLock { $0 } }

    /// Apply role only.
    package func update<Result>(_ body: (inout Cluster) -> sending Result) -> sending Result {
        cluster.withLock { cluster in
            let result = body(&cluster)
            localLearns.store(Self.isLearner(localID, in: cluster), ordering: .releasing)
            return result
        }
    }

    private static func isLearner(_ id: MemberID, in cluster: Cluster) -> Bool {
        cluster.member(id)?.isLearner ?? false
    }
}
