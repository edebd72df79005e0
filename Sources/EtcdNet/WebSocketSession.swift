//  One WebSocket connection: frames become messages for the handler, its lines become frames.

import NIOCore
import NIOWebSocket

/// Takes one frame after the other out of what has come, and only when there is a use for it: a
/// client that does not take its answers costs the bytes of what it has sent, not their frames.
final class WebSocketSession: ChannelDuplexHandler, ServerConnection, WebSocketWriter {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Closing { case no, afterFlush, lastWrite, lingering, closed }

    private let loop: ListenerLoop
    private let plan: WebSocketPlan
    private var context: ChannelHandlerContext?
    private var closing = Closing.no

    // Input.
    private let decoder: WebSocketFrameDecoder
    /// Has its place in the pipeline right after this handler.
    let catcher = FrameCatcher()
    private var input = ByteBuffer()
    /// Of a message whose last frame is still to come.
    private var fragments: ByteBuffer?
    private var sink: (any HTTPBodySink)?
    private var sinkIsBusy = false
    /// Whether any part of a message has come.
    private var hasReceived = false
    private var isProcessing = false
    private var isReading: Bool
    private var holdsRead = false

    // Output.
    private var output: ByteBuffer
    private var isQueuedForFlush = false
    private var hasUnflushedWrites = true
    private var channelIsWritable = true

    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?

    /// - Parameters:
    ///   - output: what is to be sent first.
    ///   - isReading: the end of a pass of reading will be announced.
    init(loop: ListenerLoop, plan: WebSocketPlan, output: ByteBuffer, isReading: Bool) {
        self.loop = loop
        self.plan = plan
        self.output = output
        self.isReading = isReading
        decoder = WebSocketFrameDecoder(maxFrameSize: min(plan.messageBytesMax, Int(UInt32.max)))
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channelIsWritable = context.channel.isWritable
        loop.add(self)
        flushSoon()
        let sink = plan.open(self)
        if closing == .no { self.sink = sink }
    }

    func handlerRemoved(context: ChannelHandlerContext) { connectionLost() }

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

    func read(context: ChannelHandlerContext) {
        if mustNotRead { holdsRead = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        channelIsWritable = context.channel.isWritable
        if channelIsWritable {
            onWritable?()
            process()
        }
        context.fireChannelWritabilityChanged()
    }

    /// A client that has finished sending without a closing frame is gone, as with etcd.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            cut()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Input

    /// Nothing is read for a client that does not take what it is sent, not even pings.
    private var mustNotRead: Bool {
        closing == .no && (sinkIsBusy || !channelIsWritable)
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while closing == .no, !sinkIsBusy, channelIsWritable, let context {
            do throws(WebSocketFault) {
                guard let frame = try nextFrame(context) else { break }
                try take(frame)
            } catch {
                refuse(error)
            }
            if output.readableBytes >= HTTPServerLimits.outputHighWater { flush() }
        }
        isProcessing = false
        if holdsRead, !mustNotRead, let context {
            holdsRead = false
            context.read()
        }
    }

    private func nextFrame(_ context: ChannelHandlerContext) throws(WebSocketFault)
        -> WebSocketFrame?
    {
        do {
            _ = try decoder.decode(context: context, buffer: &input)
            return catcher.take()
        } catch let error as NIOWebSocketError {
            throw WebSocketFault(error)
        } catch {
            // The decoder knows no other errors.
            throw .undecodable
        }
    }

    private func take(_ frame: WebSocketFrame) throws(WebSocketFault) {
        try WebSocketFault.check(frame)
        switch frame.opcode {
        case .text, .binary:
            if fragments != nil { throw .unfinishedMessage }
            append(frame, to: frame.unmaskedData)
        case .continuation:
            guard var message = fragments else { throw .strayContinuation }
            guard message.readableBytes + frame.length <= plan.messageBytesMax else {
                throw .tooLarge
            }
            fragments = nil
            message.writeImmutableBuffer(frame.unmaskedData)
            append(frame, to: message)
        case .ping:
            write(.pong, frame.unmaskedData)
        case .connectionClose:
            let answer = try WebSocketFault.answer(toClosing: frame.unmaskedData)
            write(.connectionClose, answer)
            clientLeft()
        default: break
        }
    }

    private func append(_ frame: WebSocketFrame, to message: ByteBuffer) {
        hasReceived = true
        guard frame.fin else {
            fragments = message
            return
        }
        guard let sink else { return }
        sinkIsBusy = true
        let accepted = sink.receive(message).hop(to: loop.eventLoop)
        accepted.assumeIsolated().whenComplete { _ in
            self.sinkIsBusy = false
            self.process()
        }
    }

    private func refuse(_ fault: WebSocketFault) {
        guard closing == .no else { return }
        write(.connectionClose, fault.payload)
        clientLeft()
    }

    // MARK: WebSocketWriter

    var eventLoop: any EventLoop { loop.eventLoop }
    var isOpen: Bool { closing == .no }
    var isWritable: Bool {
        closing == .no && channelIsWritable
            && output.readableBytes < HTTPServerLimits.outputHighWater
    }

    func send(text: ByteBuffer) {
        if closing == .no { write(.text, text) }
    }

    func finish() {
        guard closing == .no else { return }
        onClose = nil
        closeAfterFlush()
    }

    func abort() { cut() }

    // MARK: Output

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) {
        if output.capacity == 0 { output = loop.takeBuffer() }
        output.writeFrameHead(opcode, length: payload.readableBytes)
        if payload.readableBytes <= HTTPServerLimits.copiedBodyMax {
            output.writeImmutableBuffer(payload)
        } else if let context {
            writeOutput(context)
            context.write(wrapOutboundOut(payload), promise: nil)
        }
        flushSoon()
    }

