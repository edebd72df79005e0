//  What the v3 key space counts (spec operations 1.3 and 1.4).

import EtcdAuth
import EtcdBackend
import EtcdLease
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Synchronization

/// Updated by the apply role and by event loops that serve reads; read by the metrics page.
package final class V3Metrics: Sendable {
    let ranges = Counter()
    let puts = Counter()
    let deletes = Counter()
    let txns = Counter()
    let putBytes = Counter()
    let leasesGranted = Counter()
    let leasesRevoked = Counter()
    let leasesRenewed = Counter()
    let leasesExpired = Counter()
    let leaseTTL = Histogram(first: 1, count: 24)
    private let backendCommit = Histogram(first: 0.001, count: 14)
    private let commitMerging = Histogram(first: 0.001, count: 14)
    private let commitPlacing = Histogram(first: 0.001, count: 14)
    private let commitWriting = Histogram(first: 0.001, count: 14)
    let compactionPause = Histogram(first: 1, count: 13)
    let indexCompactionPause = Histogram(first: 0.5, count: 14)
    let compactionTotal = Histogram(first: 100, count: 14)
    let compactedKeys = Counter()
    /// Unix seconds; 0 before the first.
    let lastCompaction = Atomic<Int64>(0)
    let hashes = Histogram(first: 0.01, count: 15)
    let keyHashes = Histogram(first: 0.01, count: 15)
    package let rangesSucceeded = Histogram(first: 0.0001, count: 20)
    package let rangesFailed = Histogram(first: 0.0001, count: 20)
    /// Databases streamed to clients and members, in seconds.
    package let databasesSent = Histogram(first: 0.01, count: 17)
    let defragmentation = Histogram(first: 0.1, count: 13)
    let defragmentsNow = Atomic<Bool>(false)
    /// Of the hub, which belongs to the apply role.
    let watches = Mutex<WatchHub.Counts?>(nil)

    init() {}

    /// Counts the operations of a transaction that was carried out.
    func count(_ request: TxnRequest, succeeded: Bool) {
        var sum = Operations()
        sum.add(succeeded ? request.success : request.failure)
        ranges.add(sum.ranges)
        puts.add(sum.puts)
        deletes.add(sum.deletes)
        putBytes.add(sum.putBytes)
        if sum.ranges + sum.puts + sum.deletes > 1 { txns.add() }
    }

    func count(_ request: PutRequest) {
        puts.add()
        putBytes.add(UInt64(request.key.count + request.value.count))
    }

    /// A commit of the database, in nanoseconds.
    func committed(_ parts: Backend.CommitTimes) {
        commitMerging.observe(nanoseconds: parts.merging)
        commitPlacing.observe(nanoseconds: parts.placing)
        commitWriting.observe(nanoseconds: parts.writing)
        backendCommit.observe(nanoseconds: parts.total)
    }

    /// Merging, placing and writing under the names of bbolt.
    fileprivate func writeCommits(into text: inout MetricsText) {
        text.histogram(
            "etcd_disk_backend_commit_duration_seconds",
            "The latency distributions of commit called by backend.", [("", backendCommit)])
        for (part, histogram) in [
            ("rebalance", commitMerging), ("spill", commitPlacing), ("write", commitWriting),
        ] {
            text.histogram(
                "etcd_debugging_disk_backend_commit_\(part)_duration_seconds",
                "The latency distributions of commit.\(part) called by bboltdb backend.",
                [("", histogram)])
        }
    }

    private struct Operations {
        var ranges: UInt64 = 0
        var puts: UInt64 = 0
        var deletes: UInt64 = 0
        var putBytes: UInt64 = 0

        /// Which branch of a nested transaction ran is not told; its operations are not counted.
        mutating func add(_ operations: [RequestOp]) {
            for operation in operations {
                switch operation.request {
                case .range: ranges += 1
                case .put(let put):
                    puts += 1
                    putBytes += UInt64(put.key.count + put.value.count)
                case .deleteRange: deletes += 1
                case .txn, nil: break
                }
            }
        }
    }
}

extension V3Views {
    /// The v3 part of `/metrics`.
    package func writeMetrics(into text: inout MetricsText) {
        writeStore(into: &text)
        writeWatches(into: &text)
        writeLeases(into: &text)
        writeDisk(into: &text)
        let alarms = self.alarms.list(.none)
        if !alarms.isEmpty {
            text.family(
                "etcd_debugging_server_alarms", "Alarms for every member in cluster. 1 for active.",
                type: "gauge",
                alarms.map {
                    let member = String($0.memberID, radix: 16)
                    return ("server_id=\"\(member)\",alarm_type=\"\($0.alarm.name)\"", 1)
                })
        }
        text.gauge(
            "etcd_debugging_auth_revision", "The current revision of auth store.",
            Double(auth.revision))
        text.gauge(
            "etcd_server_quota_backend_bytes", "Current backend storage quota size in bytes.",
            Double(quota.bytes ?? 0))
    }

