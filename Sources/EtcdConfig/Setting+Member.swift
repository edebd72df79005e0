//  The settings of section Member.

extension Setting {
    private static let ownDatabase = "this program's storage engine needs no such choice"

    static let member: [Setting] = [
        Setting(
            "name", .string, "default", .member,
            "Human-readable name of this member; its entry in --initial-cluster has this name."),
        Setting("data-dir", .string, "${name}.etcd", .member, "Path of the data directory."),
        Setting(
            "wal-dir", .string, "", .member,
            "Path of a dedicated directory for the log; empty puts it into the data directory."),
        Setting(
            "snapshot-count", .uint(bits: 64), "100000", .member,
            "Number of applied entries after which a snapshot is written to disk."),
        Setting(
            "snapshot-catchup-entries", .uint(bits: 64), "5000", .member,
            "Number of applied log entries kept in memory for slow members.",
            aliases: [
                "experimental-snapshot-catchup-entries", "experimental-snapshot-catch-up-entries",
            ]),
        Setting(
            "heartbeat-interval", .uint(bits: 64), "100", .member,
            "Time in milliseconds between heartbeats of the leader."),
        Setting(
            "election-timeout", .uint(bits: 64), "1000", .member,
            "Time in milliseconds without a leader before an election; at least 5 heartbeats."),
        Setting(
            "initial-election-tick-advance", .bool, "true", .member,
            "Shorten the wait before the first election after a start."),
        Setting(
            "listen-peer-urls", .urls, "http://localhost:2380", .member,
            "URLs on which other members are served."),
        Setting(
            "listen-client-urls", .urls, "http://localhost:2379", .member,
            "URLs on which clients are served."),
        Setting(
            "listen-client-http-urls", .urls, "", .member,
            "URLs on which only HTTP clients are served."),
        Setting(
            "max-snapshots", .uint(bits: 64), "5", .member,
            "Number of snapshot files to keep (0 keeps all)."),
        Setting(
            "max-wals", .uint(bits: 64), "5", .member,
            "Number of log files to keep (0 keeps all)."),
        Setting(
            "max-request-bytes", .uint(bits: 64), "1572864", .member,
            "Largest client request in bytes that is accepted."),
        Setting(
            "max-learners", .int, "1", .member,
            "Number of non-voting members that may exist at a time."),
        Setting(
            "socket-reuse-port", .bool, "false", .member,
            "Set SO_REUSEPORT on listening sockets.",
            support: .accepted("it is never set in this release"),
            yaml: .at("socket-options.reuse-port")),
        Setting(
            "socket-reuse-address", .bool, "false", .member,
            "Set SO_REUSEADDR on listening sockets.",
            support: .accepted("it is always set in this release"),
            yaml: .at("socket-options.reuse-address")),
    ]

    static let memberLimits: [Setting] = [
        Setting(
            "quota-backend-bytes", .int, "0", .member,
            "Size of the v3 database that raises the no-space alarm (0 is 2 GiB)."),
        Setting(
            "backend-bbolt-freelist-type", .string, "map", .member,
            "Free list of the v3 database: map or array.", support: .accepted(ownDatabase),
            aliases: ["experimental-backend-bbolt-freelist-type"]),
        Setting(
            "backend-batch-interval", .duration, "0s", .member,
            "Longest time before the v3 database is committed (0 is 100ms)."),
        Setting(
            "backend-batch-limit", .int, "0", .member,
            "Most operations before the v3 database is committed (0 is 10000)."),
        Setting(
            "bootstrap-defrag-threshold-megabytes", .uint(bits: 64), "0", .member,
            "Defragment the v3 database at start if that frees this much.",
            support: .accepted(ownDatabase),
            aliases: ["experimental-bootstrap-defrag-threshold-megabytes"]),
        Setting(
            "max-txn-ops", .uint(bits: 64), "128", .member,
            "Most operations in one v3 transaction."),
        Setting(
            "max-concurrent-streams", .uint(bits: 32), "4294967295", .member,
            "Most gRPC streams that one client may have open."),
        Setting(
            "grpc-keepalive-min-time", .duration, "5s", .member,
            "Shortest time between pings that gRPC clients may use."),
        Setting(
            "grpc-keepalive-interval", .duration, "2h", .member,
            "Time between pings to gRPC clients (0 for none)."),
        Setting(
            "grpc-keepalive-timeout", .duration, "20s", .member,
            "Time that a gRPC client has to answer a ping."),
        Setting(
            "enable-grpc-gateway", .bool, "true", .member,
            "Serve the v3 API as JSON over HTTP."),
        Setting(
            "raft-read-timeout", .duration, "5s", .member,
            "Timeout of reads from other members' connections.",
            support: .accepted("it is always 5s in this release"), yaml: .nowhere),
        Setting(
            "raft-write-timeout", .duration, "5s", .member,
            "Timeout of writes to other members' connections.",
            support: .accepted("it is always 5s in this release"), yaml: .nowhere),
        Setting(
            "memory-mlock", .bool, "false", .member,
            "Lock the v3 database into memory.", support: .accepted(ownDatabase),
            aliases: ["experimental-memory-mlock"]),
        Setting(
            "feature-gates", .list, "", .member,
            "Feature gates as NAME=true or NAME=false."),
        Setting(
            "next-cluster-version-compatible", .bool, "false", .member,
            "Let a member of release 3.4 join a cluster of release 3.5.",
            support: .accepted("it is not needed: this release joins 3.4 and 3.5 clusters as it is")
        ),
    ]
}
