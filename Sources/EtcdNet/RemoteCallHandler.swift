//  gRPC calls as their handler sees them. They come over HTTP/2 like other requests, but are handed
//  over before anything of them becomes a string: most of what a small call costs is overhead.

package import RuntimeCore

/// Serves the gRPC calls of a listener. Called on the event loop of the connection; must not block.
package protocol RemoteCallHandler: Sendable {
    /// A call has begun. Either sets the stream's receiver or answers at once.
    ///
    /// - Parameter fields: valid during this call only.
    func begin(_ stream: RemoteCallStream, fields: RequestFields)
}

/// Takes the messages of one call. All calls on the connection's event loop.
package protocol RemoteCallReceiver: AnyObject {
    /// A whole message; `flags` is the byte before its length, 1 for a compressed one.
    func received(_ message: Bytes, flags: UInt8)
    /// The stream cannot be read as messages. It has not been answered.
    func receivedMalformed(_ error: RemoteCallError)
    /// The client sends nothing more.
    func requestEnded()
    /// The client is gone or has reset the stream, before it was answered. The last call.
    func streamClosed()
    /// Enough of the answer is out for more.
    func streamBecameWritable()
}

package enum RemoteCallError: Error, Sendable, Hashable {
    /// A message's stated length is beyond the stream's bound.
    case tooLarge(Int)
    /// The stream ended inside a message.
    case truncated
}

extension HTTPHandler {
    package var remoteCalls: (any RemoteCallHandler)? { nil }
}
