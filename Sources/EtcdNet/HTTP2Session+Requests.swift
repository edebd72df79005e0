//  Requests of an HTTP/2 connection on their way to the stream that serves them.

import CNGHTTP2

extension HTTP2Session {
    func fieldReceived(
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, isRequest: Bool
    ) {
        guard fieldAllowance.admits(name.count + value.count, now: now) else {
            return isRequest ? fields.stop() : fieldCheck.stop()
        }
        fieldCheck.add(name: name, value: value)
        if isRequest { fields.add(name: name, value: value) }
    }

    /// The fields in `fields` are a whole request, which takes what it wants of them. Most of what
    /// comes is calls.
    func headersComplete(_ id: Int32, endsStream: Bool) {
        defer { fields.removeAll() }
        guard fieldCheck.isSound(endsStream: endsStream) else {
            return reset(id, NGHTTP2_PROTOCOL_ERROR)
        }
        if let remoteCalls, !fields.isTooLarge, fields.isRemoteCall {
            let stream = RemoteCallStream(id: id, session: self)
            stream.bytesOwed = fieldCheck.statedLength
            add(stream)
            remoteCalls.begin(stream, fields: fields)
            if endsStream { stream.endRequest() }
        } else {
            var copy = HTTP2RequestFields(isTooLarge: fields.isTooLarge)
            fields.forEach { name, value in copy.add(name: name, value: value) }
            let exchange = HTTP2Exchange(id: id, session: self, fields: copy)
            exchange.bytesOwed = fieldCheck.statedLength
            add(exchange)
            exchange.requestHasEnded = endsStream
            exchange.begin(endsStream: endsStream)
        }
    }

    /// A part of a body; `stream` is `nil` when it has been closed already.
    func received(
        _ bytes: UnsafeRawBufferPointer, streamID: Int32, _ stream: HTTP2Stream?,
        isOfLastFrame: Bool
    ) {
        guard let stream, !stream.isRefused else { return consume(bytes.count, streamID) }
        guard stream.accepts(bytes.count) else {
            consume(bytes.count, streamID)
            return refuse(stream)
        }
        stream.requestIsEnding = isOfLastFrame
        stream.received(bytes)
    }

    /// The fields behind a body are there; they are of no interest beyond their grammar.
    func trailersComplete(_ stream: HTTP2Stream, endsStream: Bool) {
        guard fieldCheck.isSound(endsStream: endsStream) else { return refuse(stream) }
        bodyComplete(stream)
    }

    /// The client sends no more of the body.
    func bodyComplete(_ stream: HTTP2Stream) {
        guard !stream.isRefused else { return }
        if stream.bytesOwed ?? 0 == 0 { stream.endRequest() } else { refuse(stream) }
    }

    /// The client may send so much more.
    func consume(_ count: Int, _ streamID: Int32) {
        guard context != nil else { return }
        nghttp2_session_consume(session, streamID, count)
    }

    func streamClosed(_ stream: HTTP2Stream) {
        remove(stream)
        // What nobody will take any more must not narrow the connection's window for ever.
        let lost = stream.abandonedBytes
        if lost > 0 { nghttp2_session_consume_connection(session, lost) }
        stream.close()
    }
}
