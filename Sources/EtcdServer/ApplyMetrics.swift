//  How long applying takes, by operation (spec operations 1.1).

import EtcdProto
import EtcdV2Store
import Logging
import RuntimeCore

/// What is applied; the first characters tell the API.
enum AppliedOperation: Int, CaseIterable {
    case range
    case put
    case deleteRange
    case txn
    case compaction
    case leaseGrant
    case leaseRevoke
    case leaseCheckpoint
    case alarm
    case authEnable
    case authDisable
    case authenticate
    case authStatus
    case authUserAdd
    case authUserDelete
    case authUserGet
    case authUserChangePassword
    case authUserGrantRole
    case authUserRevokeRole
    case authUserList
    case authRoleList
    case authRoleAdd
    case authRoleDelete
    case authRoleGet
    case authRoleGrantPermission
    case authRoleRevokePermission
    case downgradeInfoSet
    case v2Put
    case v2Post
    case v2Delete
    case v2QuorumGet
    case v2Sync
    case v2Get
    case v2Other

    /// In etcd's words.
    var name: String {
        switch self {
        case .range: "Range"
        case .put: "Put"
        case .deleteRange: "DeleteRange"
        case .txn: "Txn"
        case .compaction: "Compaction"
        case .leaseGrant: "LeaseGrant"
        case .leaseRevoke: "LeaseRevoke"
        case .leaseCheckpoint: "LeaseCheckpoint"
        case .alarm: "Alarm"
        case .authEnable: "AuthEnable"
        case .authDisable: "AuthDisable"
        case .authenticate: "Authenticate"
        case .authStatus: "AuthStatus"
        case .authUserAdd: "AuthUserAdd"
        case .authUserDelete: "AuthUserDelete"
        case .authUserGet: "AuthUserGet"
        case .authUserChangePassword: "AuthUserChangePassword"
        case .authUserGrantRole: "AuthUserGrantRole"
        case .authUserRevokeRole: "AuthUserRevokeRole"
        case .authUserList: "AuthUserList"
        case .authRoleList: "AuthRoleList"
        case .authRoleAdd: "AuthRoleAdd"
        case .authRoleDelete: "AuthRoleDelete"
        case .authRoleGet: "AuthRoleGet"
        case .authRoleGrantPermission: "AuthRoleGrantPermission"
        case .authRoleRevokePermission: "AuthRoleRevokePermission"
        case .downgradeInfoSet: "DowngradeInfoSet"
        case .v2Put: "PUT"
        case .v2Post: "POST"
        case .v2Delete: "DELETE"
        case .v2QuorumGet: "QGET"
        case .v2Sync: "SYNC"
        case .v2Get: "GET"
        case .v2Other: "OTHER"
        }
    }

    var version: String { rawValue < AppliedOperation.v2Put.rawValue ? "v3" : "v2" }

    /// `nil` for what etcd's metrics do not know.
    init?(_ kind: InternalRaftRequest.Kind) {
        switch kind {
        case .range: self = .range
        case .put: self = .put
        case .deleteRange: self = .deleteRange
        case .txn: self = .txn
        case .compaction: self = .compaction
        case .leaseGrant: self = .leaseGrant
        case .leaseRevoke: self = .leaseRevoke
        case .leaseCheckpoint: self = .leaseCheckpoint
        case .alarm: self = .alarm
        case .authEnable: self = .authEnable
        case .authDisable: self = .authDisable
        case .authenticate: self = .authenticate
        case .authStatus: self = .authStatus
        case .authUserAdd: self = .authUserAdd
        case .authUserDelete: self = .authUserDelete
        case .authUserGet: self = .authUserGet
        case .authUserChangePassword: self = .authUserChangePassword
        case .authUserGrantRole: self = .authUserGrantRole
        case .authUserRevokeRole: self = .authUserRevokeRole
        case .authUserList: self = .authUserList
        case .authRoleList: self = .authRoleList
        case .authRoleAdd: self = .authRoleAdd
        case .authRoleDelete: self = .authRoleDelete
        case .authRoleGet: self = .authRoleGet
        case .authRoleGrantPermission: self = .authRoleGrantPermission
        case .authRoleRevokePermission: self = .authRoleRevokePermission
        case .downgradeInfoSet: self = .downgradeInfoSet
        default: return nil
        }
    }

