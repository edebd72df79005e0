//  How ids follow from addresses and names: every member must compute the same ones.

import Crypto
package import Raft
package import RuntimeCore

extension Member {
    /// A member with the id that etcd computes (spec peer-and-disk 1).
    ///
    /// - Parameters:
    ///   - token: the cluster token, for members of the initial cluster; empty for later ones.
    ///   - addedAt: the time of the addition, for members added at run time; it makes the id
    ///     unique when the same address comes back.
    package init(
        name: String, peerURLs: [String], token: String, addedAt: WallTime?, isLearner: Bool = false
    ) {
        let sorted = peerURLs.sorted()
        var text = sorted.joined() + token
        if let addedAt {
            text += String(addedAt.unixNanoseconds / 1_000_000_000)
        }
        self.init(
            id: MemberID(leadingBytes(ofSHA1: Array(text.utf8))), peerURLs: sorted,
            isLearner: isLearner, name: name)
    }
}

/// The id of a cluster: fixed by its first members for ever.
package func clusterID(of members: [MemberID]) -> UInt64 {
    var bytes: [UInt8] = []
    for member in members.sorted() {
        withUnsafeBytes(of: member.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
    }
    return leadingBytes(ofSHA1: bytes)
}

private func leadingBytes(ofSHA1 bytes: [UInt8]) -> UInt64 {
    Insecure.SHA1.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
}
