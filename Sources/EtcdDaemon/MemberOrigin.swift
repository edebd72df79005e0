//  How a member comes to be: from its own data directory, as a founder of a cluster, or by joining
//  a running one. Decided before anything is written.

import EtcdConfig
import EtcdMembership
import EtcdServer
import Logging
import NIOCore
import Raft
import RuntimeCore

enum MemberOrigin: Sendable {
    /// The data directory knows everything; settings about the cluster are ignored.
    case restart
    case founder(local: Member, founders: [Member])
    /// `known` is how the running cluster describes itself, this member included.
    case joiner(local: Member, known: [Member], clusterID: UInt64)
}

/// Asks the members that are there, and refuses what would end in two clusters.
struct OriginDecision: Sendable {
    let config: ServerConfig
    let discovery: ClusterDiscovery
    let queries: ClusterQueries
    let ownVersion: SemanticVersion
    let logger: Logger
    /// Per address; a new cluster's other members may all be silent.
    private static let askTimeout = TimeAmount.seconds(1)
    private static let joinTimeout = TimeAmount.seconds(3)

    /// Throws `BootstrapError` or `SurplusMember`.
    func decide(hasLog: Bool) async throws -> MemberOrigin {
        if hasLog { return .restart }
        let configured = ClusterFormation.initialMembers(
            try await discovery.run().map { ($0.name, $0.url.text) },
            token: config.initialClusterToken)
        guard let local = configured.first(where: { $0.name == config.name }) else {
            throw BootstrapError(
                description: "couldn't find local name \"\(config.name)\" in the initial cluster "
                    + "configuration")
        }
        if let twin = Dictionary(grouping: configured, by: \.id).values.first(where: {
            $0.count > 1
        }) {
            let names = twin.map(\.name).joined(separator: ", ")
            throw BootstrapError(
                description: "initial cluster names \(names) share their peer URLs")
        }
        return config.isNewCluster
            ? try await found(local, configured) : try await join(local, configured)
    }

    private func found(_ local: Member, _ founders: [Member]) async throws(BootstrapError)
        -> MemberOrigin
    {
        // Members of a discovery service have just registered: there is no cluster to ask yet.
        if case .service = config.discovery { return .founder(local: local, founders: founders) }
        if case .registry = config.discovery { return .founder(local: local, founders: founders) }
        let others = founders.filter { $0.id != local.id }.flatMap(\.peerURLs)
        let running = await queries.members(from: others, timeout: OriginDecision.askTimeout)
        if let twin = running?.members.first(where: { $0.id == local.id }),
            !twin.clientURLs.isEmpty
        {
            throw BootstrapError(
                description: "member \(local.id) has already been bootstrapped: the others of "
                    + "the cluster know it, but its data directory is empty. Remove the member "
                    + "and add it again, then start it with --initial-cluster-state existing")
        }
        return .founder(local: local, founders: founders)
    }

    private func join(_ local: Member, _ configured: [Member]) async throws(BootstrapError)
        -> MemberOrigin
    {
        let others = configured.filter { $0.id != local.id }.flatMap(\.peerURLs)
        guard let running = await queries.members(from: others, timeout: OriginDecision.joinTimeout)
        else {
            throw BootstrapError(
                description: "cannot fetch cluster info from peer urls: could not retrieve "
                    + "cluster information from the given URLs: "
                    + others.joined(separator: ", "))
        }
        let known: [Member]
        do throws(FormationError) {
            known = try ClusterFormation.match(
                configured: configured, running: running.members,
                sameAddress: HostNames.isSameAddress)
        } catch {
            throw BootstrapError(description: error.description)
        }
        guard let joined = known.first(where: { $0.name == config.name }) else {
            throw BootstrapError(
                description: "couldn't find local name \"\(config.name)\" among the members of "
                    + "the running cluster")
        }
        try await checkVersions(others)
        logger.info(
            "joining a running cluster",
            metadata: [
                "local-member-id": "\(joined.id)",
                "cluster-id": "\(String(running.clusterID, radix: 16))",
            ])
        return .joiner(local: joined, known: known, clusterID: running.clusterID)
    }

    private func checkVersions(_ urls: [String]) async throws(BootstrapError) {
        guard
            let versions = await queries.versions(from: urls, timeout: OriginDecision.joinTimeout),
            let cluster = versions.cluster
        else { return }
        let floor = SemanticVersion(major: 3, minor: 0)
        if cluster < floor || cluster > ownVersion.line {
            throw BootstrapError(
                description: "incompatible with current running cluster: it runs version "
                    + "\(cluster), this member can run \(floor) to \(ownVersion.line)")
        }
    }
}
