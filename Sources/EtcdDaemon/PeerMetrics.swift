//  What the peer transport counts, with etcd's names (spec operations 1.2).

import EtcdMembership
import EtcdServer
import EtcdTransport
import Raft

/// The families about peers (spec operations 1.2).
enum PeerMetrics {
    static func write(_ transport: PeerTransport, local: MemberID, into text: inout MetricsText) {
        let traffic = transport.traffic
        func family(
            _ name: String, _ help: String, _ label: String, _ value: (PeerTraffic) -> UInt64
        ) {
            text.family(
                "etcd_network_peer_\(name)", help, type: "counter",
                traffic.map { ("\(label)=\"\($0.id)\"", Double(value($0))) })
        }
        databases(transport.receivedDatabases, into: &text)
        if traffic.isEmpty { return }
        text.family(
            "etcd_network_active_peers", "The current number of active peer connections.",
            type: "gauge",
            traffic.map { peer in
                let isActive = transport.activeSince(peer.id) != nil
                return ("Local=\"\(local)\",Remote=\"\(peer.id)\"", isActive ? 1 : 0)
            })
        text.family(
            "etcd_network_known_peers", "The current number of known peers.", type: "gauge",
            traffic.map { ("Local=\"\(local)\",Remote=\"\($0.id)\"", 1) })
        family("sent_bytes_total", "The total number of bytes sent to peers.", "To") {
            $0.sentBytes
        }
        family("received_bytes_total", "The total number of bytes received from peers.", "From") {
            $0.receivedBytes
        }
        family("sent_failures_total", "The total number of send failures from peers.", "To") {
            $0.sentFailures
        }
        family(
            "received_failures_total", "The total number of receive failures from peers.", "From"
        ) {
            $0.receivedFailures
        }
        distributions(
            "round_trip_time_seconds", "Round-Trip-Time histogram between peers.", in: &text,
            traffic.map { ("To=\"\($0.id)\"", $0.roundTrips) })
        text.family(
            "etcd_network_disconnected_peers_total", "The total number of disconnected peers.",
            type: "counter",
            traffic.map { ("Local=\"\(local)\",Remote=\"\($0.id)\"", Double($0.disconnects)) })
        snapshots("send", "To", traffic.map { ($0.id, $0.snapshotsSent) }, into: &text)
        snapshots("receive", "From", traffic.map { ($0.id, $0.snapshotsReceived) }, into: &text)
    }

    private static func databases(
        _ received: ReceivedDatabases, into text: inout MetricsText
    ) {
        text.histogram(
            "etcd_snap_db_save_total_duration_seconds",
            "The total latency distributions of v3 snapshot save",
            [("", HistogramReading(received.saving))])
        text.histogram(
            "etcd_snap_db_fsync_duration_seconds",
            "The latency distributions of fsyncing .snap.db file",
            [("", HistogramReading(received.syncing))])
    }

    private static func distributions(
        _ name: String, _ help: String, in text: inout MetricsText,
        _ distributions: [(labels: String, distribution: PeerDistribution)]
    ) {
        text.histogram(
            "etcd_network_peer_" + name, help,
            distributions.map { ($0.labels, HistogramReading($0.distribution)) })
    }

    /// Databases on their way to or from other members.
    private static func snapshots(
        _ direction: String, _ label: String, _ all: [(id: MemberID, traffic: SnapshotTraffic)],
        into text: inout MetricsText
    ) {
        let prefix = "etcd_network_snapshot_\(direction)_"
        func labels(_ id: MemberID) -> String { "\(label)=\"\(id)\"" }
        text.family(
            prefix + "success", "Total number of successful snapshot \(direction)s",
            type: "counter", all.map { (labels($0.id), Double($0.traffic.successes)) })
        text.family(
            prefix + "failures", "Total number of snapshot \(direction) failures",
            type: "counter", all.map { (labels($0.id), Double($0.traffic.failures)) })
        text.family(
            prefix + "inflights_total", "Total number of inflight snapshot \(direction)s",
            type: "gauge", all.map { (labels($0.id), Double($0.traffic.inFlight)) })
        text.histogram(
            prefix + "total_duration_seconds",
            "Total latency distributions of v3 snapshot \(direction)s",
            all.map { (labels($0.id), HistogramReading($0.traffic.durations)) })
    }
}

extension HistogramReading {
    fileprivate init(_ distribution: PeerDistribution) {
        self.init(
            bounds: distribution.bounds, cumulative: distribution.cumulative,
            sum: distribution.sum, count: distribution.count)
    }
}
