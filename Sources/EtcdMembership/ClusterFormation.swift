//  From the `initial-cluster` setting to members with ids: at the birth of a cluster by computing
//  them, when joining one by matching addresses against the members it already has.

import Raft

/// The configured members do not fit the running cluster. Texts are etcd's.
package struct FormationError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
}

package enum ClusterFormation {
    /// The members of a new cluster. A name may occur several times, once per URL.
    package static func initialMembers(
        _ cluster: [(name: String, url: String)], token: String
    ) -> [Member] {
        var urls: [(name: String, urls: [String])] = []
        for entry in cluster {
            if let position = urls.firstIndex(where: { $0.name == entry.name }) {
                urls[position].urls.append(entry.url)
            } else {
                urls.append((entry.name, [entry.url]))
            }
        }
        return urls.map {
            Member(name: $0.name, peerURLs: $0.urls, token: token, addedAt: nil)
        }.sorted { $0.id < $1.id }
    }

    /// The running cluster's members with the names that were configured for their addresses.
    ///
    /// - Parameter sameAddress: whether two URLs mean the same place, for texts that differ.
    package static func match(
        configured: [Member], running: [Member],
        sameAddress: (String, String) -> Bool = { $0 == $1 }
    ) throws(FormationError) -> [Member] {
        guard configured.count == running.count else {
            throw FormationError(
                description: "error validating peerURLs: member count is unequal: the cluster has "
                    + "\(running.count) members, --initial-cluster names \(configured.count)")
        }
        var unmatched = configured
        var members: [Member] = []
        for member in running {
            let position = unmatched.firstIndex { candidate in
                candidate.peerURLs.count == member.peerURLs.count
                    && candidate.peerURLs.allSatisfy { url in
                        member.peerURLs.contains { sameAddress($0, url) }
                    }
            }
            guard let position else {
                throw FormationError(
                    description: "error validating peerURLs: PeerURLs: no match found for "
                        + "existing member (\(member.id), \(member.peerURLs))")
            }
            var named = member
            named.name = unmatched.remove(at: position).name
            members.append(named)
        }
        return members.sorted { $0.id < $1.id }
    }
}
