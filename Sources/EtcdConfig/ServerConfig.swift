//  The validated configuration: what the daemon needs to know, every rule checked.

package struct ServerConfig: Sendable, Hashable {
    package struct ClusterEntry: Sendable, Hashable {
        package let name: String
        package let url: ConfigURL

        package init(name: String, url: ConfigURL) {
            self.name = name
            self.url = url
        }

        /// Reads `name=url`.
        package init(_ item: String) throws(ValueError) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map(\.trimmingBlanks)
            self.init(name: parts[0], url: try ConfigURL(parts.count == 2 ? parts[1] : ""))
        }

        /// Reads `name=url[,name=url…]`.
        package static func list(_ text: String) throws(ValueError) -> [ClusterEntry] {
            var entries: [ClusterEntry] = []
            for item in text.split(separator: ",") where !item.trimmingBlanks.isEmpty {
                entries.append(try ClusterEntry(String(item)))
            }
            return entries
        }
    }

    package enum LogLevel: String, Sendable, CaseIterable {
        case debug, info, warn, error, panic, fatal
    }

    package enum LogFormat: String, Sendable, CaseIterable {
        case json, console
    }

    package enum MetricsDetail: String, Sendable, CaseIterable {
        case basic, extensive
    }

    package enum AuditEvents: String, Sendable {
        case all, writes, denied
    }

    package struct AuditSettings: Sendable, Hashable {
        package let path: String
        package let events: AuditEvents
    }

    /// Requests a second for keys with a prefix.
    package struct PrefixRate: Sendable, Hashable {
        package let prefix: String
        package let perSecond: UInt64
    }

    /// A switch of `--feature-gates`, and how far etcd trusts it.
    package struct FeatureGate: Sendable, Hashable {
        package let name: String
        /// `ALPHA` or `BETA`.
        package let stage: String
        package let isEnabled: Bool
    }

    /// When a log file is exchanged, and what becomes of old ones.
    package struct LogRotation: Sendable, Hashable {
        package var maxBytes: UInt64 = 100 << 20
        /// 0 keeps them all.
        package var maxAgeDays = 0
        /// 0 keeps them all.
        package var maxBackups = 0
        package var usesLocalTime = false
        package var compresses = false
    }

    package enum LogOutput: Sendable, Hashable {
        case standardError
        case standardOutput
        /// The journal; standard error when there is none.
        case journal
        case file(String)
    }

    // Member
    package let name: String
    package let dataDirectory: String
    /// Empty for the usual place below the data directory.
    package let walDirectory: String
    package let snapshotCount: UInt64
    package let snapshotCatchupEntries: UInt64
    package let heartbeatMilliseconds: UInt64
    package let electionMilliseconds: UInt64
    package let advancesInitialElectionTicks: Bool
    /// 0 keeps all.
    package let maxSnapshots: UInt64
    /// 0 keeps all.
    package let maxWALs: UInt64
    package let maxRequestBytes: UInt64
    package let maxLearners: Int
    package let quotaBackendBytes: Int64

    // v3 keys
    package enum Compaction: Sendable, Hashable {
        case off
        case periodic(milliseconds: UInt64)
        case revisions(Int64)
    }

    package let compaction: Compaction
    package let compactionBatch: Int
    package let compactionPauseMilliseconds: UInt64
    package let commitMilliseconds: UInt64
    package let commitOperations: Int
    package let maxTxnOperations: Int
    package let watchProgressMilliseconds: UInt64
    package let checkpointsLeases: Bool
    package let persistsLeaseCheckpoints: Bool
    /// 0: never.
    package let corruptCheckMilliseconds: UInt64
    package let initialCorruptCheck: Bool

    // Authentication
    package enum AuthTokens: Sendable, Hashable {
        case none
        case simple(seconds: UInt64)
        /// JSON Web Tokens. A file's path is empty when it is not given.
        case signed(
            method: String, publicKeyFile: String, privateKeyFile: String, ttlSeconds: Int64)
    }

    package let authTokens: AuthTokens
    package let bcryptCost: Int

    // gRPC
    package let maxConcurrentStreams: UInt32
    package let keepAliveMinMilliseconds: UInt64
    /// 0: never.
    package let keepAliveIntervalMilliseconds: UInt64
    package let keepAliveTimeoutMilliseconds: UInt64
    package let enableGateway: Bool

    // Addresses. Sorted, without duplicates.
    package let listenPeerURLs: [ConfigURL]
    package let listenClientURLs: [ConfigURL]
    package let listenClientHTTPURLs: [ConfigURL]
    package let listenMetricsURLs: [ConfigURL]
    package let initialAdvertisePeerURLs: [ConfigURL]
    package let advertiseClientURLs: [ConfigURL]
    package let socketReusePort: Bool
    package let socketReuseAddress: Bool

    // Cluster
    /// In the order given. A member with several URLs has several entries.
    package let initialCluster: [ClusterEntry]
    package let isNewCluster: Bool
    /// The token of the discovery service where one is asked.
    package let initialClusterToken: String
    /// Where the members come from when it is not `initialCluster`, which then holds this one only.
    package let discovery: DiscoverySettings?
    package let strictReconfigCheck: Bool
    package let preVote: Bool
    package let forceNewCluster: Bool

    // v2 proxy
    package let proxy: ProxySettings

    // TLS
    package let clientTLS: TLSSettings
    package let peerTLS: TLSSettings
    /// Of generated certificates; never 0 when one is wanted.
    package let selfSignedCertYears: UInt64

    // Service
    package let enableV2: Bool
    /// Empty or `*` for every origin.
    package let cors: [String]
    /// Empty or `*` for every host.
    package let hostWhitelist: [String]
    /// `nil` for no audit log.
    package let audit: AuditSettings?
    /// 0 for no limit.
    package let userRate: UInt64
    package let prefixRates: [PrefixRate]
    package let enablePprof: Bool
    /// All that are known, by name.
    package let featureGates: [FeatureGate]
    package let metrics: MetricsDetail
    package let warningApplyMilliseconds: UInt64
    package let warningUnaryMilliseconds: UInt64

    // Log
    package let logLevel: LogLevel
    package let logFormat: LogFormat
    package let logOutputs: [LogOutput]
    /// `nil` when files just grow.
    package let logRotation: LogRotation?

    // Unsafe
    package let unsafeNoFsync: Bool
}

extension ServerConfig {
    /// `initial-cluster` in the form that logs show: sorted, `name=url` with commas.
    package var initialClusterText: String {
        initialCluster.map { "\($0.name)=\($0.url.text)" }.sorted().joined(separator: ",")
    }
}
