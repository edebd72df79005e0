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
    /// The only line that a cluster at this version can be downgraded to; no version after `x.0`.
    package var lineBelow: SemanticVersion { SemanticVersion(major: major, minor: minor - 1) }

    /// Whether all members have this for the cluster's version; `nil` stands for one that did not
    /// say. A downgrade to this version has come to its end then.
    package func isAgreed(by clusters: [SemanticVersion?]) -> Bool {
        clusters.allSatisfy { $0 == self }
    }

    package var description: String { "\(major).\(minor).\(patch)" }
}

extension Cluster {
    /// The cluster version that the leader should propose now, if it should propose one
    /// (spec peer-and-disk 7). Versions only go up, except to the target of a downgrade.
    ///
    /// - Parameters:
    ///   - servers: the server version of every member; `nil` for one that did not answer.
    ///   - target: of the downgrade that is under way.
    package func versionToPropose(
        servers: [SemanticVersion?], downgradeTarget target: SemanticVersion? = nil
    ) -> SemanticVersion? {
        let floor = SemanticVersion(major: 3, minor: 0)
        let known = servers.compactMap { $0 }
        let decided = known.count == servers.count ? known.min()?.line : nil
        guard let current = version.flatMap({ SemanticVersion($0) }) else {
            return decided ?? floor
        }
        guard let decided else { return nil }
        let isDowngrade = decided == target && decided == current.lineBelow
        return isDowngrade || decided > current ? decided : nil
    }
}
