//  One HTTP/2 connection: libnghttp2 turns bytes into requests and answers into bytes; this handler
//  feeds it and collects what it has to send, in one buffer per pass of the loop.

import CNGHTTP2
import NIOCore

final class HTTP2Session: ChannelDuplexHandler, ServerConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let loop: ListenerLoop
    let handler: any HTTPHandler
    let remoteCalls: (any RemoteCallHandler)?
    let facts: ConnectionFacts
    /// Of the request whose head is arriving.
    let fields = RequestFields()
    /// Of the fields that are arriving. Accesses are not checked at run time: every field has some
    /// of them, and what these values do leads nowhere back here.
    @exclusivity(unchecked) var fieldCheck = HTTP2FieldCheck()
    @exclusivity(unchecked) var fieldAllowance = HTTP2FieldAllowance()
    var resets = HTTP2Allowance(
        burst: HTTP2Limits.resetBurst, perSecond: HTTP2Limits.resetsPerSecond)
    private(set) var context: ChannelHandlerContext?
    /// The library's session; freed with this object, never inside one of its callbacks.
    private(set) var session: OpaquePointer?
    /// Open streams, newest first.
    private var newest: HTTP2Stream?
    var hasStreams: Bool { newest != nil }
    /// Bytes held of unfinished requests; the streams count them (`HTTP2Stream.mayHold`).
    var collectedBytes = 0
    let collectedBytesMax: Int
    var clientPings: ClientPings
    var serverPings: ServerPings
    var pingTimer: Scheduled<Void>?

    private var output = ByteBuffer()
    private var isReading = false
    private var isQueuedForFlush = false
    private var isFlushing = false
    private var isClosing = false
    private var isDraining = false
    private var hasFailed = false
    /// The client has said that it goes.
    var clientIsLeaving = false
    private var channelIsWritable = true
    private var holdsRead = false
    /// Until the client may go on; what it has sent in the meantime waits in `held`.
    private var pause: Scheduled<Void>?
    private var held = ByteBuffer()
    /// Streams whose client has taken enough for them to go on.
    private var writableStreams: [HTTP2Stream] = []

    init(loop: ListenerLoop, handler: any HTTPHandler, facts: ConnectionFacts) {
        self.loop = loop
        self.handler = handler
        self.facts = facts
        remoteCalls = handler.remoteCalls
        let settings = loop.settings.http2
        collectedBytesMax = settings.collectedBytesMax
        clientPings = ClientPings(shortestMilliseconds: settings.clientPingMilliseconds)
        serverPings = ServerPings(settings, now: .now())
        session = HTTP2Library.makeSession(owner: self)
    }

    deinit { nghttp2_session_del(session) }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channelIsWritable = context.channel.isWritable
        loop.add(self)
        if session == nil { return cut() }
        flushSoon()
        startPinging()
        if loop.isDraining { drain() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { connectionLost() }

    func channelInactive(context: ChannelHandlerContext) {
        connectionLost()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !error.isOfSocket { cut() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            cut()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        guard !isClosing, !hasFailed else { return }
        serverPings.heard(now: .now())
        var received = unwrapInboundIn(data)
        if pause == nil { feed(&received) }
        if received.readableBytes > 0 { held.writeBuffer(&received) }
    }

    /// Hands the library as much as the client's allowances let it.
    private func feed(_ received: inout ByteBuffer) {
        while received.readableBytes > 0 {
            let taken = received.readWithUnsafeReadableBytes { bytes in
                let count = min(bytes.count, HTTP2Limits.sliceBytes)
                let result = nghttp2_session_mem_recv(
                    session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
                return (count, result)
            }
            // The library has queued its farewell, unless the client does not speak HTTP/2 at all.
            if taken < 0 {
                hasFailed = true
                received.clear()
                return
            }
            if resets.isExhausted || fieldAllowance.excess.isExhausted, mustPause() { return }
        }
    }

    var now: NIODeadline { loop.eventLoop.now }

    private func mustPause() -> Bool {
        let now = now
        let waits = [resets.wait(now: now), fieldAllowance.wait(now: now)].compactMap(\.self)
        guard let wait = waits.max() else { return false }
        pause = loop.eventLoop.assumeIsolated().scheduleTask(in: wait) { self.goOn() }
        return true
    }

    private func goOn() {
        pause = nil
        guard !isClosing, !hasFailed, let context else { return }
        var received = held
        held = ByteBuffer()
        feed(&received)
        held = received
        flush()
        if pause == nil, holdsRead { read(context: context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
    }

    /// A client that does not take its answers is not asked for more requests.
    func read(context: ChannelHandlerContext) {
        if isClosing { return }
        holdsRead = !channelIsWritable || pause != nil
        if !holdsRead { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        channelIsWritable = context.channel.isWritable
        if channelIsWritable {
            if holdsRead { read(context: context) }
            flushSoon()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Output

    func flushSoon() {
        guard !isQueuedForFlush, !isReading, context != nil else { return }
        isQueuedForFlush = true
        loop.flushLater(self)
    }

    func flush() {
        isQueuedForFlush = false
        guard !isFlushing, !isClosing, let context else { return }
        isFlushing = true
        while pump(context) {}
        isFlushing = false
        guard !isClosing, self.context != nil else { return }
        if hasFailed || wantsNothing { closeAfterLastWrite(context) }
    }

    private var wantsNothing: Bool {
        nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    /// Sends what the library has, up to the channel's bound; true when answers were added by those
    /// who learned that they can go on.
    private func pump(_ context: ChannelHandlerContext) -> Bool {
        while channelIsWritable, self.context != nil {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count > 0 else {
                if count < 0 { hasFailed = true }
                break
            }
            if output.capacity == 0 { output = loop.takeBuffer() }
            output.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
            if output.readableBytes >= HTTPServerLimits.outputHighWater { send(context) }
        }
        send(context)
        guard !writableStreams.isEmpty else { return false }
        let streams = writableStreams
        writableStreams = []
        for stream in streams { stream.clientTookEnough() }
        return true
    }

    private func send(_ context: ChannelHandlerContext) {
        guard output.readableBytes > 0 else { return }
        let buffer = output
        output = ByteBuffer()
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        loop.recycle(buffer)
    }

    func becameWritable(_ stream: HTTP2Stream) { writableStreams.append(stream) }

    // MARK: Closing

    func drain() {
        guard !isDraining, !isClosing else { return }
        isDraining = true
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
        flushSoon()
    }

    func cut() {
        guard let context else { return }
        isClosing = true
        context.close(promise: nil)
    }

    private func closeAfterLastWrite(_ context: ChannelHandlerContext) {
        isClosing = true
        let isFault = hasFailed || !isDraining && !clientIsLeaving
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            if isFault { self.linger() } else { self.cut() }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Everything ends but the connection, which nobody reads any more: a client that breaks the
    /// protocol on purpose would be back at once, and cost the others of this loop their time.
    private func linger() {
        guard let context, loop.linger(context.channel) else { return cut() }
        connectionLost()
    }

    private func connectionLost() {
        guard context != nil else { return }
        context = nil
        isClosing = true
        pingTimer?.cancel()
        pingTimer = nil
        pause?.cancel()
        pause = nil
        held = ByteBuffer()
        loop.remove(self)
        while let stream = newest {
            remove(stream)
            stream.close()
        }
        writableStreams = []
        output = ByteBuffer()
    }

    // MARK: Streams

    func add(_ stream: HTTP2Stream) {
        stream.next = newest
        newest?.previous = stream
        newest = stream
        nghttp2_session_set_stream_user_data(
            session, stream.id, Unmanaged.passUnretained(stream).toOpaque())
    }

    func remove(_ stream: HTTP2Stream) {
        nghttp2_session_set_stream_user_data(session, stream.id, nil)
        let next = stream.next
        next?.previous = stream.previous
        if let previous = stream.previous {
            previous.next = next
        } else if newest === stream {
            newest = next
        }
        stream.next = nil
        stream.previous = nil
    }
}
