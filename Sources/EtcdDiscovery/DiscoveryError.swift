//  Why a cluster could not be found, in etcd's words.

/// The end of a discovery; the description is what etcd says.
package struct DiscoveryError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// Members that cannot be a cluster together.
    static func duplicateURL(_ cluster: String) -> DiscoveryError {
        DiscoveryError("discovery cluster \(cluster) has duplicate url")
    }

    package var isAboutURLs: Bool { description.hasPrefix("discovery cluster ") }

    package static let badSize = DiscoveryError("discovery: size key is bad")
    package static let sizeNotFound = DiscoveryError("discovery: size key not found")
    package static let tokenNotFound = DiscoveryError("discovery: token not found")
    package static let duplicateID = DiscoveryError("discovery: found duplicate id")
    package static let duplicateName = DiscoveryError("discovery: found duplicate name")
    package static let full = DiscoveryError("discovery: cluster is full")
    package static let badEndpoint = DiscoveryError("discovery: bad discovery endpoint")
    /// Of protocol version 2.
    package static let invalidURL = DiscoveryError("discovery: invalid URL")
    /// Of protocol version 3.
    package static let invalidPeerURL = DiscoveryError("discovery: invalid peer URL")
}
