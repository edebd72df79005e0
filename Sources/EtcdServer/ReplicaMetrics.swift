//  What one replica counts (spec operations 1).

package import EtcdMembership
package import EtcdV2Store
import Raft

/// Updated by the roles, read by the metrics page.
package final class ReplicaMetrics: Sendable {
    package let proposalsFailed = Counter()
    package let slowReadIndexes = Counter()
    package let slowApplies = Counter()
    package let walSync = Histogram(first: 0.001, count: 14)
    package let walWriteBytes = Counter()
    package let snapshotSave = Histogram(first: 0.001, count: 14)
    package let applyV2 = Histogram(first: 0.0001, count: 20)

    package init() {}

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
            members.local?.isLearner == true ? 1 : 0)
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
            "The total number of pending read indexes not in sync with leader's or timed out.",
            slowReadIndexes.total)
        text.family(
            "etcd_server_id", "Server or member ID in hexadecimal format. 1 for this member.",
            type: "gauge", [("server_id=\"\(members.localID)\"", 1)])
        text.family(
            "etcd_server_version", "Which version is running. 1 for 'server_version' label.",
            type: "gauge", [("server_version=\"\(serverVersion)\"", 1)])
        if let version = members.clusterVersion {
            let line = version.split(separator: ".").prefix(2).joined(separator: ".")
            text.family(
                "etcd_cluster_version", "Which version is running. 1 for 'cluster_version' label.",
                type: "gauge", [("cluster_version=\"\(line)\"", 1)])
        }
        text.histogram(
            "etcd_disk_wal_fsync_duration_seconds", "The latency distributions of fsync by WAL.",
            [("", walSync)])
        text.gauge(
            "etcd_disk_wal_write_bytes_total", "Total number of bytes written in WAL.",
            Double(walWriteBytes.total))
        text.histogram(
            "etcd_debugging_snap_save_total_duration_seconds",
            "The total latency distributions of save called by snapshot.", [("", snapshotSave)])
        text.histogram(
            "etcd_server_apply_duration_seconds", "The latency distributions of v2 apply batches.",
            [("version=\"v2\",op=\"batch\",success=\"true\"", applyV2)])
    }

    /// The v2 store's part of `/metrics`.
    package func write(into text: inout MetricsText, store: V2Statistics, watchers: Int) {
        let prefix = "etcd_debugging_store_"
        text.family(
            prefix + "reads_total", "Total number of reads action by (get/getRecursive), local.",
            type: "counter",
            [("action=\"get\"", Double(store.getsSuccess))])
        text.family(
            prefix + "reads_failed_total", "Failed read actions by (get/getRecursive), local.",
            type: "counter", [("action=\"get\"", Double(store.getsFail))])
        text.family(
            prefix + "writes_total", "Total number of writes (e.g. set/compareAndDelete) seen.",
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
            "Failed write actions (e.g. set/compareAndDelete) seen.", type: "counter",
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
        text.gauge(prefix + "watchers", "Count of currently active watchers.", Double(watchers))
    }
}