    init(_ method: V2Method) {
        self =
            switch method {
            case .put: .v2Put
            case .post: .v2Post
            case .delete: .v2Delete
            case .quorumGet: .v2QuorumGet
            case .sync: .v2Sync
            case .get: .v2Get
            case .other: .v2Other
            }
    }
}

/// Distributions of all operations, successful and not.
final class ApplyMetrics: Sendable {
    /// Of operation `n`: failures at `2 * n`, successes behind them.
    private let histograms = (0..<2 * AppliedOperation.allCases.count).map { _ in
        Histogram(first: 0.0001, count: 20)
    }

    func observe(_ operation: AppliedOperation, succeeded: Bool, nanoseconds: UInt64) {
        histograms[2 * operation.rawValue + (succeeded ? 1 : 0)].observe(nanoseconds: nanoseconds)
    }

    func write(into text: inout MetricsText) {
        var shown: [(String, Histogram)] = []
        for operation in AppliedOperation.allCases {
            for (position, result) in ["false", "true"].enumerated() {
                let histogram = histograms[2 * operation.rawValue + position]
                guard histogram.snapshot.count > 0 else { continue }
                let labels =
                    "version=\"\(operation.version)\",op=\"\(operation.name)\","
                    + "success=\"\(result)\""
                shown.append((labels, histogram))
            }
        }
        if shown.isEmpty { return }
        text.histogram(
            "etcd_server_apply_duration_seconds",
            "The latency distributions of v2 apply called by backend.", shown)
    }
}

/// Measures one entry after the other: each takes from the end of the one before it to its own.
final class ApplyTimer {
    private let metrics: ReplicaMetrics
    private let clock: any Clock
    private let slowMilliseconds: UInt64
    private let logger: Logger
    private var last: Instant

    init(metrics: ReplicaMetrics, clock: any Clock, slowMilliseconds: UInt64, logger: Logger) {
        self.metrics = metrics
        self.clock = clock
        self.slowMilliseconds = slowMilliseconds
        self.logger = logger
        last = clock.monotonic()
    }

    /// Counts the time since the entry before, and tells when it was long or the request failed.
    func applied(
        _ operation: AppliedOperation, refusal: ServerError?, request: @autoclosure () -> String
    ) {
        // What has been compacted already is as good as done (etcd's rule).
        let failure = refusal == .compacted ? nil : refusal
        let took = count(operation, succeeded: failure == nil)
        tellIfSlow(took, request(), error: refusal?.text ?? "")
        guard let failure else { return }
        logger.warning(
            "failed to apply request",
            metadata: [
                "took": "\(DurationText.text(nanoseconds: took))", "request": "\(request())",
                "response": "", "error": "\(failure.text)",
            ])
    }

    /// As above, but a refusal is an everyday answer of the v2 API.
    func applied(
        _ operation: AppliedOperation, refusal: V2Error?, request: @autoclosure () -> String
    ) {
        let took = count(operation, succeeded: refusal == nil)
        tellIfSlow(took, request(), error: refusal.map { "\($0)" } ?? "")
    }

    private func count(_ operation: AppliedOperation, succeeded: Bool) -> UInt64 {
        let now = clock.monotonic()
        let took = now.nanoseconds(since: last)
        last = now
        metrics.applies.observe(operation, succeeded: succeeded, nanoseconds: took)
        return took
    }

    private func tellIfSlow(
        _ took: UInt64, _ request: @autoclosure () -> String, error: @autoclosure () -> String
    ) {
        guard took > slowMilliseconds * 1_000_000 else { return }
        metrics.slowApplies.add()
        logger.warning(
            "apply request took too long",
            metadata: [
                "took": "\(took / 1_000_000)ms", "expected-duration": "\(slowMilliseconds)ms",
                "prefix": "", "request": "\(request())", "response": "", "error": "\(error())",
            ])
    }
}
