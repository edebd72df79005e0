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

/// Why an address cannot be listened on.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    /// In Go's wording: `listen tcp 127.0.0.1:2379: bind: address already in use`.
    package let description: String
}
