//  The first bytes of a connection decide what is spoken on it.

import NIOCore

/// Waits for the first bytes, then makes room for the session of their protocol.
final class ProtocolDemux: ChannelInboundHandler, RemovableChannelHandler, ServerConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    enum Verdict { case undecided, http1, http2, tls }

    static let http2Preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let loop: ListenerLoop
    private let handler: any HTTPHandler
    /// Of a connection whose TLS has been dealt with; `nil` for what comes right from the socket.
    private let knownFacts: ConnectionFacts?
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var isDecided = false
    private var timer: Scheduled<Void>?

    init(loop: ListenerLoop, handler: any HTTPHandler, facts: ConnectionFacts? = nil) {
        self.loop = loop
        self.handler = handler
        knownFacts = facts
    }

    static func verdict(_ bytes: ByteBufferView) -> Verdict {
        guard let first = bytes.first else { return .undecided }
        // A TLS record with a handshake.
        if first == 0x16 { return bytes.count == 1 || bytes.dropFirst().first == 3 ? .tls : .http1 }
        guard bytes.prefix(http2Preface.count).elementsEqual(http2Preface.prefix(bytes.count))
        else { return .http1 }
        return bytes.count >= http2Preface.count ? .http2 : .undecided
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        if loop.isDraining { cut() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { forget() }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !error.isOfSocket { cut() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed, !isDecided { cut() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        guard !isDecided else { return context.fireChannelRead(data) }
        if received.readableBytes == 0 { received = part } else { received.writeBuffer(&part) }
        switch Self.verdict(received.readableBytesView) {
        case .undecided: setTimer()
        case .tls: startTLS()
        case .http1: hand(to: HTTP1Session(loop: loop, handler: handler, facts: facts(context)))
        case .http2: hand(to: HTTP2Session(loop: loop, handler: handler, facts: facts(context)))
        }
    }

    func flush() {}
    func drain() { cut() }
    func cut() { context?.close(promise: nil) }

    private func facts(_ context: ChannelHandlerContext) -> ConnectionFacts {
        knownFacts
            ?? ConnectionFacts(
                remoteAddress: context.channel.remoteAddress?.endpointText ?? "",
                localAddress: context.channel.localAddress?.endpointText ?? "")
    }

    private func hand(to session: some ChannelHandler) {
        leave { try $0.pipeline.syncOperations.addHandler(session, position: .after(self)) }
    }

    /// On a listener without TLS nothing sensible can be said, and never inside TLS.
    private func startTLS() {
        guard let tls = loop.settings.tls, knownFacts == nil else { return cut() }
        leave { context in
            try TLSHandshake.install(
                in: context.pipeline.syncOperations, position: .after(self),
                TLSHandshake(loop: loop, handler: handler, tls: tls))
        }
    }

    /// Makes room for the handlers that `add` puts after this one, and gives them what has come.
    private func leave(adding add: (ChannelHandlerContext) throws -> Void) {
        guard let context else { return }
        isDecided = true
        timer?.cancel()
        let first = received
        received = ByteBuffer()
        do {
            try add(context)
        } catch {
            return cut()
        }
        context.fireChannelRead(wrapInboundOut(first))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func setTimer() {
        guard timer == nil else { return }
        timer = loop.eventLoop.assumeIsolated().scheduleTask(in: loop.settings.headerTimeout) {
            [weak self] in self?.cut()
        }
    }

    private func forget() {
        timer?.cancel()
        context = nil
        loop.remove(self)
    }
}
