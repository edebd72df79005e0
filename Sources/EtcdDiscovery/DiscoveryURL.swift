//  The URL of a v2 discovery token: a place in the v2 key space of some etcd.

import EtcdConfig
import EtcdNet

package struct DiscoveryURL: Sendable, Hashable {
    /// `scheme://host[:port]`.
    let origin: String
    /// From the first slash on, still escaped, without one at its end; never empty.
    let path: String
    /// The value of an Authorization header, from what stands before an `@`.
    let authorization: String?
    /// Without a password.
    package let shown: String

    /// - Throws: what Go's parser says, or etcd.
    package init(_ text: String) throws(DiscoveryError) { try self.init(text, user: nil) }

    /// - Parameter user: `name:password` for a URL that has none.
    init(_ text: String, user given: String?) throws(DiscoveryError) {
        shown = ConfigURL.withoutUser(text)
        guard let schemeEnd = text.firstRange(of: "://") else {
            throw DiscoveryError(
                "discovery: invalid discovery URL \"\(shown)\": it must be http:// or https://, a "
                    + "host, and the path of a token")
        }
        let scheme = text[..<schemeEnd.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else {
            throw DiscoveryError("unsupported protocol scheme \"\(scheme)\"")
        }
        let rest = text[schemeEnd.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var place = rest[..<authorityEnd]
        var user = given.map { Substring($0) }
        if let at = place.lastIndex(of: "@") {
            user = place[..<at]
            place = place[place.index(after: at)...]
        }
        let segments = rest[authorityEnd...].prefix { $0 != "?" && $0 != "#" }
            .split(separator: "/", omittingEmptySubsequences: true)
        if segments.isEmpty { throw .tokenNotFound }
        path = segments.map { "/" + $0 }.joined()
        origin = "\(scheme)://\(place)"
        authorization = user.map { HTTPProxyChoice.basic(String($0)) }
        do throws(HTTPClientError) {
            _ = try HTTPClientProxy(origin: origin)
            guard path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
                throw HTTPClientError(.badAddress, "bad path \"\(path)\"")
            }
        } catch {
            throw DiscoveryError("discovery: invalid discovery URL \"\(shown)\": \(error)")
        }
    }
}
