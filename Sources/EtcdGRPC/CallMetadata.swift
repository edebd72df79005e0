//  What a client says about a call besides its messages.

package import EtcdNet
package import EtcdServer

/// The metadata of one call that means something to etcd (spec grpc-v3 3). An object, since the
/// parts of a call hand it on.
package final class CallMetadata: Sendable {
    /// The auth token, without a leading `Bearer `.
    package let token: String?
    /// The call makes no sense without a leader: refuse or end it.
    package let requiresLeader: Bool
    /// The client's time limit, from the arrival of the call on.
    package let timeoutMilliseconds: UInt64?
    /// The call was relayed by a JSON gateway: the certificate is the gateway's, not the user's.
    package let isFromGateway: Bool
    package let clientAPIVersion: String?
    package let connection: ConnectionFacts

    package init(
        token: String? = nil, requiresLeader: Bool = false, timeoutMilliseconds: UInt64? = nil,
        isFromGateway: Bool = false, clientAPIVersion: String? = nil, connection: ConnectionFacts
    ) {
        self.token = token
        self.requiresLeader = requiresLeader
        self.timeoutMilliseconds = timeoutMilliseconds
        self.isFromGateway = isFromGateway
        self.clientAPIVersion = clientAPIVersion
        self.connection = connection
    }

    /// Who calls, as the request handler wants to know it.
    package var context: CallContext {
        CallContext(token: token, commonName: isFromGateway ? nil : connection.commonName)
    }

    /// A token without the scheme that web clients put before it.
    package static func withoutScheme(_ token: String) -> String {
        token.hasPrefix("Bearer ") ? String(token.dropFirst(7)) : token
    }
}
