//  One outgoing HTTP/2 connection for gRPC calls: libnghttp2's client side in one channel handler.

import CNGHTTP2
package import NIOCore
package import NIOHTTP1
import NIOSSL

/// Times and bounds of one connection.
package struct CallConnectionSettings: Sendable {
    /// From dialling to the server's first word of HTTP/2, TLS included.
    package var dialTimeout = TimeAmount.seconds(2)
    /// Silence, with a call open, after which the server is asked whether it is there; `nil` for
    /// never.
    package var keepAlive: TimeAmount?
    package var keepAliveTimeout = TimeAmount.seconds(6)
    /// The longest message that is taken.
    package var messageBytesMax = Int(Int32.max)

    package init() {}
}

/// Confined to its loop.
package final class CallConnection: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let address: HTTPClientAddress
    private let settings: CallConnectionSettings
    private let loop: any EventLoop
    private var context: ChannelHandlerContext?
    /// Freed with this object, never inside one of the library's callbacks.
    private var session: OpaquePointer?
    private var calls: [Int32: OutgoingCall] = [:]
    /// Completed when the server has said its first word.
    private var greeting: EventLoopPromise<NIOLoopBound<CallConnection>>?
    private var timer: Scheduled<Void>?
    private var lastHeard = NIODeadline.now()
    private var hasBegun = false
    private var isReading = false
    private var isFlushing = false
    private var isQueuedForFlush = false
    /// The server wants no new calls here.
    private var isDraining = false
    private var status: CallStatus?

    init(
        _ address: HTTPClientAddress, _ settings: CallConnectionSettings, loop: any EventLoop,
        greeting: EventLoopPromise<NIOLoopBound<CallConnection>>
    ) {
        self.address = address
        self.settings = settings
        self.loop = loop
        self.greeting = greeting
        session = HTTP2ClientLibrary.makeSession(owner: self)
    }

    deinit { nghttp2_session_del(session) }

    /// Whether calls can be begun.
    package var isUsable: Bool { context != nil && status == nil && !isDraining }

    // MARK: Calls

    /// Begins a call. Its receiver hears nothing before this returns.
    ///
    /// - Parameters:
    ///   - path: such as `/etcdserverpb.KV/Range`.
    ///   - timeout: for the whole call, which the server is told; `nil` for none.
    package func begin(
        _ path: String, metadata: HTTPHeaders, timeout: TimeAmount?,
        receiver: any OutgoingCallReceiver
    ) -> OutgoingCall {
        var id: Int32 = -1
        if isUsable {
            var provider = nghttp2_data_provider()
            provider.read_callback = HTTP2ClientLibrary.supplyBody
            var block = fields(path, metadata, timeout)
            block.withFields { fields, count in
                id = nghttp2_submit_request(session, nil, fields, count, &provider, nil)
            }
        }
        let call = OutgoingCall(
            self, id: id, messageBytesMax: settings.messageBytesMax, receiver: receiver)
        guard id > 0 else {
            let status = status ?? lost("takes no more calls")
            loop.assumeIsolated().execute { call.closed(reset: 0, connectionStatus: status) }
            return call
        }
        calls[id] = call
        if let timeout {
            call.timer = loop.assumeIsolated().scheduleTask(in: timeout) { [weak call] in
                call?.abort(.deadlineExceeded)
            }
        }
        flushSoon()
        return call
    }

    private func fields(_ path: String, _ metadata: HTTPHeaders, _ timeout: TimeAmount?)
        -> HTTP2FieldBlock
    {
        var block = HTTP2FieldBlock()
        block.add(name: ":method", value: "POST")
        block.add(name: ":scheme", value: address.secureHost == nil ? "http" : "https")
        block.add(name: ":path", value: path)
        block.add(name: ":authority", value: address.hostHeader)
        block.add(name: "content-type", value: "application/grpc")
        block.add(name: "te", value: "trailers")
        block.add(name: "user-agent", value: "etcd-swift")
        if let timeout {
            // gRPC's form: at most eight digits and a unit.
            let milliseconds = max(1, timeout.nanoseconds / 1_000_000)
            let text =
                milliseconds < 100_000_000 ? "\(milliseconds)m" : "\(milliseconds / 1_000)S"
            block.add(name: "grpc-timeout", value: text)
        }
        block.add(metadata)
        return block
    }

    func outputChanged(_ id: Int32, resumes: Bool) {
        if resumes { nghttp2_session_resume_data(session, id) }
        flushSoon()
    }

    func consume(_ count: Int, _ id: Int32) {
        nghttp2_session_consume(session, id, count)
        flushSoon()
    }

    func reset(_ id: Int32) {
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, NGHTTP2_CANCEL.rawValue)
        flushSoon()
    }

    /// Ends the connection; calls that are open fail.
    package func close() { end(CallStatus.canceled) }

    // MARK: The library's news

    func call(_ id: Int32) -> OutgoingCall? { calls[id] }

    func streamClosed(_ id: Int32, code: UInt32) {
        calls.removeValue(forKey: id)?.closed(reset: code, connectionStatus: status)
    }

    func greeted() {
        greeting?.succeed(NIOLoopBound(self, eventLoop: loop))
        greeting = nil
    }

    func drain() { isDraining = true }

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        // Before there was a connection it is the dialling that knows why.
        if hasBegun { end(lost("is closed")) }
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    private func begin() {
        hasBegun = true
        guard session != nil else { return end(CallStatus(.internal, "out of memory")) }
        timer = loop.assumeIsolated().scheduleTask(in: settings.dialTimeout) { [weak self] in
            self?.dialTimeEnded()
        }
        flushSoon()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        end(lost("closed the connection"))
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        end(lost(TLSFailure.clientText(error, shown: shown)))
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = .now()
        guard status == nil else { return }
        isReading = true
        let received = unwrapInboundIn(data)
        let taken = received.withUnsafeReadableBytes { bytes in
            nghttp2_session_mem_recv(
                session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        isReading = false
        if taken < 0 {
            end(lost("does not speak HTTP/2: \(String(cString: nghttp2_strerror(Int32(taken))))"))
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Output

    private func flushSoon() {
        guard !isQueuedForFlush, !isReading, context != nil else { return }
        isQueuedForFlush = true
        loop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isQueuedForFlush = false
        guard !isFlushing, let context, status == nil else { return }
        isFlushing = true
        defer { isFlushing = false }
        var output = ByteBuffer()
        while context.channel.isWritable {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count > 0 else { break }
            output.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
            if output.readableBytes >= HTTPServerLimits.outputHighWater {
                context.writeAndFlush(wrapOutboundOut(output), promise: nil)
                output = ByteBuffer()
            }
        }
        if output.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        }
        let isOver =
            nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
        if isOver || (isDraining && calls.isEmpty) {
            end(lost(greeting == nil ? "ended the connection" : "does not speak HTTP/2"))
        }
    }

    // MARK: Ends

    private func lost(_ reason: String) -> CallStatus {
        CallStatus(.unavailable, "\(address.description): \(reason)")
    }

    private func end(_ status: CallStatus) {
        guard self.status == nil else { return }
        self.status = status
        timer?.cancel()
        timer = nil
        greeting?.fail(status)
        greeting = nil
        let open = calls
        calls = [:]
        for call in open.values { call.closed(reset: 0, connectionStatus: status) }
        context?.close(promise: nil)
    }

    private func dialTimeEnded() {
        if greeting != nil { return end(lost("no answer to the greeting in time")) }
        keepAlive()
    }

    /// Asks again and again whether a silent server is there.
    private func keepAlive() {
        guard let interval = settings.keepAlive else { return }
        let silence = NIODeadline.now() - lastHeard
        if calls.isEmpty || silence < interval {
            let wait = calls.isEmpty ? interval : interval - silence
            timer = loop.assumeIsolated().scheduleTask(in: wait) { [weak self] in
                self?.keepAlive()
            }
            return
        }
        let asked = NIODeadline.now()
        nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        flush()
        timer = loop.assumeIsolated().scheduleTask(in: settings.keepAliveTimeout) { [weak self] in
            guard let self else { return }
            if self.lastHeard < asked {
                self.end(self.lost("keepalive ping failed to receive ACK within timeout"))
            } else {
                self.keepAlive()
            }
        }
    }
}
