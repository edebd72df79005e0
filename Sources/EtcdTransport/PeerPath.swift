//  What the target of a request means on the peer port (spec peer-and-disk 2).

enum PeerPath: Equatable {
    case message
    case stream(PeerStreamKind?, from: Substring)
    case snapshot
    case probing
    case members
    case promote(Substring)
    case hashKV
    case leaseRenewal
    case leaseTimeToLive
    case version
    case downgradeEnabled
    case unknown

    init(_ target: String) {
        let path = target.prefix { $0 != "?" }
        switch path {
        case "/raft": self = .message
        case "/raft/snapshot": self = .snapshot
        case "/raft/probing": self = .probing
        case "/members": self = .members
        case "/members/hashkv": self = .hashKV
        case "/leases": self = .leaseRenewal
        case "/leases/internal": self = .leaseTimeToLive
        case "/version": self = .version
        case "/downgrade/enabled": self = .downgradeEnabled
        case _ where path.hasPrefix("/raft/stream/"):
            let parts = path.dropFirst("/raft/stream/".count)
                .split(separator: "/", omittingEmptySubsequences: false)
            self = .stream(
                parts.count == 2 ? PeerStreamKind(rawValue: String(parts[0])) : nil,
                from: parts.last ?? "")
        case _ where path.hasPrefix("/members/promote/"):
            self = .promote(path.dropFirst("/members/promote/".count))
        default: self = .unknown
        }
    }

    /// The only one that is allowed; `nil` when any is.
    var method: String? {
        switch self {
        case .message, .snapshot, .promote, .leaseRenewal, .leaseTimeToLive: "POST"
        case .stream, .members, .hashKV, .version, .downgradeEnabled: "GET"
        case .probing, .unknown: nil
        }
    }

    /// Whether a refusal of another method names the right one; etcd does not for leases.
    var tellsMethod: Bool {
        switch self {
        case .leaseRenewal, .leaseTimeToLive: false
        default: true
        }
    }
}
