//  The one place where a replica's errors become gRPC codes (spec grpc-v3 12).

package import EtcdServer

extension GRPCStatus {
    package init(_ error: ServerError) {
        self.init(GRPCStatus.code(of: error), GRPCStatus.text(of: error))
    }

    /// The v3 API words some errors differently from the v2 API, whose texts `ServerError` carries.
    private static func text(of error: ServerError) -> String {
        switch error {
        case .memberIDExists: "etcdserver: member ID already exist"
        // A removed id is gone for ever, which the API does not tell from never having been there.
        case .memberIDRemoved, .memberNotFound: "etcdserver: member not found"
        case .peerURLExists: "etcdserver: Peer URLs already exists"
        case .memberNotLearner: "etcdserver: can only promote a learner member"
        case .tooManyLearners: "etcdserver: too many learner members in cluster"
        case .noSpace: "etcdserver: no space"
        default: error.text
        }
    }

    private static func code(of error: ServerError) -> Code {
        switch error {
        // These two are declared otherwise in etcd, but arrive so on the wire.
        case .notEnoughStartedMembers, .tooManyRequests: .unknown
        case .unknownMethod, .timeoutLeaderTransfer, .notPrimaryLessor, .noSpace,
            .storageFailed, .tokenVerifyOnly, .noPasswordUser, .other:
            .unknown
        case .stopped, .timeout, .timeoutDueToLeaderFailure, .timeoutDueToConnectionLost,
            .timeoutWaitingForApply, .leaderChanged, .noLeader, .unhealthyCluster,
            .learnerNotSupported, .clusterVersionUnavailable:
            .unavailable
        case .requestTooLarge, .keyNotProvided, .keyNotFound, .valueProvided, .leaseProvided,
            .tooManyOperations, .duplicateKey, .memberURLsInvalid, .wrongDowngradeVersionFormat,
            .invalidDowngradeTarget, .userEmpty, .roleEmpty, .authFailed, .permissionNotGiven,
            .invalidAuthManagement, .authRevisionOld, .authNameTooLong:
            .invalidArgument
        case .compacted, .futureRevision, .leaseTTLTooLarge: .outOfRange
        case .databaseSpaceExceeded, .answerTooLarge: .resourceExhausted
        case .leaseNotFound, .memberIDRemoved, .memberNotFound: .notFound
        case .corrupt: .dataLoss
        case .permissionDenied: .permissionDenied
        case .invalidAuthToken: .unauthenticated
        case .notLeader, .memberIDExists, .peerURLExists, .memberNotLearner, .learnerNotReady,
            .tooManyLearners, .leaseExists, .badLeaderTransferee, .downgradeInProgress,
            .noInflightDowngrade, .clusterIDMismatch, .rootUserNotExist, .rootRoleNotExist,
            .userExists, .userNotFound, .roleExists, .roleNotFound, .roleNotGranted,
            .permissionNotGranted, .authNotEnabled:
            .failedPrecondition
        }
    }
}
