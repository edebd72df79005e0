//  From the decision where a member comes from to open files and restored state.

import EtcdConfig
import EtcdMembership
import EtcdServer
import Logging
import Raft
import RuntimeCore
import RuntimePosix

struct MemberOpening {
    let config: ServerConfig
    let directory: DataDirectory
    let fileSystem: PosixFileSystem
    let logger: Logger

    /// Opens or makes the log, fills the key space, and tells the membership it holds.
    func open(_ origin: MemberOrigin, keyspace: V2Keyspace) throws(BootstrapError) -> (
        OpenedLog, Cluster
    ) {
        switch origin {
        case .founder(let local, let founders):
            if config.forceNewCluster { try refuseForce() }
            let opened = try Bootstrap.create(
                directory, in: fileSystem, localID: local.id,
                clusterID: clusterID(of: founders.map(\.id)), founders: founders)
            return (opened, Cluster())
        case .joiner(let local, _, let clusterID):
            if config.forceNewCluster { try refuseForce() }
            let opened = try Bootstrap.create(
                directory, in: fileSystem, localID: local.id, clusterID: clusterID, founders: [])
            return (opened, Cluster())
        case .restart:
            var opened = try Bootstrap.open(directory, in: fileSystem)
            let cluster = try Bootstrap.restoreState(of: opened, into: keyspace)
            if cluster.isRemoved(opened.localID) {
                throw BootstrapError(
                    description: "the member has been permanently removed from the cluster; the "
                        + "data-dir used by this member must be removed")
            }
            if config.forceNewCluster {
                try Bootstrap.forceNewCluster(
                    &opened, peerURLs: config.initialAdvertisePeerURLs.map(\.text))
                logger.warning(
                    """
                    forcing a new cluster of this member alone; start it without \
                    --force-new-cluster from now on
                    """,
                    metadata: ["local-member-id": "\(opened.localID)"])
            }
            logger.info(
                "restarting local member",
                metadata: [
                    "cluster-id": "\(String(opened.clusterID, radix: 16))",
                    "local-member-id": "\(opened.localID)",
                    "commit-index": "\(opened.hardState.commit)",
                    "snapshot-index": "\(opened.snapshotMetadata.index)",
                ])
            return (opened, cluster)
        }
    }

    private func refuseForce() throws(BootstrapError) {
        throw BootstrapError(
            description: "--force-new-cluster needs a data directory with a log: there is none in "
                + directory.log)
    }
}

extension ReplicaConfiguration {
    init(_ config: ServerConfig) {
        self.init(
            name: config.name, clientURLs: config.advertiseClientURLs.map(\.text),
            heartbeatMilliseconds: config.heartbeatMilliseconds,
            electionMilliseconds: config.electionMilliseconds, preVote: config.preVote,
            initialElectionTickAdvance: config.advancesInitialElectionTicks,
            snapshotCount: config.snapshotCount,
            snapshotCatchUpEntries: config.snapshotCatchupEntries,
            maxSnapshots: Int(clamping: config.maxSnapshots),
            maxWALs: Int(clamping: config.maxWALs), maxLearners: config.maxLearners,
            maxRequestBytes: Int(clamping: config.maxRequestBytes),
            strictReconfigCheck: config.strictReconfigCheck,
            slowApplyMilliseconds: config.warningApplyMilliseconds)
    }
}
