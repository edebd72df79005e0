//  Answers of an HTTP/2 connection on their way to the library.

import CNGHTTP2
import NIOCore
import NIOHTTP1

extension HTTP2Session {
    /// Queues the head of an answer, and its body if it has one: `stream` supplies that as the
    /// client takes it.
    func submitHead(
        _ stream: HTTP2Exchange, status: Int, headers: HTTPHeaders, contentLength: Int?,
        hasBody: Bool
    ) {
        guard context != nil else { return }
        var block = HTTP2FieldBlock()
        block.add(name: ":status", value: String(min(max(status, 200), 999)))
        block.add(headers)
        if let contentLength {
            block.add(name: "content-length", value: String(contentLength))
        }
        if !headers.contains(name: "date") { block.add(name: "date", bytes: loop.date()) }
        block.withFields { fields, count in submit(stream, fields, count, hasBody: hasBody) }
    }

    private func submit(
        _ stream: HTTP2Stream, _ fields: UnsafePointer<nghttp2_nv>?, _ count: Int, hasBody: Bool
    ) {
        var result: Int32
        if hasBody {
            var provider = nghttp2_data_provider()
            provider.read_callback = Self.supplyBody
            result = nghttp2_submit_response(session, stream.id, fields, count, &provider)
        } else {
            result = nghttp2_submit_response(session, stream.id, fields, count, nil)
        }
        if result != 0 { reset(stream, NGHTTP2_INTERNAL_ERROR) }
        flushSoon()
    }

    func submitTrailers(_ stream: HTTP2Stream, _ block: HTTP2FieldBlock) {
        var block = block
        block.withFields { fields, count in
            _ = nghttp2_submit_trailer(session, stream.id, fields, count)
        }
    }

    // MARK: calls

    /// The head of a call's answer, whose messages follow.
    func submitCallHead(_ stream: RemoteCallStream) {
        guard context != nil else { return }
        if stream.contentSubtype == nil {
            let head = loop.callFields.head
            submit(stream, head.baseAddress, head.count, hasBody: true)
        } else {
            var block = HTTP2FieldBlock()
            block.add(name: ":status", value: "200")
            block.add(name: "content-type", value: stream.contentType)
            block.withFields { fields, count in submit(stream, fields, count, hasBody: true) }
        }
    }

    /// The answer of a call that has no messages.
    func submitCallEnd(_ stream: RemoteCallStream, _ block: HTTP2FieldBlock) {
        guard context != nil else { return }
        var block = block
        block.withFields { fields, count in submit(stream, fields, count, hasBody: false) }
    }

    /// The end of a call that went well.
    func submitSuccess(_ stream: RemoteCallStream) {
        let end = loop.callFields.success
        _ = nghttp2_submit_trailer(session, stream.id, end.baseAddress, end.count)
    }

    func sendContinue(_ stream: HTTP2Exchange) {
        guard stream.fields.expectsContinue else { return }
        var block = HTTP2FieldBlock()
        block.add(name: ":status", value: "100")
        block.withFields { fields, count in
            _ = nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, nil, fields, count, nil)
        }
        flushSoon()
    }

    /// The stream has more to say, or nothing any more.
    func resume(_ stream: HTTP2Stream) {
        guard context != nil else { return }
        nghttp2_session_resume_data(session, stream.id)
    }

    /// For a request that cannot be understood, or turns out not to be what it said.
    func refuse(_ stream: HTTP2Stream) {
        stream.isRefused = true
        reset(stream, NGHTTP2_PROTOCOL_ERROR)
    }

    func reset(_ stream: HTTP2Stream) { reset(stream, NGHTTP2_INTERNAL_ERROR) }

    func reset(_ stream: HTTP2Stream, _ code: nghttp2_error_code) { reset(stream.id, code) }

    func reset(_ id: Int32, _ code: nghttp2_error_code) {
        guard context != nil else { return }
        if code != NGHTTP2_NO_ERROR { resets.use(1, now: now) }
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
        flushSoon()
    }

    /// The answer is out. A client that is still sending its request need not go on.
    func answerSent(_ stream: HTTP2Stream) {
        if !stream.requestHasEnded { reset(stream, NGHTTP2_NO_ERROR) }
    }

    private static let supplyBody: nghttp2_data_source_read_callback = {
        session, id, memory, count, flags, _, _ in
        guard let data = nghttp2_session_get_stream_user_data(session, id), let flags else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let stream = Unmanaged<HTTP2Stream>.fromOpaque(data).takeUnretainedValue()
        switch stream.supply(UnsafeMutableRawBufferPointer(start: memory, count: count)) {
        case .nothingYet:
            stream.isWaitingForOutput = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .bytes(let filled, let isLast):
            guard isLast else { return filled }
            flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
            if let owner = stream.session, stream.submitTrailers(owner) {
                flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
            }
            return filled
        }
    }
}
