//  libnghttp2 behind a few calls: one server session per connection, its options, and the C
//  callbacks that lead back to `HTTP2Session`.

import CNGHTTP2

enum HTTP2Limits {
    /// etcd sets no bound; this one only has to stop a runaway client.
    static let concurrentStreams: UInt32 = 65_536
    /// Receive window of the connection and of every stream.
    static let window: Int32 = 1 << 20
    /// Bytes of all fields of one request, counted as HPACK does (Go's value).
    static let headerListBytes = 1 << 20
    /// What is held of the unfinished requests of one connection.
    static let collectedBytesMax = 256 << 20
    /// Answers to PING and SETTINGS that may wait for a client that does not read.
    static let outboundAcknowledgements = 1_000
    /// Entries of one SETTINGS frame.
    static let settingsEntries = 32
    /// Streams that a client may reset, or have reset for their faults: so many at once, and so
    /// many a second. Who wants more is read from more slowly (rapid reset).
    static let resetBurst = 500
    static let resetsPerSecond = 500
    /// Bytes that the library works on before the connection's allowances are looked at.
    static let sliceBytes = 16 << 10
    /// Parts of a body that wait for a slow handler are joined up to this size.
    static let joinedPartBytes = 16 << 10
    /// Unsent body bytes of one stream at which `isWritable` turns false, and true again.
    static let streamHighWater = 256 << 10
    static let streamLowWater = 64 << 10
}

/// The library's server side, set up for one connection.
enum HTTP2Library {
    /// A server session that calls back into `owner`, with its settings queued. The owner frees it
    /// with `nghttp2_session_del`. `nil` when out of memory.
    static func makeSession(owner: HTTP2Session) -> OpaquePointer? {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        defer { nghttp2_session_callbacks_del(callbacks) }
        install(callbacks)
        var options: OpaquePointer?
        guard nghttp2_option_new(&options) == 0 else { return nil }
        defer { nghttp2_option_del(options) }
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        // `HTTP2FieldCheck` and `HTTP2Stream.accepts` do instead what this turns off.
        nghttp2_option_set_no_http_messaging(options, 1)
        nghttp2_option_set_max_outbound_ack(options, HTTP2Limits.outboundAcknowledgements)
        nghttp2_option_set_max_settings(options, HTTP2Limits.settingsEntries)
        // `HTTP2Session.resets` slows such clients down long before; this one hangs up.
        nghttp2_option_set_stream_reset_rate_limit(
            options, UInt64(HTTP2Limits.resetBurst) * 10, UInt64(HTTP2Limits.resetsPerSecond) * 2)
        let context = Unmanaged.passUnretained(owner).toOpaque()
        var session: OpaquePointer?
        guard nghttp2_session_server_new2(&session, callbacks, context, options) == 0 else {
            return nil
        }
        submitSettings(session, owner.loop.settings.http2)
        return session
    }

    private static func submitSettings(_ session: OpaquePointer?, _ own: HTTP2Settings) {
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: min(own.concurrentStreams, HTTP2Limits.concurrentStreams)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(HTTP2Limits.headerListBytes)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(HTTP2Limits.window)),
        ]
        nghttp2_submit_settings(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        nghttp2_session_set_local_window_size(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, HTTP2Limits.window)
    }

    // MARK: Callbacks

    private static func install(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, owner in
            guard let frame else { return 0 }
            let isRequest = frame.pointee.isRequest
            return HTTP2Session.with(owner) { owner in
                owner.fieldCheck.begin(isTrailers: !isRequest)
                owner.fieldAllowance.beginBlock()
                if isRequest { owner.fields.removeAll() }
                return 0
            }
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameCount, value, valueCount, _, owner in
            guard let frame else { return 0 }
            return HTTP2Session.with(owner) { owner in
                owner.fieldReceived(
                    name: UnsafeRawBufferPointer(start: name, count: nameCount),
                    value: UnsafeRawBufferPointer(start: value, count: valueCount),
                    isRequest: frame.pointee.isRequest)
                return 0
            }
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, owner in
            guard let frame else { return 0 }
            return HTTP2Session.with(owner) {
                HTTP2Library.frameReceived($0, session, frame.pointee)
            }
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session, flags, id, bytes, count, owner in
            HTTP2Session.with(owner) { owner in
                owner.received(
                    UnsafeRawBufferPointer(start: bytes, count: count), streamID: id,
                    HTTP2Session.stream(session, id),
                    isOfLastFrame: flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0)
                return 0
            }
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, owner in
            guard let frame, frame.pointee.hd.type <= UInt8(NGHTTP2_HEADERS.rawValue) else {
                return 0
            }
            return HTTP2Session.with(owner) { owner in
                owner.clientPings.answerSent()
                guard frame.pointee.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
                    let stream = HTTP2Session.stream(session, frame.pointee.hd.stream_id)
                else { return 0 }
                owner.answerSent(stream)
                return 0
            }
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, id, _, owner in
            HTTP2Session.with(owner) { owner in
                guard let stream = HTTP2Session.stream(session, id) else { return 0 }
                owner.streamClosed(stream)
                return 0
            }
        }
    }

    private static func frameReceived(
        _ owner: HTTP2Session, _ session: OpaquePointer?, _ frame: nghttp2_frame
    ) -> Int32 {
        let id = frame.hd.stream_id
        let ends = frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            if frame.isRequest {
                owner.headersComplete(id, endsStream: ends)
            } else if let stream = HTTP2Session.stream(session, id) {
                owner.trailersComplete(stream, endsStream: ends)
            }
        case NGHTTP2_DATA.rawValue where ends:
            if let stream = HTTP2Session.stream(session, id) { owner.bodyComplete(stream) }
        case NGHTTP2_GOAWAY.rawValue: owner.clientIsLeaving = true
        case NGHTTP2_RST_STREAM.rawValue: owner.resets.use(1, now: owner.now)
        case NGHTTP2_PING.rawValue:
            let isAnswer = frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
            if !isAnswer, !owner.pingReceived() {
                return Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
        default:
            break
        }
        return 0
    }
}

extension nghttp2_frame {
    /// Whether this frame opens a request (and does not carry its trailers).
    fileprivate var isRequest: Bool {
        UInt32(hd.type) == NGHTTP2_HEADERS.rawValue && headers.cat == NGHTTP2_HCAT_REQUEST
    }
}

extension HTTP2Session {
    /// Runs `body` with the library's owner, which the pipeline holds while the library works.
    /// There are a dozen callbacks to a request, too many to count references for.
    @inline(__always)
    fileprivate static func with(
        _ context: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Int32
    ) -> Int32 {
        guard let context else { return 0 }
        return Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    }

    /// The session's stream object; the session keeps it alive until the stream closes.
    fileprivate static func stream(_ session: OpaquePointer?, _ id: Int32) -> HTTP2Stream? {
        guard id > 0, let data = nghttp2_session_get_stream_user_data(session, id) else {
            return nil
        }
        return Unmanaged<HTTP2Stream>.fromOpaque(data).takeUnretainedValue()
    }
}
