//  The leader's part in agreeing on a cluster version (spec peer-and-disk 7).

import EtcdMembership
import EtcdProto
import EtcdServer
import Logging
import NIOCore
import Raft
import RuntimeCore

/// Asks all members for their version every few seconds while this member leads, and proposes the
/// least of them when it is higher than what was agreed.
struct VersionMonitor: Sendable {
    let handler: RequestHandler
    let queries: ClusterQueries
    let ownVersion: SemanticVersion
    let edge: any EdgePort
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
        var servers: [SemanticVersion?] = []
        for member in handler.members.list {
            if member.id == handler.members.localID {
                servers.append(ownVersion)
                continue
            }
            let versions = await queries.versions(from: member.peerURLs, timeout: .seconds(1))
            if versions == nil {
                logger.debug(
                    "failed to get version of a member",
                    metadata: ["remote-member-id": "\(member.id)"])
            }
            servers.append(versions?.server)
        }
        guard handler.status.role == .leader,
            let version = handler.members.snapshot.versionToPropose(servers: servers)
        else { return }
        let request = V2Request(
            method: .put, path: Bytes("/0/version"), value: Bytes(version.description))
        // Nobody waits: the next period sees whether it took effect.
        _ = handler.proposeV2(request, address: ReplyAddress(edge: edge, token: 0))
    }
}

/// An edge for requests whose outcome is seen elsewhere.
final class SilentEdge: EdgePort {
    let number = -1
    func deliver(_ replies: [EdgeReply]) {}
}
