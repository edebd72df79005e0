//  The members as everybody may read them; written by the apply role alone.

package import Raft
import Synchronization

/// A `Cluster` behind a lock, with the two identities that never change.
package final class MemberDirectory: Sendable {
    package let localID: MemberID
    package let clusterID: UInt64
    private let cluster: Mutex<Cluster>

    package init(localID: MemberID, clusterID: UInt64, cluster: Cluster) {
        self.localID = localID
        self.clusterID = clusterID
        self.cluster = Mutex(cluster)
    }

    /// Sorted by id.
    package var list: [Member] { cluster.withLock { $0.members } }
    package func member(_ id: MemberID) -> Member? { cluster.withLock { $0.member(id) } }
    package var local: Member? { member(localID) }
    package func isRemoved(_ id: MemberID) -> Bool { cluster.withLock { $0.isRemoved(id) } }
    /// Such as `3.5.0`; `nil` until the members have agreed on one.
    package var clusterVersion: String? { cluster.withLock { $0.version } }
    package var snapshot: Cluster { cluster.withLock { $0 } }

    /// Apply role only.
    package func update<Result>(_ body: (inout Cluster) -> sending Result) -> sending Result {
        cluster.withLock { body(&$0) }
    }
}
