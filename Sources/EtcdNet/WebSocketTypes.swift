//  WebSocket as handlers see it: messages in, lines of text out.

package import NIOCore

/// How a handler talks over a connection whose client asked for WebSocket.
package struct WebSocketPlan {
    /// Stated in the answer to the handshake.
    package var subprotocol: String?
    /// A longer message ends the connection.
    package var messageBytesMax: Int
    /// Makes the receiver of the client's messages, which come one per call; it may send at once.
    /// `complete` is never called; `fail` once, when the client is gone or the socket was closed.
    package var open: (any WebSocketWriter) -> any HTTPBodySink

    package init(
        subprotocol: String?, messageBytesMax: Int,
        open: @escaping (any WebSocketWriter) -> any HTTPBodySink
    ) {
        self.subprotocol = subprotocol
        self.messageBytesMax = messageBytesMax
        self.open = open
    }
}

/// The way to the client of a WebSocket connection. Confined to `eventLoop`; calls after the end
/// are ignored.
package protocol WebSocketWriter: AnyObject {
    var eventLoop: any EventLoop { get }
    /// False once the client is gone or the connection is being closed.
    var isOpen: Bool { get }
    /// False while the transport holds more unsent bytes than its high-water mark.
    var isWritable: Bool { get }
    /// Called once if the client goes away before `finish`.
    var onClose: (() -> Void)? { get set }
    /// Called whenever `isWritable` turns true again.
    var onWritable: (() -> Void)? { get set }

    /// Queues one text message; flushed at the end of this pass of the loop.
    func send(text: ByteBuffer)
    /// Sends what is queued and closes the connection; like etcd, without a closing frame.
    func finish()
    /// Cuts the connection.
    func abort()
}
