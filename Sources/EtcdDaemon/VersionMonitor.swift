//  The leader's part in agreeing on a cluster version (spec peer-and-disk 7).

import EtcdMembership
import EtcdProto
import EtcdServer
import Logging
import NIOCore
import Raft
import RuntimeCore

/// Asks all members for their version every few seconds while this member leads, and proposes the
/// least of them when it is higher than what was agreed, or the target of a downgrade. Ends the
/// downgrade once all members have heard of it.
struct VersionMonitor: Sendable {
    let handler: RequestHandler
    let queries: ClusterQueries
    let ownVersion: SemanticVersion
    let logger: Logger

    /// Until the task is cancelled. `wakeUps` yields when a term has started, so that a new
    /// cluster need not wait for the first period.
    func run(wakeUps: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await check()
                    try? await Task.sleep(for: .milliseconds(Limits.versionNegotiationMilliseconds))
                }
            }
            group.addTask {
                for await _ in wakeUps { await check() }
            }
        }
    }

    private func check() async {
        guard handler.status.role == .leader else { return }
        let answers = await ask()
        guard !Task.isCancelled, handler.status.role == .leader else { return }
        let target = handler.v3.downgrade.target
        if let target, target.isAgreed(by: answers.map { $0?.cluster }) {
            logger.info(
                "the cluster has been downgraded", metadata: ["cluster-version": "\(target)"])
            if case .failure(let error) = handler.endDowngrade() {
                logger.warning("failed to cancel downgrade", metadata: ["error": "\(error.text)"])
            }
            return
        }
        let version = handler.members.snapshot.versionToPropose(
            servers: answers.map { $0?.server }, downgradeTarget: target)
        guard let version else { return }
        let request = V2Request(
            method: .put, path: Bytes("/0/version"), value: Bytes(version.description))
        // Nobody waits for it: the next period sees whether it took effect.
        _ = handler.proposeV2(request, address: nil)
    }

    /// One answer of every member; `nil` from those that do not give one.
    private func ask() async -> [MemberVersions?] {
        var answers: [MemberVersions?] = []
        for member in handler.members.list {
            if member.id == handler.members.localID {
                let cluster = handler.members.clusterVersion.flatMap { SemanticVersion($0) }
                answers.append(MemberVersions(server: ownVersion, cluster: cluster))
                continue
            }
            let versions = await unlessCancelled {
                await queries.versions(from: member.peerURLs, timeout: .seconds(1))
            }
            if Task.isCancelled { break }
            if versions == nil {
                logger.debug(
                    "failed to get version of a member",
                    metadata: ["remote-member-id": "\(member.id)"])
            }
            answers.append(versions)
        }
        return answers
    }
}
