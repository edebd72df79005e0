//  The cluster that restored members are to form, from the flags that describe it.

import EtcdConfig
import EtcdMembership
import RuntimePosix

/// The members of a new cluster, and which of them is the local one. Refusals are in the words of
/// etcd's check before a member is bootstrapped.
struct FoundingCluster {
    let members: [Member]
    let local: Member

    /// - Parameters:
    ///   - cluster: `name=url` items with commas between them.
    ///   - peerURLs: what the local member advertises, with commas.
    init(name: String, cluster: String, token: String, peerURLs: String) throws(ToolError) {
        let advertised: [ConfigURL]
        let entries: [ServerConfig.ClusterEntry]
        do throws(ValueError) {
            advertised = try ConfigURL.list(peerURLs)
            entries = try ServerConfig.ClusterEntry.list(cluster)
        } catch {
            throw ToolError("\(error)")
        }
        let own = entries.filter { $0.name == name }.map(\.url).sorted()
        if own.isEmpty {
            throw ToolError(
                "couldn't find local name \"\(name)\" in the initial cluster configuration")
        }
        try Self.match(own, advertised, name: name, cluster: cluster)
        var seen: Set<String> = []
        if entries.contains(where: { !seen.insert($0.url.text).inserted }) {
            throw ToolError("initial cluster \(cluster) has duplicate url")
        }
        members = ClusterFormation.initialMembers(
            entries.map { ($0.name, $0.url.text) }, token: token)
        guard let local = members.first(where: { $0.name == name }) else {
            preconditionFailure("the entries have the name")
        }
        self.local = local
    }

    private static func match(
        _ own: [ConfigURL], _ advertised: [ConfigURL], name: String, cluster: String
    ) throws(ToolError) {
        let reason: String
        if own.count != advertised.count {
            reason = "len(\(list(advertised))) != len(\(list(own)))"
        } else {
            let different = zip(advertised, own).first { left, right in
                !left.isSamePlace(as: right, resolve: HostAddresses.resolve)
            }
            guard let (left, right) = different else { return }
            reason =
                "\"\(left)\"(resolved from \"\(left)\") != \"\(right)\"(resolved from \"\(right)\")"
        }
        let missing = own.filter { !advertised.contains($0) }.map { "\(name)=\($0)" }
        let shown = advertised.map(\.text).joined(separator: ",")
        if !missing.isEmpty {
            throw ToolError(
                "--initial-cluster has \(missing.joined(separator: ",")) but missing from "
                    + "--initial-advertise-peer-urls=\(shown) (\(reason))")
        }
        let extra = advertised.filter { !own.contains($0) }.map(\.text)
        throw ToolError(
            "--initial-advertise-peer-urls has \(extra.joined(separator: ",")) but missing from "
                + "--initial-cluster=\(cluster) (\(reason))")
    }

    private static func list(_ urls: [ConfigURL]) -> String {
        "[" + urls.map { "\"\($0)\"" }.joined(separator: " ") + "]"
    }
}
