//  Keeps a listener alive and within its bound: counts connections, pauses accepting while
//  there are too many, and waits instead of spinning when the process has no descriptors left.

import NIOCore

/// First handler of a server channel; confined to the loop that accepts.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let maxConnections: Int
    /// The loops that connections are given to; `nil` when there is no choice.
    private let balance: AcceptBalance?
    private var context: ChannelHandlerContext?
    private(set) var connections = 0
    private var holdsRead = false
    private var isRetrying = false
    private var isClosed: Bool
    private var whenEmpty: [() -> Void] = []

    init(maxConnections: Int, startsClosed: Bool, balance: AcceptBalance?) {
        self.maxConnections = maxConnections
        self.balance = balance
        isClosed = startsClosed
    }

    /// Lets connections in that were kept waiting from the start.
    func open() {
        isClosed = false
        resume()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if connections >= maxConnections || isRetrying || isClosed {
            holdsRead = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connections += 1
        let accepted = unwrapInboundIn(data)
        let loop = accepted.eventLoop
        balance?.opened(on: loop)
        accepted.closeFuture.hop(to: context.eventLoop).assumeIsolated().whenComplete { _ in
            self.balance?.closed(on: loop)
            self.connectionClosed()
        }
        context.fireChannelRead(data)
    }

    /// Running out of descriptors or memory ends nothing: connections that close make room. The
    /// failed read is still wanted by the channel, so that only ending its interest stops it from
    /// trying again at once.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isRetrying else { return }
        isRetrying = true
        setReading(false, context)
        let delay = TimeAmount.milliseconds(HTTPServerLimits.acceptRetryMilliseconds)
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.isRetrying = false
            if let context = self.context { self.setReading(true, context) }
        }
    }

    private func setReading(_ isReading: Bool, _ context: ChannelHandlerContext) {
        // Fails only on a channel that is closed already.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    private func connectionClosed() {
        connections -= 1
        resume()
        guard connections == 0 else { return }
        let callbacks = whenEmpty
        whenEmpty = []
        for callback in callbacks { callback() }
    }

    private func resume() {
        guard holdsRead, !isRetrying, !isClosed, connections < maxConnections, let context else {
            return
        }
        holdsRead = false
        context.read()
    }

    /// Calls back once no connection is open: now, or later on this loop.
    func notifyWhenEmpty(_ callback: @escaping () -> Void) {
        if connections == 0 { callback() } else { whenEmpty.append(callback) }
    }
}
