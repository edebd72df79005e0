//  From checked settings to the configuration.

extension ConfigValidation {
    mutating func config(_ cluster: [ServerConfig.ClusterEntry]) -> ServerConfig {
        if name == "default" {
            note(
                .warning, "name", "the member's name is left at \"default\"; give each its own")
        }
        if !settings.isSet("data-dir") || settings.text("data-dir").isEmpty {
            note(
                .warning, "data-dir", "'data-dir' was empty; using default",
                ["data-dir": dataDirectory])
        }
        return ServerConfig(
            name: name,
            dataDirectory: dataDirectory,
            walDirectory: settings.text("wal-dir"),
            snapshotCount: unlessZero("snapshot-count"),
            snapshotCatchupEntries: unlessZero("snapshot-catchup-entries"),
            heartbeatMilliseconds: settings.unsigned("heartbeat-interval"),
            electionMilliseconds: settings.unsigned("election-timeout"),
            advancesInitialElectionTicks: settings.flag("initial-election-tick-advance"),
            maxSnapshots: settings.unsigned("max-snapshots"),
            maxWALs: settings.unsigned("max-wals"),
            maxRequestBytes: settings.unsigned("max-request-bytes"),
            maxLearners: Int(clamping: settings.signed("max-learners")),
            quotaBackendBytes: settings.signed("quota-backend-bytes"),
            listenPeerURLs: settings.urls("listen-peer-urls"),
            listenClientURLs: settings.urls("listen-client-urls"),
            listenClientHTTPURLs: settings.urls("listen-client-http-urls"),
            listenMetricsURLs: settings.urls("listen-metrics-urls"),
            initialAdvertisePeerURLs: advertisedPeerURLs,
            advertiseClientURLs: advertisedClientURLs,
            socketReusePort: settings.flag("socket-reuse-port"),
            socketReuseAddress: settings.flag("socket-reuse-address"),
            initialCluster: cluster,
            isNewCluster: isNew,
            initialClusterToken: settings.text("initial-cluster-token"),
            strictReconfigCheck: settings.flag("strict-reconfig-check"),
            preVote: settings.flag("pre-vote"),
            forceNewCluster: settings.flag("force-new-cluster"),
            enableV2: settings.flag("enable-v2"),
            cors: settings.list("cors"),
            hostWhitelist: settings.list("host-whitelist"),
            enablePprof: settings.flag("enable-pprof"),
            metrics: ServerConfig.MetricsDetail(rawValue: settings.text("metrics")) ?? .basic,
            warningApplyMilliseconds: settings.milliseconds("warning-apply-duration"),
            logLevel: logLevel,
            logFormat: ServerConfig.LogFormat(rawValue: settings.text("log-format")) ?? .json,
            logOutputs: logOutputs,
            unsafeNoFsync: settings.flag("unsafe-no-fsync"))
    }

    /// etcd takes 0 as the default for these.
    private func unlessZero(_ name: String) -> UInt64 {
        let number = settings.unsigned(name)
        guard number == 0, case .unsigned(let standard)? = Setting.named(name)?.standardValue else {
            return number
        }
        return standard
    }
}
