//  libnghttp2's client side: one session per connection, and the C callbacks that lead back to
//  `CallConnection`.

import CNGHTTP2

enum HTTP2ClientLibrary {
    /// A client session that calls back into `owner`, with its settings queued. The owner frees it
    /// with `nghttp2_session_del`. `nil` when out of memory.
    static func makeSession(owner: CallConnection) -> OpaquePointer? {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        defer { nghttp2_session_callbacks_del(callbacks) }
        install(callbacks)
        var options: OpaquePointer?
        guard nghttp2_option_new(&options) == 0 else { return nil }
        defer { nghttp2_option_del(options) }
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_outbound_ack(options, HTTP2Limits.outboundAcknowledgements)
        nghttp2_option_set_max_settings(options, HTTP2Limits.settingsEntries)
        let context = Unmanaged.passUnretained(owner).toOpaque()
        var session: OpaquePointer?
        guard nghttp2_session_client_new2(&session, callbacks, context, options) == 0 else {
            return nil
        }
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(HTTP2Limits.headerListBytes)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(HTTP2Limits.window)),
        ]
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        nghttp2_submit_settings(session, none, settings, settings.count)
        nghttp2_session_set_local_window_size(session, none, 0, HTTP2Limits.window)
        return session
    }

    private static func install(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameCount, value, valueCount, _, owner in
            guard let frame, let owner = CallConnection.from(owner),
                let call = owner.call(frame.pointee.hd.stream_id)
            else { return 0 }
            call.field(
                UnsafeRawBufferPointer(start: name, count: nameCount),
                UnsafeRawBufferPointer(start: value, count: valueCount))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, owner in
            guard let frame, let owner = CallConnection.from(owner) else { return 0 }
            let flags = frame.pointee.hd.flags
            switch UInt32(frame.pointee.hd.type) {
            case NGHTTP2_SETTINGS.rawValue where flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0:
                owner.greeted()
            case NGHTTP2_GOAWAY.rawValue:
                owner.drain()
            default:
                break
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session, _, id, bytes, count, owner in
            guard let owner = CallConnection.from(owner), let call = owner.call(id) else {
                nghttp2_session_consume(session, id, count)
                return 0
            }
            call.received(UnsafeRawBufferPointer(start: bytes, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, owner in
            CallConnection.from(owner)?.streamClosed(id, code: code)
            return 0
        }
    }

    static let supplyBody: nghttp2_data_source_read_callback = {
        _, id, memory, count, flags, _, owner in
        guard let call = CallConnection.from(owner)?.call(id), let flags else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let frame = UnsafeMutableRawBufferPointer(start: memory, count: count)
        guard let (filled, isLast) = call.supply(frame) else {
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        if isLast { flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue) }
        return filled
    }
}

extension CallConnection {
    fileprivate static func from(_ context: UnsafeMutableRawPointer?) -> CallConnection? {
        context.map { Unmanaged<CallConnection>.fromOpaque($0).takeUnretainedValue() }
    }
}
