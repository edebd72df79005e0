//  One end of a forwarded connection.

import NIOCore

/// Writes to its partner what its channel receives. A partner that takes no more stops the reading;
/// the end of the input, an error and the end of the connection are passed on, each after the bytes
/// that came before it. Both ends live on one event loop, and hold each other until either ends.
final class GatewayPipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Unsent bytes at which reading from the other side stops, and at which it goes on.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)

    /// Time for taking the last bytes of a partner that is gone.
    private static let lastBytesSeconds: Int64 = 120

    private var channel: (any Channel)?
    private var partner: GatewayPipe?
    private var inputEnded = false
    private var outputEnded = false
    /// What came before there was a partner: the end of the input brings along all that is unread,
    /// wanted or not.
    private var held: [ByteBuffer] = []
    private var hasJoined = false

    /// Called once, when the channel is ready for bytes.
    var onActive: (() -> Void)?

    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    func channelActive(context: ChannelHandlerContext) {
        let action = onActive
        onActive = nil
        action?()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channel = nil
        partner = nil
        onActive = nil
        held = []
    }

    /// Forwards from now on to and from `other`, whose last handler is a `GatewayPipe`.
    func join(_ other: any Channel) {
        guard channel?.isActive == true, other.isActive,
            let pipe = try? other.pipeline.syncOperations.handler(type: GatewayPipe.self)
        else {
            other.close(promise: nil)
            channel?.close(promise: nil)
            return
        }
        partner = pipe
        pipe.partner = self
        passOnHeld()
        pipe.passOnHeld()
    }

    private func passOnHeld() {
        hasJoined = true
        let parts = held
        held = []
        for part in parts { partner?.channel?.write(part, promise: nil) }
        partner?.channel?.flush()
        if inputEnded { partner?.endOutput() } else { setReading(true) }
    }

    private func setReading(_ isOn: Bool) {
        // Fails only on a channel that is closed already.
        try? channel?.syncOptions?.setOption(.autoRead, value: isOn)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let partner, let target = partner.channel else {
            // Nobody will ever take what comes after the partner's end.
            if !hasJoined { held.append(unwrapInboundIn(data)) }
            return
        }
        target.write(unwrapInboundIn(data), promise: nil)
        if !target.isWritable { setReading(false) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { partner?.channel?.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.setReading(true) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        inputEnded = true
        partner?.endOutput()
        closeIfEnded()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let other = partner
        partner = nil
        other?.partner = nil
        other?.endAfterOutput()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: Ends

    /// Nothing more will come from the partner: says so to this side, after all that came.
    private func endOutput() {
        guard let channel, !outputEnded else { return }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.outputEnded = true
            self.channel?.close(mode: .output, promise: nil)
            self.closeIfEnded()
        }
        channel.writeAndFlush(ByteBuffer(), promise: written)
    }

    /// The partner is gone altogether.
    private func endAfterOutput() {
        guard let channel else { return }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(), promise: written)
        channel.eventLoop.scheduleTask(in: .seconds(GatewayPipe.lastBytesSeconds)) {
            channel.close(promise: nil)
        }
    }

    private func closeIfEnded() {
        if inputEnded, outputEnded { channel?.close(promise: nil) }
    }
}
