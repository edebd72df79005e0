//  The settings of sections Experimental and Unsafe, and those that concern the v3 database's
//  integrity.

extension Setting {
    private static let noKeys = "it concerns v3 keys, which this release does not have"
    private static let noLeases = "it concerns v3 leases, which this release does not have"

    static let integrity: [Setting] = [
        Setting(
            "corrupt-check-time", .duration, "0", .experimental,
            "Time between comparisons of the members' data (0 for none).",
            support: .accepted(noKeys), aliases: ["experimental-corrupt-check-time"]),
        Setting(
            "compact-hash-check-time", .duration, "1m", .experimental,
            "Time between comparisons of the members' compacted data.",
            support: .accepted(noKeys), aliases: ["experimental-compact-hash-check-time"]),
        Setting(
            "compaction-batch-limit", .int, "0", .experimental,
            "Most revisions that one step of a compaction removes (0 is 1000).",
            support: .accepted(noKeys), aliases: ["experimental-compaction-batch-limit"]),
        Setting(
            "compaction-sleep-interval", .duration, "0", .experimental,
            "Pause between the steps of a compaction (0 is 10ms).",
            support: .accepted(noKeys), aliases: ["experimental-compaction-sleep-interval"]),
        Setting(
            "watch-progress-notify-interval", .duration, "0", .experimental,
            "Time between progress messages to v3 watchers (0 is 10m).",
            support: .accepted(noKeys),
            aliases: ["experimental-watch-progress-notify-interval"]),
        Setting(
            "downgrade-check-time", .duration, "5s", .experimental,
            "Time between looks whether a downgrade is complete.",
            support: .accepted("downgrades are not part of this release"),
            aliases: ["experimental-downgrade-check-time"]),
    ]

    static let experimental: [Setting] = [
        gate(
            "initial-corrupt-check", "Compare data with the other members before serving.", noKeys),
        gate("compact-hash-check-enabled", "Compare compacted data with other members.", noKeys),
        gate("enable-lease-checkpoint", "Keep the remaining time of leases.", noLeases),
        gate(
            "enable-lease-checkpoint-persist", "Keep the remaining time of leases on disk.",
            noLeases),
        gate(
            "txn-mode-write-with-shared-buffer", "Let write transactions share the read buffer.",
            noKeys, standard: "true"),
        gate(
            "stop-grpc-service-on-defrag", "Refuse gRPC calls while defragmenting.",
            "it concerns the v3 gRPC API, which this release does not serve"),
        Setting(
            "experimental-enable-v2v3", .string, "", .experimental,
            "Serve the v2 API from v3 keys under this prefix.",
            support: .later("this release has no v3 keys; the v2 API has its own store")),
        gate(
            "v3demo", "Serve the v3 API of etcd 2.3.",
            "it concerns the v3 gRPC API, which this release does not serve"),
        Setting(
            "experimental-gRPC-addr", .string, "127.0.0.1:2378", .experimental,
            "Address of the v3 API of etcd 2.3.",
            support: .accepted("it concerns the v3 gRPC API, which this release does not serve")),
    ]

    private static func gate(
        _ name: String, _ help: String, _ reason: String, standard: String = "false"
    ) -> Setting {
        Setting(
            "experimental-\(name)", .bool, standard, .experimental, help,
            support: .accepted(reason))
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