    private func flushSoon() {
        guard !isQueuedForFlush, !isReading else { return }
        isQueuedForFlush = true
        loop.flushLater(self)
    }

    private func writeOutput(_ context: ChannelHandlerContext) {
        hasUnflushedWrites = true
        guard output.readableBytes > 0 else { return }
        let buffer = output
        output = ByteBuffer()
        context.write(wrapOutboundOut(buffer), promise: nil)
        loop.recycle(buffer)
    }

    func flush() {
        isQueuedForFlush = false
        guard let context else { return }
        switch closing {
        case .no:
            let wasFull = output.readableBytes >= HTTPServerLimits.outputHighWater
            if output.readableBytes > 0 { writeOutput(context) }
            if hasUnflushedWrites {
                hasUnflushedWrites = false
                context.flush()
            }
            if wasFull, channelIsWritable { onWritable?() }
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

    /// Closing at once could reset the connection, and the client could lose the last frames.
    private func lastWriteDone() {
        guard let context, closing == .lastWrite else { return }
        closing = .lingering
        context.close(mode: .output, promise: nil)
        let delay = TimeAmount.milliseconds(HTTPServerLimits.lingerMilliseconds)
        loop.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in self?.cut() }
    }

    // MARK: Closing

    /// A call that is under way may go on, as over HTTP/1.1, until `cut` ends it.
    func drain() {
        if !hasReceived { cut() }
    }

    func cut() {
        guard let context, closing != .closed else { return }
        stop(.closed)
        context.close(promise: nil)
    }

    private func closeAfterFlush() {
        stop(.afterFlush)
        flushSoon()
    }

    /// The client has said goodbye, or cannot be understood.
    private func clientLeft() {
        closeAfterFlush()
        notify()
    }

    /// Ends the reading side.
    private func stop(_ state: Closing) {
        closing = state
        input = ByteBuffer()
        fragments = nil
        if holdsRead, let context {
            holdsRead = false
            context.read()
        }
    }

    private func connectionLost() {
        guard context != nil else { return }
        context = nil
        stop(.closed)
        loop.remove(self)
        output = ByteBuffer()
        notify()
    }

    /// Lets go of the handler; called with `closing` set, so that it cannot answer any more.
    private func notify() {
        let callback = onClose
        let sink = sink
        onClose = nil
        onWritable = nil
        self.sink = nil
        callback?()
        sink?.fail(HTTPBodyError.connectionClosed)
    }
}

/// Receives what NIO's decoder, made for a place of its own in the pipeline, hands on: one frame
/// per call.
final class FrameCatcher: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private var frame: WebSocketFrame?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { frame = unwrapInboundIn(data) }

    func take() -> WebSocketFrame? {
        defer { frame = nil }
        return frame
    }
}

extension ByteBuffer {
    /// The start of a whole message, or of a control frame, from a server (RFC 6455 5.2).
    fileprivate mutating func writeFrameHead(_ opcode: WebSocketOpcode, length: Int) {
        writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch length {
        case ...125: writeInteger(UInt8(length))
        case ...0xFFFF: writeMultipleIntegers(UInt8(126), UInt16(length))
        default: writeMultipleIntegers(UInt8(127), UInt64(length))
        }
    }
}
