//  Which features the members may use together: the least version any of them runs.

/// A `major.minor.patch` version; anything after the patch is ignored.
package struct SemanticVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var patch: Int

    package init(major: Int, minor: Int, patch: Int = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// `nil` when the text is no version.
    package init?(_ text: String) {
        let core = text.prefix { $0 != "-" && $0 != "+" }
        let parts = core.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let major = parts[0], let minor = parts[1], let patch = parts[2],
            major >= 0, minor >= 0, patch >= 0
        else { return nil }
        self.init(major: major, minor: minor, patch: patch)
    }

    package static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    /// The same release line without the patch, the form a cluster version has.
    package var line: SemanticVersion { SemanticVersion(major: major, minor: minor) }
    package var description: String { "\(major).\(minor).\(patch)" }
}

extension Cluster {
    /// The cluster version that the leader should propose now, if it should propose one
    /// (spec peer-and-disk 7). Versions only go up.
    ///
    /// - Parameter servers: the server version of every member; `nil` for one that did not answer.
    package func versionToPropose(servers: [SemanticVersion?]) -> SemanticVersion? {
        let floor = SemanticVersion(major: 3, minor: 0)
        let known = servers.compactMap { $0 }
        let decided = known.count == servers.count ? known.min()?.line : nil
        guard let current = version.flatMap({ SemanticVersion($0) }) else {
            return decided ?? floor
        }
        guard let decided, decided > current else { return nil }
        return decided
    }
}
