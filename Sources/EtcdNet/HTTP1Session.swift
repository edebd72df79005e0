//  One HTTP/1.1 connection: requests in, answers out in their order.
//
//  Safe requests without a body are handled while earlier ones of that kind are still unanswered;
//  any other request waits until the connection has nothing in flight, so that a pipelining client
//  reads its own writes.

import NIOCore

final class HTTP1Session: ChannelDuplexHandler, RemovableChannelHandler, ServerConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case head
        case body(HTTP1BodyDecoder, HTTP1BodyTarget)
        /// No further request is read from this connection.
        case stopped
    }

    enum Closing { case no, afterFlush, lastWrite, lingering, closed }

    let loop: ListenerLoop
    let handler: any HTTPHandler
    let facts: ConnectionFacts
    var context: ChannelHandlerContext?

    // Input.
    var input = ByteBuffer()
    var phase = Phase.head
    /// A parsed request that has to wait for earlier ones.
    var waitingHead: HTTP1Head?
    /// Unanswered requests, oldest first.
    var exchanges = HTTP1Queue()
    /// An unanswered request that nothing may overtake or accompany.
    var hasExclusive = false
    var isProcessing = false
    var isReading = false
    var holdsRead = false
    var inputEnded = false
    var sinkIsBusy = false
    /// Start of the line at which the search for the end of the head stands, and how far it has
    /// looked, both from the reader index.
    var lineStart = 0
    var scanned = 0
    var lastMethodWasPOST = false
    /// Of a request that was answered before its body had arrived.
    var bodyOwnerKeepsAlive = true
    var requestLineIsChecked = false
    var headSince: NIODeadline?
    var headTimerIsSet = false

    // Output.
    var output = ByteBuffer()
    var isQueuedForFlush = false
    var hasUnflushedWrites = false
    var channelIsWritable = true
    var closing = Closing.no
    var lingers = false
    var isDraining = false

    init(loop: ListenerLoop, handler: any HTTPHandler, facts: ConnectionFacts) {
        self.loop = loop
        self.handler = handler
        self.facts = facts
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channelIsWritable = context.channel.isWritable
        loop.add(self)
        if loop.isDraining { drain() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connectionLost()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connectionLost()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !error.isOfSocket { cut() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        guard closing == .no else { return }
        var received = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = received
        } else {
            input.discardReadBytes()
            input.writeBuffer(&received)
        }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        // The receive buffer can only be used again if nobody holds it.
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    /// The channel reads on by itself after every read; this is where it is held back.
    func read(context: ChannelHandlerContext) {
        if mustNotRead { holdsRead = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        channelIsWritable = context.channel.isWritable
        if channelIsWritable {
            exchanges.first?.onWritable?()
            process()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            inputClosed()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// The client has finished sending. As with Go, a client that waits for a stream is taken to be
    /// gone: a closed socket looks the same. Short answers are still delivered.
    private func inputClosed() {
        inputEnded = true
        if closing == .lingering {
            cut()
        } else if exchanges.contains(where: { $0.state == .streaming }) {
            cut()
        } else {
            process()
            closeIfIdle()
            cutUnlessAnsweredSoon()
        }
    }

    /// Whoever has ended the input and waits on, for an event or a lock, is most likely gone.
    private func cutUnlessAnsweredSoon() {
        guard closing == .no, let waiting = exchanges.first else { return }
        let delay = TimeAmount.milliseconds(HTTPServerLimits.halfClosedMilliseconds)
        loop.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            guard let self, closing == .no else { return }
            if exchanges.first === waiting, channelIsWritable {
                cut()
            } else {
                cutUnlessAnsweredSoon()
            }
        }
    }

    // MARK: Closing

    func drain() {
        guard !isDraining else { return }
        isDraining = true
        waitingHead = nil
        closeIfIdle()
    }

    func cut() {
        guard let context, closing != .closed else { return }
        closing = .closed
        context.close(promise: nil)
    }

    /// Closes when nothing is in flight and nothing more can come, or should.
    func closeIfIdle() {
        guard closing == .no, exchanges.isEmpty, waitingHead == nil else { return }
        if case .body = phase, !inputEnded { return }
        // Whole requests may still be waiting for the client to take earlier answers.
        if inputEnded, !isDraining, input.readableBytes > 0, !channelIsWritable { return }
        if isDraining || inputEnded {
            closeAfterFlush(lingering: input.readableBytes > 0 || holdsRead)
        }
    }

    /// Reads no further request, sends what is queued, and closes.
    func closeAfterFlush(lingering: Bool) {
        guard closing == .no else { return }
        closing = .afterFlush
        lingers = lingering && !inputEnded
        stopReading(.connectionClosed)
        flushSoon()
    }

    /// Ends the reading side; a body on its way into a sink fails with `error`.
    func stopReading(_ error: HTTPBodyError) {
        let interrupted = phase
        phase = .stopped
        input = ByteBuffer()
        waitingHead = nil
        if case .body(_, let target) = interrupted { target.fail(error) }
    }

    private func connectionLost() {
        guard context != nil else { return }
        context = nil
        closing = .closed
        loop.remove(self)
        stopReading(.connectionClosed)
        let lost = exchanges.removeAll()
        output = ByteBuffer()
        for exchange in lost { exchange.connectionClosed() }
    }
}