    private func writeStore(into text: inout MetricsText) {
        text.counter(
            "etcd_mvcc_range_total", "Total number of ranges seen by this member.",
            metrics.ranges.total)
        text.counter(
            "etcd_mvcc_put_total", "Total number of puts seen by this member.", metrics.puts.total)
        text.counter(
            "etcd_mvcc_delete_total", "Total number of deletes seen by this member.",
            metrics.deletes.total)
        text.counter(
            "etcd_mvcc_txn_total", "Total number of txns seen by this member.", metrics.txns.total)
        text.counter(
            "etcd_debugging_mvcc_range_total", "Total number of ranges seen by this member.",
            metrics.ranges.total)
        text.gauge(
            "etcd_mvcc_db_total_size_in_bytes",
            "Total size of the underlying database physically allocated in bytes.",
            Double(backend.sizeBytes))
        text.gauge(
            "etcd_mvcc_db_total_size_in_use_in_bytes",
            "Total size of the underlying database logically in use in bytes.",
            Double(backend.inUseBytes))
        text.gauge(
            "etcd_mvcc_db_open_read_transactions",
            "The number of currently open read transactions", Double(backend.openViews))
        text.gauge(
            "etcd_debugging_mvcc_keys_total", "Total number of keys.", Double(reader.keyCount))
        text.gauge(
            "etcd_debugging_mvcc_current_revision", "The current revision of store.",
            Double(reader.currentRevision))
        text.gauge(
            "etcd_debugging_mvcc_compact_revision",
            "The revision of the last compaction in store.", Double(reader.compactRevision))
        text.gauge(
            "etcd_debugging_mvcc_total_put_size_in_bytes",
            "The total size of put kv pairs seen by this member.", Double(metrics.putBytes.total))
        text.histogram(
            "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
            "Bucketed histogram of db compaction pause duration.", [("", metrics.compactionPause)])
        text.histogram(
            "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
            "Bucketed histogram of index compaction pause duration.",
            [("", metrics.indexCompactionPause)])
        text.histogram(
            "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
            "Bucketed histogram of db compaction total duration.", [("", metrics.compactionTotal)])
        text.counter(
            "etcd_debugging_mvcc_db_compaction_keys_total",
            "Total number of db keys compacted.", metrics.compactedKeys.total)
        text.gauge(
            "etcd_debugging_mvcc_db_compaction_last",
            "The unix time of the last db compaction. Resets to 0 on start.",
            Double(metrics.lastCompaction.load(ordering: .relaxed)))
        text.histogram(
            "etcd_mvcc_hash_duration_seconds",
            "The latency distribution of storage hash operation.",
            [("", metrics.hashes)])
        text.histogram(
            "etcd_mvcc_hash_rev_duration_seconds",
            "The latency distribution of storage hash by revision operation.",
            [("", metrics.keyHashes)])
        let ranges = [
            ("success=\"false\"", metrics.rangesFailed),
            ("success=\"true\"", metrics.rangesSucceeded),
        ].filter { $0.1.snapshot.count > 0 }
        if !ranges.isEmpty {
            text.histogram(
                "etcd_server_range_duration_seconds",
                "The latency distributions of txn.Range", ranges)
        }
    }

    private func writeWatches(into text: inout MetricsText) {
        guard let watches = metrics.watches.withLock({ $0 }) else { return }
        text.gauge(
            "etcd_debugging_mvcc_watch_stream_total", "Total number of watch streams.",
            Double(watches.streams))
        text.gauge(
            "etcd_debugging_mvcc_watcher_total", "Total number of watchers.",
            Double(watches.watchers))
        text.gauge(
            "etcd_debugging_mvcc_slow_watcher_total", "Total number of unsynced slow watchers.",
            Double(watches.slowWatchers))
        text.counter(
            "etcd_debugging_mvcc_events_total", "Total number of events sent by this member.",
            watches.eventsSent)
        text.gauge(
            "etcd_debugging_mvcc_pending_events_total",
            "Total number of pending events to be sent.", Double(watches.pendingEvents))
    }

    private func writeLeases(into text: inout MetricsText) {
        text.counter(
            "etcd_debugging_lease_granted_total", "The total number of granted leases.",
            metrics.leasesGranted.total)
        text.counter(
            "etcd_debugging_lease_revoked_total", "The total number of revoked leases.",
            metrics.leasesRevoked.total)
        text.counter(
            "etcd_debugging_lease_renewed_total",
            "The number of renewed leases seen by the leader.", metrics.leasesRenewed.total)
        text.counter(
            "etcd_debugging_server_lease_expired_total", "The total number of expired leases.",
            metrics.leasesExpired.total)
        text.histogram(
            "etcd_debugging_lease_ttl_total", "Bucketed histogram of lease TTLs.",
            [("", metrics.leaseTTL)])
    }

    private func writeDisk(into text: inout MetricsText) {
        metrics.writeCommits(into: &text)
        text.histogram(
            "etcd_disk_backend_defrag_duration_seconds",
            "The latency distribution of backend defragmentation.",
            [("", metrics.defragmentation)])
        text.histogram(
            "etcd_disk_backend_snapshot_duration_seconds",
            "The latency distribution of backend snapshots.", [("", metrics.databasesSent)])
        text.gauge(
            "etcd_disk_defrag_inflight",
            "Whether or not defrag is active on the member. 1 means active, 0 means not.",
            metrics.defragmentsNow.load(ordering: .relaxed) ? 1 : 0)
    }
}
