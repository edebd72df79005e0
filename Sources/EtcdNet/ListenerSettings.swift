//  How a listener treats its connections.

package import NIOCore
import RuntimeCore

package struct ListenerSettings: Sendable {
    /// Open connections at which accepting pauses; further ones wait in the kernel's queue.
    package var maxConnections: Int
    /// Time a client has to finish the head of a request that it has begun.
    package var headerTimeout: TimeAmount
    /// Bind and let connections queue in the kernel, but take none before
    /// `Listener.startAccepting`.
    package var startsClosed = false
    package var http2 = HTTP2Settings()
    /// `nil`: plain text alone.
    package var tls: ListenerTLS?
    /// All connections live on the first event loop instead of being spread over all.
    package var usesFirstLoop = false

    package init(
        maxConnections: Int = .max,
        headerTimeoutMilliseconds: UInt64 = Limits.httpHeaderTimeoutMilliseconds
    ) {
        self.maxConnections = max(1, maxConnections)
        headerTimeout = .milliseconds(Int64(clamping: headerTimeoutMilliseconds))
    }
}

/// How a listener speaks TLS.
package struct ListenerTLS: Sendable {
    package var context: TLSContext
    /// The same port serves plain text too; the first byte decides.
    package var acceptsPlainText = false
    /// A client's certificate must be one for the address it comes from.
    package var checksSourceAddress = false
    /// Handlers are told the common name of the client's certificate: it stands for a user.
    package var identifiesUsers = false
    /// Hears of every connection that did not come to be. Called on event loops.
    package var rejected: @Sendable (TLSRejection) -> Void

    package init(context: TLSContext, rejected: @escaping @Sendable (TLSRejection) -> Void) {
        self.context = context
        self.rejected = rejected
    }
}

/// A connection whose client was not let in.
package struct TLSRejection: Sendable {
    package var remoteAddress: String
    /// In Go's words where there are some.
    package var reason: String
    /// Of the certificate that the client showed; `nil` when it was not accepted as one.
    package var names: (addresses: [String], dnsNames: [String])?
}

/// Why an address cannot be listened on.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    /// In Go's wording: `listen tcp 127.0.0.1:2379: bind: address already in use`.
    package let description: String
}
