//  What members ask of each other apart from raft (spec peer-and-disk 2): leases, promotions,
//  hashes. Asked through `LeaderClient`, served by whoever runs the replica.

package import EtcdMembership
package import EtcdProto
package import Raft

/// Why a member did not do what another member asked of it. The same on both sides of the wire,
/// except where said otherwise.
package enum PeerServiceError: Error, Sendable, Hashable, CustomStringConvertible {
    case leaseNotFound
    /// It waited in vain for its applied index to reach what is committed.
    case notCaughtUp
    /// It does not lead, or no longer: only a leader knows what is left of a lease.
    case notPrimary
    case memberNotFound
    case memberNotLearner
    /// The learner has not caught up yet.
    case learnerNotReady
    case timeout
    case revisionCompacted
    case revisionInFuture
    case clusterMismatch
    /// For asking only: nobody answered, at any address.
    case unreachable(String)
    /// Anything else, in the words of the member that was asked.
    case failed(String)

    package var description: String {
        switch self {
        case .leaseNotFound: "lease not found"
        case .notCaughtUp: "waiting for node to catch up its applied index has timed out"
        case .notPrimary: "not a primary lessor"
        case .memberNotFound: "membership: ID not found"
        case .memberNotLearner: "membership: can only promote a learner member"
        case .learnerNotReady:
            "etcdserver: can only promote a learner member which is in sync with leader"
        case .timeout: "etcdserver: request timed out"
        case .revisionCompacted: "mvcc: required revision has been compacted"
        case .revisionInFuture: "mvcc: required revision is a future revision"
        case .clusterMismatch: PeerRefusal.clusterIDMismatch
        case .unreachable(let reason): "peer unreachable: \(reason)"
        case .failed(let reason): reason
        }
    }
}

/// Answers what other members ask of this one. Called on event loops; must not block. Every
/// `done` is called exactly once, on any thread, before or after the call returns.
package protocol PeerServices: Sendable {
    typealias Done<Value> = @Sendable (Result<Value, PeerServiceError>) -> Void

    /// Gives the time that the lease has from now on, in seconds. Must wait, up to a second, until
    /// the applied index has reached what was committed when asked; then `.notCaughtUp`.
    func renewLease(_ id: Int64, done: @escaping Done<Int64>)

    /// Waits like `renewLease`. The response's header is of no interest.
    func leaseTimeToLive(
        _ id: Int64, withKeys: Bool, done: @escaping Done<LeaseTimeToLiveResponse>)

    /// Gives the members afterwards.
    ///
    /// - Parameter token: of the client on whose behalf the other member asks.
    func promote(_ id: MemberID, token: String?, done: @escaping Done<[Member]>)

    /// Takes long: must not be computed on the caller's thread. Of the response's header only the
    /// revision, at which the hash was asked for, is told.
    func hashKV(revision: Int64, done: @escaping Done<HashKVResponse>)

    /// Linearizable.
    func downgradeEnabled(done: @escaping Done<Bool>)
}
