//  The settings of sections Experimental and Unsafe, and those that concern the v3 database's
//  integrity.

extension Setting {
    static let integrity: [Setting] = [
        Setting(
            "corrupt-check-time", .duration, "0s", .experimental,
            "Time between comparisons of the members' data (0 for none).",
            aliases: ["experimental-corrupt-check-time"]),
        Setting(
            "compact-hash-check-time", .duration, "1m", .experimental,
            "Time between comparisons of the members' compacted data.",
            support: .accepted("--corrupt-check-time compares the members' data"),
            aliases: ["experimental-compact-hash-check-time"]),
        Setting(
            "compaction-batch-limit", .int, "0", .experimental,
            "Most revisions that one step of a compaction removes (0 is 1000).",
            aliases: ["experimental-compaction-batch-limit"]),
        Setting(
            "compaction-sleep-interval", .duration, "0s", .experimental,
            "Pause between the steps of a compaction (0 is 10ms).",
            aliases: ["experimental-compaction-sleep-interval"]),
        Setting(
            "watch-progress-notify-interval", .duration, "0s", .experimental,
            "Time between progress messages to v3 watchers (0 is 10m).",
            aliases: ["experimental-watch-progress-notify-interval"]),
        Setting(
            "downgrade-check-time", .duration, "5s", .experimental,
            "Time between looks whether a downgrade is complete.",
            support: .accepted("the leader looks with every version check, each 4s"),
            aliases: ["experimental-downgrade-check-time"]),
    ]

    static let experimental: [Setting] = [
        gate("initial-corrupt-check", "Compare data with the other members before serving."),
        gate(
            "compact-hash-check-enabled", "Compare compacted data with other members.",
            "--corrupt-check-time compares the members' data"),
        gate("enable-lease-checkpoint", "Keep the remaining time of leases."),
        gate(
            "enable-lease-checkpoint-persist", "Keep the remaining time of leases on disk."),
        gate(
            "txn-mode-write-with-shared-buffer", "Let write transactions share the read buffer.",
            "this program has one way only", standard: "true"),
        gate(
            "stop-grpc-service-on-defrag", "Refuse gRPC calls while defragmenting.",
            "reads and writes go on during a defragmentation"),
        Setting(
            "experimental-enable-v2v3", .string, "", .experimental,
            "Serve the v2 API from v3 keys under this prefix.",
            support: .later("the v2 API has its own store")),
        gate(
            "v3demo", "Serve the v3 API of etcd 2.3.",
            "the v3 API is served on the client port"),
        Setting(
            "experimental-gRPC-addr", .string, "127.0.0.1:2378", .experimental,
            "Address of the v3 API of etcd 2.3.",
            support: .accepted("the v3 API is served on the client port")),
    ]

    private static func gate(
        _ name: String, _ help: String, _ reason: String? = nil, standard: String = "false"
    ) -> Setting {
        Setting(
            "experimental-\(name)", .bool, standard, .experimental, help,
            support: reason.map { .accepted($0) } ?? .supported)
    }

    static let unsafe: [Setting] = [
        Setting(
            "force-new-cluster", .bool, "false", .unsafe,
            "Keep the data and become a cluster of this member alone."),
        Setting(
            "unsafe-no-fsync", .bool, "false", .unsafe,
            "Do not wait for the disk: a power failure loses acknowledged data.",
            support: .accepted("this release always waits for the disk")),
    ]

    /// The feature gate that took the place of an experimental flag.
    static let gates: [String: String] = [
        "experimental-initial-corrupt-check": "InitialCorruptCheck",
        "experimental-compact-hash-check-enabled": "CompactHashCheck",
        "experimental-enable-lease-checkpoint": "LeaseCheckpoint",
        "experimental-enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
        "experimental-txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
        "experimental-stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
    ]

    /// Every gate of etcd, with its default.
    static let knownGates: [String: Bool] = [
        "StopGRPCServiceOnDefrag": false, "InitialCorruptCheck": false, "CompactHashCheck": false,
        "TxnModeWriteWithSharedBuffer": true, "LeaseCheckpoint": false,
        "LeaseCheckpointPersist": false, "SetMemberLocalAddr": false, "FastLeaseKeepAlive": true,
        "PriorityRequest": false, "AllAlpha": false, "AllBeta": false,
    ]
}
