//  The error vocabulary of a replica; front ends map it once to their wire forms.

/// Texts are etcd's, to the letter: clients match on them (spec http-v2 and operations).
package enum ServerError: Error, Sendable, Hashable {
    case unknownMethod
    case stopped
    case timeout
    case timeoutDueToLeaderFailure
    case timeoutDueToConnectionLost
    case timeoutLeaderTransfer
    case leaderChanged
    case notEnoughStartedMembers
    case unhealthyCluster
    case noLeader
    case notLeader
    case tooManyRequests
    case requestTooLarge
    case noSpace
    case corrupt
    case memberIDExists
    case memberIDRemoved(UInt64)
    case memberNotFound(UInt64)
    case peerURLExists
    case memberNotLearner
    case learnerNotReady
    case tooManyLearners
    /// The local disk failed; the member is stopping.
    case storageFailed(String)

    package var text: String {
        switch self {
        case .unknownMethod: "etcdserver: unknown method"
        case .stopped: "etcdserver: server stopped"
        case .timeout: "etcdserver: request timed out"
        case .timeoutDueToLeaderFailure:
            "etcdserver: request timed out, possibly due to previous leader failure"
        case .timeoutDueToConnectionLost:
            "etcdserver: request timed out, possibly due to connection lost"
        case .timeoutLeaderTransfer: "etcdserver: request timed out, leader transfer took too long"
        case .leaderChanged: "etcdserver: leader changed"
        case .notEnoughStartedMembers:
            "etcdserver: re-configuration failed due to not enough started members"
        case .unhealthyCluster: "etcdserver: unhealthy cluster"
        case .noLeader: "etcdserver: no leader"
        case .notLeader: "etcdserver: not leader"
        case .tooManyRequests: "etcdserver: too many requests"
        case .requestTooLarge: "etcdserver: request is too large"
        case .noSpace: "etcdserver: no space"
        case .corrupt: "etcdserver: corrupt cluster"
        case .memberIDExists: "membership: ID exists"
        case .memberIDRemoved: "membership: ID removed"
        case .memberNotFound: "membership: ID not found"
        case .peerURLExists: "membership: peerURL exists"
        case .memberNotLearner: "membership: can only promote a learner member"
        case .learnerNotReady:
            "etcdserver: can only promote a learner member which is in sync with leader"
        case .tooManyLearners: "membership: too many learner members in cluster"
        case .storageFailed(let reason): "etcdserver: storage failed: \(reason)"
        }
    }
}
