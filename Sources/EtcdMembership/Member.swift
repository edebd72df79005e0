//  Who a member is.

package import Raft

/// One member as the cluster knows it.
package struct Member: Sendable, Hashable {
    package var id: MemberID
    package var peerURLs: [String]
    package var isLearner: Bool
    /// Empty until the member has published itself.
    package var name: String
    package var clientURLs: [String]

    package init(
        id: MemberID, peerURLs: [String], isLearner: Bool = false, name: String = "",
        clientURLs: [String] = []
    ) {
        self.id = id
        self.peerURLs = peerURLs
        self.isLearner = isLearner
        self.name = name
        self.clientURLs = clientURLs
    }

    /// A member is started once it has published a name.
    package var isStarted: Bool { !name.isEmpty }
}
