//  What the log says first: which program, with which settings, on which data.

import EtcdConfig
import EtcdMembership
import EtcdServer
import Logging
import RuntimeCore

enum StartLog {
    static func starting(_ config: ServerConfig, isInitialized: Bool, logger: Logger) {
        func list(_ urls: [ConfigURL]) -> Logger.Metadata.Value {
            "\(urls.map(\.text).joined(separator: ","))"
        }
        logger.info(
            "starting an etcd server",
            metadata: [
                "etcd-version": "\(ProgramVersion.etcd)",
                "etcd-swift-version": "\(ProgramVersion.own)",
                "go-os": "linux", "go-arch": "\(ProgramVersion.architecture)",
                "member-initialized": "\(isInitialized)", "name": "\(config.name)",
                "data-dir": "\(config.dataDirectory)", "wal-dir": "\(config.walDirectory)",
                "heartbeat-interval": "\(config.heartbeatMilliseconds)ms",
                "election-timeout": "\(config.electionMilliseconds)ms",
                "snapshot-count": "\(config.snapshotCount)",
                "initial-advertise-peer-urls": list(config.initialAdvertisePeerURLs),
                "listen-peer-urls": list(config.listenPeerURLs),
                "advertise-client-urls": list(config.advertiseClientURLs),
                "listen-client-urls": list(config.listenClientURLs),
                "listen-metrics-urls": list(config.listenMetricsURLs),
                "cors": "\(config.cors)", "host-whitelist": "\(config.hostWhitelist)",
                "initial-cluster": "\(isInitialized ? "" : config.initialClusterText)",
                "initial-cluster-state": "\(config.isNewCluster ? "new" : "existing")",
                "initial-cluster-token": "\(ConfigURL.withoutUser(config.initialClusterToken))",
                "pre-vote": "\(config.preVote)",
                "max-request-bytes": "\(config.maxRequestBytes)",
            ])
    }

    /// A data directory of a newer cluster must not be used: its log may hold what this release
    /// cannot apply.
    static func checkVersion(_ cluster: Cluster, own: SemanticVersion) throws(BootstrapError) {
        guard let version = cluster.version.flatMap({ SemanticVersion($0) }), version > own.line
        else { return }
        throw BootstrapError(
            description: "invalid downgrade; server version is lower than determined cluster "
                + "version: \(own) runs here, the cluster is at \(version)")
    }
}
