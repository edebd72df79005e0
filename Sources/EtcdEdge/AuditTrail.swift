//  Who asked for what, from where, and what came of it: what both APIs tell the audit log. Values,
//  passwords and tokens have no place in it.

package import RuntimeCore

/// Keys that a request names: one, or a range with etcd's rules for its end.
package struct NamedKeys: Sendable, Hashable {
    package var key: Bytes
    /// Empty for a single key.
    package var rangeEnd: Bytes

    package init(_ key: Bytes, rangeEnd: Bytes = .empty) {
        self.key = key
        self.rangeEnd = rangeEnd
    }
}

/// One request of a client.
package struct AuditRecord: Sendable {
    package enum API: String, Sendable {
        case grpc, gateway, v2
    }

    package var api: API
    /// A path of gRPC such as `/etcdserverpb.KV/Put`, or verb and path of the v2 API.
    package var method: String
    /// Whether it may change something.
    package var isWrite: Bool
    /// Empty when the client did not say who it is.
    package var user: String
    /// `ip:port`, or the path of a unix socket.
    package var remoteAddress: String
    package var keys: [NamedKeys]
    /// The code that the client got: a name of gRPC, such as `OK` or `PermissionDenied`, or the
    /// status of HTTP.
    package var verdict: String
    /// Whether the client was turned away for who it is or how much it asks.
    package var isDenied: Bool

    package init(
        api: API, method: String, isWrite: Bool, user: String, remoteAddress: String,
        keys: [NamedKeys], verdict: String = "", isDenied: Bool = false
    ) {
        self.api = api
        self.method = method
        self.isWrite = isWrite
        self.user = user
        self.remoteAddress = remoteAddress
        self.keys = keys
        self.verdict = verdict
        self.isDenied = isDenied
    }
}

/// Takes notes. Called on event loops, when a request has got its verdict; must not block.
package protocol AuditTrail: Sendable {
    func note(_ record: AuditRecord)
}
