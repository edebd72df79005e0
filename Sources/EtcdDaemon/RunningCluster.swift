//  What a member asks of others over HTTP before it starts and while it leads: who they are, and
//  which version they run (spec peer-and-disk 2 and 7).

import EtcdMembership
import EtcdNet
import NIOCore
import NIOHTTP1
import Protobuf
import RuntimeCore

/// The members of a running cluster as one of them tells.
struct RunningCluster: Sendable {
    let members: [Member]
    let clusterID: UInt64
}

/// What a member says of its release.
struct MemberVersions: Sendable {
    let server: SemanticVersion
    /// `nil` while the cluster has not decided.
    let cluster: SemanticVersion?
}

struct ClusterQueries: Sendable {
    let client: HTTPClient
    let loop: any EventLoop
    /// Where bodies end: a member list of hundreds of members fits.
    private static let bodyMax = 1 << 20

    /// The first answer from any of `urls`, tried in order; `nil` when none answers.
    ///
    /// A member that has just come knows of none until the log reaches it: an empty list says
    /// nothing about the cluster.
    func members(from urls: [String], timeout: TimeAmount) async -> RunningCluster? {
        for url in urls {
            guard let response = await get("/members", at: url, timeout: timeout),
                let id = response.headers.first(name: "X-Etcd-Cluster-ID"),
                let clusterID = UInt64(id, radix: 16),
                let members = try? parseMemberList(bytes(of: response)), !members.isEmpty
            else { continue }
            return RunningCluster(members: members, clusterID: clusterID)
        }
        return nil
    }

    func versions(from urls: [String], timeout: TimeAmount) async -> MemberVersions? {
        for url in urls {
            guard let response = await get("/version", at: url, timeout: timeout),
                let value = try? JSONValue.parse(bytes(of: response)),
                let server = value["etcdserver"]?.text.flatMap({ SemanticVersion($0) })
            else { continue }
            let cluster = value["etcdcluster"]?.text.flatMap { SemanticVersion($0) }
            return MemberVersions(server: server, cluster: cluster)
        }
        return nil
    }

    private func get(_ target: String, at origin: String, timeout: TimeAmount) async
        -> HTTPClientResponse?
    {
        let request = HTTPClientRequest(origin: origin, target: target)
        let response = try? await client.execute(
            request, on: loop, timeout: timeout, maximumBody: ClusterQueries.bodyMax
        ).get()
        guard let response, response.status == 200 else { return nil }
        return response
    }

    private func bytes(of response: HTTPClientResponse) -> Bytes {
        Bytes(Array(response.body.readableBytesView))
    }
}
