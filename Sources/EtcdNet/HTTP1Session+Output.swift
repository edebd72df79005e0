//  The writing side of an HTTP/1.1 connection: one buffer and one write per pass of the loop.

import NIOCore

extension HTTP1Session {
    func isWritable(_ exchange: HTTP1Exchange) -> Bool {
        guard exchanges.first === exchange else {
            return exchange.held.readableBytes < HTTPServerLimits.outputHighWater
        }
        return channelIsWritable && output.readableBytes < HTTPServerLimits.outputHighWater
    }

    /// Appends what `body` writes to the output, or to what waits until it is the exchange's turn.
    func write(for exchange: HTTP1Exchange, _ body: (inout ByteBuffer) -> Void) {
        guard exchanges.first === exchange else {
            body(&exchange.held)
            return
        }
        // Taken out while it is written to: the runtime need not watch over it, and appending does
        // not copy.
        var buffer = output.capacity == 0 ? loop.takeBuffer() : output
        output = ByteBuffer()
        body(&buffer)
        output = buffer
        flushSoon()
    }

    /// Hands a large part to the socket without copying it.
    func writeLarge(_ part: ByteBuffer, for exchange: HTTP1Exchange) {
        guard exchanges.first === exchange else {
            exchange.held.writeImmutableBuffer(part)
            return
        }
        guard let context else { return }
        writeOutput(context)
        context.write(wrapOutboundOut(part), promise: nil)
        hasUnflushedWrites = true
        flushSoon()
    }

    func flushSoon() {
        guard !isQueuedForFlush, !isReading else { return }
        isQueuedForFlush = true
        loop.flushLater(self)
    }

    func flush() {
        isQueuedForFlush = false
        guard let context else { return }
        switch closing {
        case .no:
            let wasFull = output.readableBytes >= HTTPServerLimits.outputHighWater
            writeOutput(context)
            if hasUnflushedWrites {
                hasUnflushedWrites = false
                context.flush()
            }
            if wasFull, channelIsWritable { exchanges.first?.onWritable?() }
        case .afterFlush:
            closing = .lastWrite
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in self.lastWriteDone() }
            let last = output
            output = ByteBuffer()
            context.writeAndFlush(wrapOutboundOut(last), promise: written)
        case .lastWrite, .lingering, .closed:
            break
        }
    }

    private func writeOutput(_ context: ChannelHandlerContext) {
        guard output.readableBytes > 0 else { return }
        let buffer = output
        output = ByteBuffer()
        hasUnflushedWrites = true
        context.write(wrapOutboundOut(buffer), promise: nil)
        loop.recycle(buffer)
    }

    private func lastWriteDone() {
        guard let context, closing == .lastWrite else { return }
        guard lingers, !inputEnded else {
            cut()
            return
        }
        closing = .lingering
        context.close(mode: .output, promise: nil)
        let delay = TimeAmount.milliseconds(HTTPServerLimits.lingerMilliseconds)
        loop.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in self?.cut() }
    }

    // MARK: Turns

    /// Whether the answer of `exchange` has to announce the end of the connection.
    func mustClose(after exchange: HTTP1Exchange) -> Bool {
        (isDraining && exchanges.last === exchange && waitingHead == nil)
            || leavesTooMuchUnread(after: exchange)
    }

    /// A client that has finished sending is taken to be gone once a stream begins.
    func exchangeStarted() {
        if inputEnded { cut() }
    }

    func exchangeEnded(_ exchange: HTTP1Exchange) {
        guard exchanges.first === exchange else { return }
        while let front = exchanges.first, front.isDone {
            exchanges.removeFirst()
            if front.state == .aborted {
                flush()
                cut()
                return
            }
            if front.closesConnection {
                closeAfterFlush(lingering: front.lingers || hasUnreadInput)
                return
            }
            if exchanges.isEmpty { bodyOwnerAnswered(keepAlive: front.keepAlive) }
            giveTurnToFirst()
        }
        if exchanges.isEmpty {
            hasExclusive = false
            // The answer may have begun before it was known that nothing more would be read.
            if case .stopped = phase { closeAfterFlush(lingering: true) }
        }
        process()
    }

    private var hasUnreadInput: Bool {
        if case .body = phase { return true }
        return input.readableBytes > 0 || holdsRead
    }

    private func giveTurnToFirst() {
        guard let next = exchanges.first, next.held.readableBytes > 0 else { return }
        let held = next.held
        next.held = ByteBuffer()
        if held.readableBytes <= HTTPServerLimits.copiedBodyMax {
            write(for: next) { $0.writeImmutableBuffer(held) }
        } else {
            writeLarge(held, for: next)
            if !next.isDone, channelIsWritable { next.onWritable?() }
        }
    }
}
