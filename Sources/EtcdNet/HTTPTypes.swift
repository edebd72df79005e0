//  Requests and responses as handlers see them, the same over HTTP/1.1 and HTTP/2.

package import NIOCore
package import NIOHTTP1

/// The start of a request, before its body.
package struct HTTPRequestHead: Sendable {
    package var method: String
    /// The raw request target: path and query, still percent-encoded.
    package var target: String
    package var headers: HTTPHeaders
    package var version: ProtocolVersion
    package var connection: ConnectionFacts
    /// A handshake for WebSocket; whether it is a proper one is another question
    /// (`WebSocketHandshake`). Only such a request may be answered by `HTTPBodyPlan.webSocket`.
    package var asksForWebSocket = false

    package enum ProtocolVersion: Sendable, Hashable { case http10, http11, http2 }

    package init(
        method: String, target: String, headers: HTTPHeaders, version: ProtocolVersion,
        connection: ConnectionFacts
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.version = version
        self.connection = connection
    }
}

/// What is known of the connection a request came over. Every request of it refers to the same
/// object.
package final class ConnectionFacts: Sendable {
    /// `ip:port`, or the path of a unix socket.
    package let remoteAddress: String
    package let localAddress: String
    package let isTLS: Bool
    /// Common name of the verified client certificate, if there is one.
    package let commonName: String?

    package init(
        remoteAddress: String, localAddress: String, isTLS: Bool = false, commonName: String? = nil
    ) {
        self.remoteAddress = remoteAddress
        self.localAddress = localAddress
        self.isTLS = isTLS
        self.commonName = commonName
    }
}

/// What a handler wants done with the body of a request.
package enum HTTPBodyPlan {
    /// Read it whole, up to `maximum` bytes (beyond: 413 and the connection closes), then call
    /// `HTTPHandler.handle`.
    case collect(maximum: Int)
    /// Serve the request without its body: `HTTPHandler.handle` is called at once with an empty
    /// one, and what arrives is dropped (up to 256 KiB; beyond, the connection closes).
    case ignore
    /// Hand chunks to the sink as they come, with back-pressure.
    case stream(any HTTPBodySink)
    /// Accept the handshake: the connection speaks WebSocket from now on, and the request's
    /// responder is of no more use.
    case webSocket(WebSocketPlan)
}

/// Receives a streamed request body. All calls on the connection's event loop.
package protocol HTTPBodySink: AnyObject {
    /// Reading pauses until the future is done.
    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void>
    /// The body ended as announced.
    func complete()
    /// The connection broke, or the body was malformed, or it was too much to be held.
    func fail(_ error: any Error)
    /// Bytes that the sink keeps of what it has received (0 by default): they count against the
    /// bound of an HTTP/2 connection, which may have any number of bodies under way.
    var heldBytes: Int { get }
}

extension HTTPBodySink {
    package var heldBytes: Int { 0 }
}

/// Serves the requests of a listener. Called on the event loop of the connection; must not block.
package protocol HTTPHandler: Sendable {
    func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan
    func handle(_ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder)
    /// Who takes HTTP/2 requests of a gRPC content type; `nil` (the default) for nobody, which
    /// makes them requests like others. Asked once per connection.
    var remoteCalls: (any RemoteCallHandler)? { get }
}

/// The way back to one request's client. Confined to `eventLoop`.
///
/// Either `respond` once, or `start`, any number of `write`s, and `finish`. Calls after the
/// connection closed are ignored. Responses written in one pass of the loop leave in one flush.
package protocol HTTPResponder: AnyObject {
    var eventLoop: any EventLoop { get }
    /// False once the client is gone.
    var isOpen: Bool { get }
    /// False while the transport holds more unsent bytes than its high-water mark.
    var isWritable: Bool { get }
    /// Called once if the client goes away before the response is finished.
    var onClose: (() -> Void)? { get set }
    /// Called whenever `isWritable` turns true again.
    var onWritable: (() -> Void)? { get set }

    /// A whole response. Content-Length and Date are added; a HEAD request gets no body.
    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer)
    /// Begins a response and flushes its head. Its length is unknown (chunked over HTTP/1.1), or it
    /// is what the field Content-Length says; then the body must have exactly that length, and the
    /// connection is cut when it has not.
    func start(status: Int, headers: HTTPHeaders)
    /// Queues a part of the body; flushed at the end of this pass of the loop.
    func write(_ part: ByteBuffer)
    func finish()
    /// Cuts the connection (or resets the stream) without finishing the response.
    func abort()
}

/// A way back that can end with fields after the body, as HTTP/2's can (gRPC's status).
package protocol HTTPTrailersResponder: HTTPResponder {
    /// Like `finish`, with `trailers` as the last thing said.
    func finish(trailers: HTTPHeaders)
}
