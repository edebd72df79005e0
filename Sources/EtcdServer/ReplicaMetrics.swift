//  What one replica counts (spec operations 1).

package import EtcdMembership
package import EtcdV2Store
import Raft
import Synchronization

/// Updated by the roles, read by the metrics page.
package final class ReplicaMetrics: Sendable {
    package let proposalsFailed = Counter()
    package let slowReadIndexes = Counter()
    package let failedReadIndexes = Counter()
    package let lateHeartbeats = Counter()
    package let promotions = Counter()
    /// By the reason's text.
    private let refusedPromotions = Mutex<[String: UInt64]>([:])
    let snapshotsBeingApplied = Atomic<Int>(0)
    package let slowApplies = Counter()
    package let walWrite = Histogram(first: 0.001, count: 14)
    package let walSync = Histogram(first: 0.001, count: 14)
    package let walWriteBytes = Counter()
    package let snapshotSave = Histogram(first: 0.001, count: 14)
    package let snapshotEncoding = Histogram(first: 0.001, count: 14)
    package let snapshotSync = Histogram(first: 0.001, count: 14)
    let applies = ApplyMetrics()

    package init() {}

    func promotionRefused(_ reason: String) {
        refusedPromotions.withLock { $0[reason, default: 0] += 1 }
    }

    /// The replica's part of `/metrics`.
    package func write(
        into text: inout MetricsText, status: ReplicaStatus, members: MemberDirectory,
        pending: Int, serverVersion: String
    ) {
        let leader = status.leader
        text.gauge(
            "etcd_server_has_leader", "Whether or not a leader exists. 1 is existence, 0 is not.",
            leader == .none ? 0 : 1)
        text.gauge(
            "etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.",
            status.role == .leader ? 1 : 0)
        text.gauge(
            "etcd_server_is_learner",
            "Whether or not this member is a learner. 1 if is, 0 otherwise.",
            members.isLocalLearner ? 1 : 0)
        text.counter(
            "etcd_server_leader_changes_seen_total", "The number of leader changes seen.",
            status.leaderChanges)
        text.gauge(
            "etcd_server_proposals_committed_total",
            "The total number of consensus proposals committed.",
            Double(status.committed.rawValue))
        text.gauge(
            "etcd_server_proposals_applied_total",
            "The total number of consensus proposals applied.", Double(status.applied.rawValue))
        text.gauge(
            "etcd_server_proposals_pending", "The current number of pending proposals to commit.",
            Double(pending))
        text.counter(
            "etcd_server_proposals_failed_total", "The total number of failed proposals seen.",
            proposalsFailed.total)
        text.counter(
            "etcd_server_slow_apply_total",
            "The total number of slow apply requests (likely overloaded from slow disk).",
            slowApplies.total)
        text.counter(
            "etcd_server_slow_read_indexes_total",
            "The total number of pending read indexes not in sync with leader's or timed out read "
                + "index requests.",
            slowReadIndexes.total)
        text.counter(
            "etcd_server_read_indexes_failed_total",
            "The total number of failed read indexes seen.",
            failedReadIndexes.total)
        text.counter(
            "etcd_server_heartbeat_send_failures_total",
            "The total number of leader heartbeat send failures (likely overloaded from slow "
                + "disk).",
            lateHeartbeats.total)
        text.gauge(
            "etcd_server_snapshot_apply_in_progress_total",
            "1 if the server is applying the incoming snapshot. 0 if none.",
            Double(snapshotsBeingApplied.load(ordering: .relaxed)))
        writePromotions(into: &text)
        text.family(
            "etcd_server_id",
            "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
            type: "gauge", [("server_id=\"\(members.localID)\"", 1)])
        text.family(
            "etcd_server_version",
            "Which version is running. 1 for 'server_version' label with current version.",
            type: "gauge", [("server_version=\"\(serverVersion)\"", 1)])
        if let version = members.clusterVersion {
            let line = version.split(separator: ".").prefix(2).joined(separator: ".")
            text.family(
                "etcd_cluster_version",
                "Which version is running. 1 for 'cluster_version' label with current cluster "
                    + "version",
                type: "gauge", [("cluster_version=\"\(line)\"", 1)])
        }
        text.histogram(
            "etcd_disk_wal_fsync_duration_seconds",
            "The latency distributions of fsync called by WAL.",
            [("", walSync)])
        text.histogram(
            "etcd_disk_wal_write_duration_seconds",
            "The latency distributions of write called by WAL.",
            [("", walWrite)])
        text.gauge(
            "etcd_disk_wal_write_bytes_total", "Total number of bytes written in WAL.",
            Double(walWriteBytes.total))
        text.histogram(
            "etcd_debugging_snap_save_total_duration_seconds",
            "The total latency distributions of save called by snapshot.", [("", snapshotSave)])
        text.histogram(
            "etcd_debugging_snap_save_marshalling_duration_seconds",
            "The marshalling cost distributions of save called by snapshot.",
            [("", snapshotEncoding)])
        text.histogram(
            "etcd_snap_fsync_duration_seconds",
            "The latency distributions of fsync called by snap.",
            [("", snapshotSync)])
        applies.write(into: &text)
    }

    private func writePromotions(into text: inout MetricsText) {
        text.counter(
            "etcd_server_learner_promote_successes",
            "The total number of successful learner promotions while this member is leader.",
            promotions.total)
        let refused = refusedPromotions.withLock { $0 }.sorted { $0.key < $1.key }
        if refused.isEmpty { return }
        text.family(
            "etcd_server_learner_promote_failures",
            "The total number of failed learner promotions (likely learner not ready) while this "
                + "member is leader.",
            type: "counter", refused.map { ("Reason=\"\($0.key)\"", Double($0.value)) })
    }

    /// The v2 store's part of `/metrics`.
    package func write(into text: inout MetricsText, store: V2Statistics, watchers: Int) {
        let prefix = "etcd_debugging_store_"
        text.family(
            prefix + "reads_total",
            "Total number of reads action by (get/getRecursive), local to this member.",
            type: "counter",
            [
                ("action=\"get\"", Double(store.getsSuccess - store.recursiveGetsSuccess)),
                ("action=\"getRecursive\"", Double(store.recursiveGetsSuccess)),
            ])
        text.family(
            prefix + "reads_failed_total",
            "Failed read actions by (get/getRecursive), local to this member.", type: "counter",
            [
                ("action=\"get\"", Double(store.getsFail - store.recursiveGetsFail)),
                ("action=\"getRecursive\"", Double(store.recursiveGetsFail)),
            ])
        text.family(
            prefix + "writes_total",
            "Total number of writes (e.g. set/compareAndDelete) seen by this member.",
            type: "counter",
            [
                ("action=\"set\"", Double(store.setsSuccess)),
                ("action=\"create\"", Double(store.createSuccess)),
                ("action=\"update\"", Double(store.updateSuccess)),
                ("action=\"delete\"", Double(store.deleteSuccess)),
                ("action=\"compareAndSwap\"", Double(store.compareAndSwapSuccess)),
                ("action=\"compareAndDelete\"", Double(store.compareAndDeleteSuccess)),
            ])
        text.family(
            prefix + "writes_failed_total",
            "Failed write actions (e.g. set/compareAndDelete) seen by this member.",
            type: "counter",
            [
                ("action=\"set\"", Double(store.setsFail)),
                ("action=\"create\"", Double(store.createFail)),
                ("action=\"update\"", Double(store.updateFail)),
                ("action=\"delete\"", Double(store.deleteFail)),
                ("action=\"compareAndSwap\"", Double(store.compareAndSwapFail)),
                ("action=\"compareAndDelete\"", Double(store.compareAndDeleteFail)),
            ])
        text.counter(
            prefix + "expires_total", "Total number of expired keys.", UInt64(store.expireCount))
        text.counter(
            prefix + "watch_requests_total",
            "Total number of incoming watch requests (new or reestablished).", store.watchRequests)
        text.gauge(prefix + "watchers", "Count of currently active watchers.", Double(watchers))
    }
}
