//  One outgoing connection: carries one exchange at a time and tells what became of it.

import NIOCore
import NIOHTTP1
import NIOSSL

/// What happens to one request. Called on the connection's event loop; ends with exactly one of
/// `ended` and `failed`, after which the connection has forgotten it.
protocol HTTPClientExchange: AnyObject {
    func head(_ head: HTTPResponseHead)
    func body(_ part: ByteBuffer)
    func ended()
    /// - Parameter nothingReceived: not a byte of the response arrived.
    func failed(_ error: HTTPClientError, nothingReceived: Bool)
}

/// The last handler of an outgoing connection. Confined to its event loop.
final class HTTPClientConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    let address: HTTPClientAddress
    let channel: any Channel
    private var exchange: (any HTTPClientExchange)?
    private var hasHead = false
    private var keepsAlive = false
    /// Called when an exchange ended and the connection can carry another.
    var onIdle: ((HTTPClientConnection) -> Void)?
    /// Called when the connection closed while it carried nothing.
    var onIdleClose: ((HTTPClientConnection) -> Void)?

    init(address: HTTPClientAddress, channel: any Channel) {
        self.address = address
        self.channel = channel
    }

    var isActive: Bool { channel.isActive }

    /// Whether bytes are taken from the kernel. On again when the exchange ends.
    var reads = true {
        didSet {
            guard reads != oldValue else { return }
            // Fails only on a channel that is closed already.
            try? channel.syncOptions?.setOption(.autoRead, value: reads)
        }
    }

    /// - Parameter written: completed when the kernel has taken the whole request.
    func send(
        _ request: HTTPClientRequest, for exchange: any HTTPClientExchange,
        written: EventLoopPromise<Void>? = nil
    ) {
        let length = request.body.readableBytes
        begin(request, length: length, for: exchange)
        if length > 0 {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(request.body)), promise: nil)
        }
        finishRequest(written)
    }

    /// The head alone; `length` bytes of body follow by `sendPart`, and `finishRequest` ends it.
    func begin(_ request: HTTPClientRequest, length: Int, for exchange: any HTTPClientExchange) {
        precondition(self.exchange == nil)
        self.exchange = exchange
        hasHead = false
        keepsAlive = false
        let proxy = address.readingProxy
        var head = NIOHTTP1.HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method),
            uri: proxy == nil ? request.target : "http://\(address.hostHeader)\(request.target)",
            headers: request.headers)
        if let authorization = proxy?.authorization {
            head.headers.replaceOrAdd(name: "Proxy-Authorization", value: authorization)
        }
        if !head.headers.contains(name: "Host") {
            head.headers.add(name: "Host", value: address.hostHeader)
        }
        if length > 0 || !["GET", "HEAD"].contains(request.method) {
            head.headers.replaceOrAdd(name: "Content-Length", value: String(length))
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
    }

    /// Done when the kernel has taken the part.
    func sendPart(_ part: ByteBuffer) -> EventLoopFuture<Void> {
        channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(part)))
    }

    func finishRequest(_ written: EventLoopPromise<Void>? = nil) {
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: written)
    }

    /// Cuts the connection; the exchange hears `error`.
    func abort(_ error: HTTPClientError) {
        fail(error)
        channel.close(promise: nil)
    }

    /// Cuts the connection without another word to the exchange.
    func discard() {
        exchange = nil
        onIdleClose = nil
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else {
            // Nothing was asked: whatever this is, it would confuse the next exchange.
            context.close(promise: nil)
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head):
            hasHead = true
            keepsAlive = head.isKeepAlive
            exchange.head(head)
        case .body(let part):
            exchange.body(part)
        case .end:
            self.exchange = nil
            reads = true
            if keepsAlive, channel.isActive, let onIdle {
                // First, so that what follows from the answer finds the connection free.
                onIdle(self)
                exchange.ended()
            } else {
                exchange.ended()
                context.close(promise: nil)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if exchange != nil {
            fail(HTTPClientError(.closed, "\(address.description) closed the connection"))
        } else {
            onIdleClose?(self)
        }
        onIdle = nil
        onIdleClose = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        let reason = TLSFailure.clientText(error, shown: shown)
        let kind: HTTPClientError.Kind =
            if error is HTTPParserError {
                .malformed
            } else if case .handshakeFailed? = error as? NIOSSLError {
                .connect
            } else {
                .closed
            }
        fail(HTTPClientError(kind, "\(address.description): \(reason)"))
        context.close(promise: nil)
    }

    private func fail(_ error: HTTPClientError) {
        guard let exchange else { return }
        self.exchange = nil
        exchange.failed(error, nothingReceived: !hasHead)
    }
}
