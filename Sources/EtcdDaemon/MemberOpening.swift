//  From the decision where a member comes from to open files and restored state.

import EtcdAuth
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

    /// Opens or makes the log, fills the v2 key space, and tells the membership it holds.
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
            let opened = try Bootstrap.open(directory, in: fileSystem)
            let cluster = try Bootstrap.restoreState(of: opened, into: keyspace)
            if cluster.isRemoved(opened.localID) {
                throw BootstrapError(
                    description: "the member has been permanently removed from the cluster; the "
                        + "data-dir used by this member must be removed")
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

    /// Opens or makes the database that belongs to the log's newest snapshot.
    func openDatabase(snapshot: SnapshotMetadata, cluster: Cluster) throws(BootstrapError)
        -> V3Keyspace
    {
        try Bootstrap.openKeyspace(
            directory, in: fileSystem, snapshot: snapshot, cluster: cluster,
            settings: V3Keyspace.Settings(config, tokens: try tokens()),
            random: RandomSource(seed: SystemEntropy.seed()))
    }

    /// Reads the keys of signed tokens.
    private func tokens() throws(BootstrapError) -> TokenKind {
        switch config.authTokens {
        case .none: return .none
        case .simple(let seconds):
            logger.warning("simple token is not cryptographically signed")
            return .simple(seconds: seconds)
        case .signed(let method, let publicFile, let privateFile, let ttlSeconds):
            let publicKey = try keyFile(publicFile, option: "pub-key")
            let privateKey = try keyFile(privateFile, option: "priv-key")
            do throws(WebTokenKeyError) {
                guard let algorithm = WebTokenAlgorithm(rawValue: method) else {
                    throw .invalidOptions
                }
                return .signed(
                    WebTokens(
                        key: try WebTokenKey(
                            algorithm, publicKey: publicKey, privateKey: privateKey),
                        ttlSeconds: ttlSeconds))
            } catch {
                throw BootstrapError(description: "--auth-token: \(error)")
            }
        }
    }

    private func keyFile(_ path: String, option: String) throws(BootstrapError) -> Bytes? {
        if path.isEmpty { return nil }
        do throws(FileError) {
            return Bytes(try fileSystem.contents(of: path))
        } catch {
            throw BootstrapError(
                description: "--auth-token: auth: invalid auth options (\(option): \(error))")
        }
    }

    /// Carries out `--force-new-cluster`.
    ///
    /// - Parameter applied: how far the database has come.
    func forceIfWanted(_ opened: inout OpenedLog, applied: LogIndex) throws(BootstrapError) {
        guard config.forceNewCluster else { return }
        _ = try Bootstrap.forceNewCluster(
            &opened, applied: applied, peerURLs: config.initialAdvertisePeerURLs.map(\.text))
        logger.warning(
            """
            forcing a new cluster of this member alone; start it without \
            --force-new-cluster from now on
            """,
            metadata: ["local-member-id": "\(opened.localID)"])
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
            slowApplyMilliseconds: config.warningApplyMilliseconds,
            maxTxnOperations: config.maxTxnOperations, compaction: AutoCompactor.Mode(config),
            snapshotDirectory: DataDirectory(
                root: config.dataDirectory, walDirectory: config.walDirectory
            ).snapshots, serverVersion: ProgramVersion.etcd)
    }
}

extension AutoCompactor.Mode {
    fileprivate init(_ config: ServerConfig) {
        switch config.compaction {
        case .off: self = .off
        case .periodic(let milliseconds): self = .periodic(milliseconds: milliseconds)
        case .revisions(let number): self = .revision(number)
        }
    }
}

extension V3Keyspace.Settings {
    init(_ config: ServerConfig, tokens: TokenKind) {
        self.init(
            quotaBytes: config.quotaBackendBytes, compactionBatch: config.compactionBatch,
            compactionPauseMilliseconds: config.compactionPauseMilliseconds,
            // Three half election timeouts, in whole seconds (spec grpc-v3 8).
            minimumLeaseSeconds: Int64((3 * config.electionMilliseconds / 2 + 999) / 1_000),
            checkpointsLeases: config.checkpointsLeases,
            persistsLeaseCheckpoints: config.persistsLeaseCheckpoints,
            watchProgressMilliseconds: config.watchProgressMilliseconds,
            commitMilliseconds: config.commitMilliseconds,
            commitOperations: config.commitOperations, bcryptCost: config.bcryptCost,
            tokens: tokens)
    }
}
