//  Outgoing HTTP/1.1 as its callers see it: short exchanges with a time limit, and long-lived
//  response streams.

package import NIOCore
package import NIOHTTP1

package struct HTTPClientRequest: Sendable {
    package var method: String
    /// `http://host:port`, `https://[::1]:port` or `unix://path`, without a path of the resource.
    package var origin: String
    /// Path and query of the resource.
    package var target: String
    /// Content-Length is added, and Host when there is none.
    package var headers: HTTPHeaders
    package var body: ByteBuffer
    /// Whether the server may see it twice without harm; `nil` for what the method says.
    package var isRepeatable: Bool?
    /// Between here and the server; `nil` for a connection of our own. Not for streams and uploads.
    package var proxy: HTTPClientProxy?

    package init(
        method: String = "GET", origin: String, target: String, headers: HTTPHeaders = [:],
        body: ByteBuffer = ByteBuffer(), isRepeatable: Bool? = nil
    ) {
        self.method = method
        self.origin = origin
        self.target = target
        self.headers = headers
        self.body = body
        self.isRepeatable = isRepeatable
    }

    /// Whether it may be sent once more when a kept connection turned out to be closed.
    var maySendAgain: Bool {
        isRepeatable ?? ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method)
    }
}

package struct HTTPClientResponse: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: ByteBuffer

    package init(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why an exchange failed; the text names the address.
package struct HTTPClientError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        case badAddress, connect, timeout, closed, malformed, tooLarge
        /// The source of an upload failed, or gave more or less than was announced.
        case source
        case cancelled
    }
    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Receives a long-lived response. All calls on the stream's event loop, in this order: `started`
/// once, `received` any number of times, `ended` exactly once (alone, if the connection failed).
package protocol HTTPClientStreamDelegate: AnyObject {
    func started(status: Int, headers: HTTPHeaders)
    func received(_ part: ByteBuffer)
    /// `nil` when the response ended as announced.
    func ended(_ error: HTTPClientError?)
}

/// A running exchange that can be given up. Callable on its event loop only.
package protocol HTTPClientStream: AnyObject {
    func cancel()
}

/// A running exchange whose response comes no faster than it is taken. Callable on its event loop
/// only.
package protocol HTTPClientRelay: HTTPClientStream {
    /// Little more arrives until `resume`; what has been read already still does.
    func pause()
    func resume()
}

/// The times that a relayed exchange keeps; `nil` for no limit.
package struct HTTPClientRelayLimits: Sendable {
    /// For a new connection.
    package var dial: TimeAmount
    /// For sending the request.
    package var write: TimeAmount?
    /// Between the end of the request, the head of the response and each part of its body.
    package var read: TimeAmount?

    package init(dial: TimeAmount, write: TimeAmount?, read: TimeAmount?) {
        self.dial = dial
        self.write = write
        self.read = read
    }
}

/// Supplies the body of an upload. Called on the event loop of the exchange, one call at a time.
package protocol HTTPClientBodySource: AnyObject {
    /// The next part; `nil` after the last one. A failure cuts the connection.
    func nextPart() -> EventLoopFuture<ByteBuffer?>
}

/// An exchange with a long request. Callable on its event loop only.
package protocol HTTPClientUpload: AnyObject {
    /// Fails with `HTTPClientError` only.
    var response: EventLoopFuture<HTTPClientResponse> { get }
    /// Cuts the connection; `response` fails as `.cancelled` if it is not there yet.
    func cancel()
}
