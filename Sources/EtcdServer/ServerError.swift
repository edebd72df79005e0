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
    // What the v3 API refuses (spec grpc-v3 12).
    case keyNotProvided
    case keyNotFound
    case valueProvided
    case leaseProvided
    case tooManyOperations
    case duplicateKey
    case compacted
    case futureRevision
    case databaseSpaceExceeded
    /// The answer does not fit into a message; what was asked for is done.
    case answerTooLarge(bytesMax: Int)
    case leaseNotFound
    case leaseExists
    case leaseTTLTooLarge
    case notPrimaryLessor
    case timeoutWaitingForApply
    case memberURLsInvalid
    case learnerNotSupported
    case badLeaderTransferee
    case wrongDowngradeVersionFormat
    case invalidDowngradeTarget
    case downgradeInProgress
    case noInflightDowngrade
    case clusterVersionUnavailable
    case clusterIDMismatch
    case rootUserNotExist
    case rootRoleNotExist
    case userExists
    case userEmpty
    case userNotFound
    case roleExists
    case roleNotFound
    case roleEmpty
    case authFailed
    case permissionNotGiven
    case permissionDenied
    case roleNotGranted
    case permissionNotGranted
    case authNotEnabled
    case invalidAuthToken
    case invalidAuthManagement
    case authRevisionOld
    case authNameTooLong
    case noPasswordUser
    case tokenVerifyOnly
    /// Anything else, in the words of whoever refused; clients see it as it is.
    case other(String)

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
        default: keyValueText
        }
    }

    private var keyValueText: String {
        switch self {
        case .keyNotProvided: "etcdserver: key is not provided"
        case .keyNotFound: "etcdserver: key not found"
        case .valueProvided: "etcdserver: value is provided"
        case .leaseProvided: "etcdserver: lease is provided"
        case .tooManyOperations: "etcdserver: too many operations in txn request"
        case .duplicateKey: "etcdserver: duplicate key given in txn request"
        case .compacted: "etcdserver: mvcc: required revision has been compacted"
        case .futureRevision: "etcdserver: mvcc: required revision is a future revision"
        case .databaseSpaceExceeded: "etcdserver: mvcc: database space exceeded"
        case .answerTooLarge(let bytesMax):
            "grpc: trying to send message larger than max (\(bytesMax + 1) vs. \(bytesMax))"
        case .leaseNotFound: "etcdserver: requested lease not found"
        case .leaseExists: "etcdserver: lease already exists"
        case .leaseTTLTooLarge: "etcdserver: too large lease TTL"
        case .notPrimaryLessor: "not a primary lessor"
        case .timeoutWaitingForApply:
            "etcdserver: request timed out, waiting for the applied index took too long"
        case .memberURLsInvalid: "etcdserver: given member URLs are invalid"
        case .learnerNotSupported: "etcdserver: rpc not supported for learner"
        case .badLeaderTransferee: "etcdserver: bad leader transferee"
        case .wrongDowngradeVersionFormat:
            "etcdserver: wrong downgrade target version format"
        case .invalidDowngradeTarget: "etcdserver: invalid downgrade target version"
        case .downgradeInProgress: "etcdserver: cluster has a downgrade job in progress"
        case .noInflightDowngrade: "etcdserver: no inflight downgrade job"
        case .clusterVersionUnavailable:
            "etcdserver: cluster version not found during downgrade"
        case .clusterIDMismatch: "etcdserver: cluster ID mismatch"
        case .other(let reason): reason
        default: authText
        }
    }

    private var authText: String {
        switch self {
        case .rootUserNotExist: "etcdserver: root user does not exist"
        case .rootRoleNotExist: "etcdserver: root user does not have root role"
        case .userExists: "etcdserver: user name already exists"
        case .userEmpty: "etcdserver: user name is empty"
        case .userNotFound: "etcdserver: user name not found"
        case .roleExists: "etcdserver: role name already exists"
        case .roleNotFound: "etcdserver: role name not found"
        case .roleEmpty: "etcdserver: role name is empty"
        case .authFailed: "etcdserver: authentication failed, invalid user ID or password"
        case .permissionNotGiven: "etcdserver: permission not given"
        case .permissionDenied: "etcdserver: permission denied"
        case .roleNotGranted: "etcdserver: role is not granted to the user"
        case .permissionNotGranted: "etcdserver: permission is not granted to the role"
        case .authNotEnabled: "etcdserver: authentication is not enabled"
        case .invalidAuthToken: "etcdserver: invalid auth token"
        case .invalidAuthManagement: "etcdserver: invalid auth management"
        case .authRevisionOld: "etcdserver: revision of auth store is old"
        case .authNameTooLong:
            "etcdserver: name of user or role is too long (at most 32768 bytes)"
        case .noPasswordUser:
            "auth: authentication failed, password was given for no password user"
        case .tokenVerifyOnly: "auth: token signing attempted with verify-only key"
        default: preconditionFailure("an error without a text")
        }
    }
}
