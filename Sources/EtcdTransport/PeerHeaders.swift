//  What members say about themselves in the headers of every peer request, and how the receiver
//  judges it (spec peer-and-disk 2.1).

import NIOHTTP1
import Raft

enum PeerHeader {
    // Spelled as Go's HTTP library writes them; names compare without case.
    static let clusterID = "X-Etcd-Cluster-Id"
    static let from = "X-Server-From"
    static let version = "X-Server-Version"
    static let minimumVersion = "X-Min-Cluster-Version"
    static let to = "X-Raft-To"
    static let peerURLs = "X-Peerurls"
}

/// Who the local member is, as other members see it.
struct PeerIdentity: Sendable {
    let localID: MemberID
    let clusterID: UInt64
    let localPeerURLs: [String]
    let serverVersion: String
    let minimumClusterVersion: String

    var clusterIDText: String { String(clusterID, radix: 16) }

    /// For every request to a peer.
    func requestHeaders() -> HTTPHeaders {
        [
            PeerHeader.from: localID.description,
            PeerHeader.version: serverVersion,
            PeerHeader.minimumVersion: minimumClusterVersion,
            PeerHeader.clusterID: clusterIDText,
            PeerHeader.peerURLs: localPeerURLs.joined(separator: ","),
        ]
    }

    /// Why the sender of `headers` is not of this cluster or release; the text is the body of the
    /// 412 that tells it so.
    func incompatibility(of headers: HTTPHeaders) -> String? {
        let version = Self.release(headers, PeerHeader.version)
        let minimum = Self.release(headers, PeerHeader.minimumVersion)
        guard let version, let minimum, let ownVersion = PeerRelease(serverVersion),
            let ownMinimum = PeerRelease(minimumClusterVersion), version >= ownMinimum,
            minimum <= ownVersion
        else { return PeerRefusal.incompatibleVersion }
        if headers.first(name: PeerHeader.clusterID) != clusterIDText {
            return PeerRefusal.clusterIDMismatch
        }
        return nil
    }

    /// Releases before 2.1 did not name their version; etcd takes silence for 2.0.
    static func release(_ headers: HTTPHeaders, _ name: String) -> PeerRelease? {
        PeerRelease(headers.first(name: name) ?? "2.0.0")
    }
}

enum PeerRefusal {
    static let incompatibleVersion = "incompatible version"
    static let clusterIDMismatch = "cluster ID mismatch"
    static let removedMember = "removed member"
}

/// Major and minor number of a release: all that compatibility rests on.
struct PeerRelease: Comparable, Sendable {
    let major: Int
    let minor: Int

    init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `major.minor.patch`, with or without a pre-release or build suffix.
    init?(_ text: String) {
        let core = text.prefix { $0 != "-" && $0 != "+" }
        let parts = core.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ part in part.utf8.allSatisfy(isDigit) }),
            let major = Int(parts[0]), let minor = Int(parts[1]), Int(parts[2]) != nil
        else { return nil }
        self.major = major
        self.minor = minor
    }

    static func < (left: PeerRelease, right: PeerRelease) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

extension MemberID {
    /// Reads etcd's text form: hexadecimal without sign or prefix.
    init?(hexadecimal text: some StringProtocol) {
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
            let value = UInt64(text, radix: 16)
        else { return nil }
        self.init(value)
    }
}
