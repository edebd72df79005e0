//  From checked settings to the configuration.

extension ConfigValidation {
    mutating func config(
        _ cluster: [ServerConfig.ClusterEntry], _ tls: (client: TLSSettings, peer: TLSSettings)
    ) -> ServerConfig {
        if name == "default", !isProxy {
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
            maxRequestBytes: min(
                settings.unsigned("max-request-bytes"), ConfigBounds.requestBytesMax),
            maxLearners: Int(clamping: settings.signed("max-learners")),
            quotaBackendBytes: settings.signed("quota-backend-bytes"),
            compaction: compaction,
            compactionBatch: positive("compaction-batch-limit", 1_000),
            compactionPauseMilliseconds: duration("compaction-sleep-interval", 10),
            commitMilliseconds: duration("backend-batch-interval", 100),
            commitOperations: positive("backend-batch-limit", 10_000),
            maxTxnOperations: Int(clamping: settings.unsigned("max-txn-ops")),
            watchProgressMilliseconds: duration("watch-progress-notify-interval", 600_000),
            checkpointsLeases: gate("experimental-enable-lease-checkpoint"),
            persistsLeaseCheckpoints: gate("experimental-enable-lease-checkpoint-persist"),
            corruptCheckMilliseconds: settings.milliseconds("corrupt-check-time"),
            initialCorruptCheck: gate("experimental-initial-corrupt-check"),
            authTokens: authTokens(),
            bcryptCost: bcryptCost(),
            maxConcurrentStreams: UInt32(
                clamping: settings.unsigned("max-concurrent-streams")),
            keepAliveMinMilliseconds: settings.milliseconds("grpc-keepalive-min-time"),
            keepAliveIntervalMilliseconds: settings.milliseconds("grpc-keepalive-interval"),
            keepAliveTimeoutMilliseconds: settings.milliseconds("grpc-keepalive-timeout"),
            enableGateway: settings.flag("enable-grpc-gateway"),
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
            initialClusterToken: clusterToken,
            discovery: discoverySettings,
            strictReconfigCheck: settings.flag("strict-reconfig-check"),
            preVote: settings.flag("pre-vote"),
            forceNewCluster: settings.flag("force-new-cluster"),
            proxy: proxySettings,
            clientTLS: tls.client,
            peerTLS: tls.peer,
            selfSignedCertYears: settings.unsigned("self-signed-cert-validity"),
            enableV2: settings.flag("enable-v2"),
            cors: settings.list("cors"),
            hostWhitelist: settings.list("host-whitelist"),
            audit: audit,
            userRate: settings.unsigned("rate-limit-per-user"),
            prefixRates: prefixRates,
            enablePprof: settings.flag("enable-pprof"),
            featureGates: featureGates,
            metrics: ServerConfig.MetricsDetail(rawValue: settings.text("metrics")) ?? .basic,
            warningApplyMilliseconds: settings.milliseconds("warning-apply-duration"),
            warningUnaryMilliseconds: duration("warning-unary-request-duration", 300),
            logLevel: logLevel,
            logFormat: ServerConfig.LogFormat(rawValue: settings.text("log-format")) ?? .json,
            logOutputs: logOutputs,
            logRotation: logRotation,
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

    private func positive(_ name: String, _ standard: Int) -> Int {
        let number = settings.signed(name)
        return number > 0 ? Int(number) : standard
    }

    private var featureGates: [ServerConfig.FeatureGate] {
        let flags = Dictionary(uniqueKeysWithValues: Setting.gates.map { ($0.value, $0.key) })
        return Setting.knownGates.keys.sorted().map { name in
            let isOn = gateValue(name) ?? flags[name].map { settings.flag($0) }
            let isBeta = Setting.knownGates[name] == true || name == "AllBeta"
            return ServerConfig.FeatureGate(
                name: name, stage: isBeta ? "BETA" : "ALPHA",
                isEnabled: isOn ?? Setting.knownGates[name] ?? false)
        }
    }

    private func duration(_ name: String, _ standard: UInt64) -> UInt64 {
        let milliseconds = settings.milliseconds(name)
        return milliseconds > 0 ? milliseconds : standard
    }

    /// A feature by its flag, or by the gate that took the flag's place.
    private func gate(_ flag: String) -> Bool {
        if let gate = Setting.gates[flag], let isOn = gateValue(gate) { return isOn }
        return settings.flag(flag)
    }

    /// `nil` when `--feature-gates` does not name it.
    private func gateValue(_ gate: String) -> Bool? {
        for item in settings.list("feature-gates") {
            let parts = item.split(separator: "=", maxSplits: 1).map(\.trimmingBlanks)
            if parts.count == 2, parts[0] == gate {
                return (try? GoSyntax.bool(parts[1])) ?? false
            }
        }
        return nil
    }
}

extension ServerConfig.Compaction {
    /// As etcd reads it: a decimal number, of revisions or of hours, or else a duration, which is
    /// good for hours alone. Without a text there is none.
    init(retention text: String, mode: String) throws(ValueError) {
        self = .off
        if text.isEmpty { return }
        let isRevision = mode == "revision"
        if let number = Int64(text), number >= 0 {
            if number == 0 { return }
            guard isRevision || number <= ConfigBounds.retentionHoursMax else {
                throw ValueError(
                    "\(text) hours are too many, the most are \(ConfigBounds.retentionHoursMax)")
            }
            self =
                isRevision
                ? .revisions(number) : .periodic(milliseconds: UInt64(number) * 3_600_000)
            return
        }
        guard !isRevision, let nanoseconds = try? GoSyntax.duration(text) else {
            throw ValueError("time: invalid duration \"\(text)\"")
        }
        if nanoseconds > 0 { self = .periodic(milliseconds: UInt64(nanoseconds) / 1_000_000) }
    }
}
