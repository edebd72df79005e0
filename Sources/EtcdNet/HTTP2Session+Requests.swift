//  Requests of an HTTP/2 connection on their way to the handler.

import CNGHTTP2
import NIOCore
import NIOHTTP1

extension HTTP2Session {
    func headersComplete(_ stream: HTTP2Stream, endsStream: Bool) {
        stream.requestHasEnded = endsStream
        guard !stream.fields.isTooLarge else {
            stream.respond(
                status: 431, headers: ["Content-Type": "text/html; charset=utf-8"],
                body: ByteBuffer(
                    string: "<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>"))
            return
        }
        guard let request = stream.fields.head(facts) else {
            reset(stream, NGHTTP2_PROTOCOL_ERROR)
            return
        }
        if request.target == "*", request.method == "OPTIONS" {
            stream.respond(status: 200, headers: [:], body: ByteBuffer())
            return
        }
        stream.request = request
        let plan = handler.plan(for: request, responder: stream)
        guard stream.isOpen, self.context != nil else { return }
        switch plan {
        case .ignore:
            handler.handle(request, body: ByteBuffer(), responder: stream)
        case .collect(let maximum):
            if endsStream {
                handler.handle(request, body: ByteBuffer(), responder: stream)
            } else {
                stream.body = .collector(ByteBuffer(), maximum: maximum)
                sendContinue(stream)
            }
        case .stream(let sink):
            if endsStream {
                sink.complete()
            } else {
                stream.body = .sink(sink)
                sendContinue(stream)
            }
        }
    }

    /// A part of a body; `stream` is `nil` when it has been closed already.
    func received(_ bytes: UnsafeRawBufferPointer, streamID: Int32, _ stream: HTTP2Stream?) {
        guard let stream else { return consume(bytes.count, streamID) }
        switch stream.body {
        case .nowhere:
            consume(bytes.count, streamID)
        case .collector(var body, let maximum):
            consume(bytes.count, streamID)
            // The only reference, so that appending does not copy.
            stream.body = .nowhere
            guard body.readableBytes + bytes.count <= maximum,
                collectedBytes + bytes.count <= HTTP2Limits.collectedBytesMax
            else {
                collectedBytes -= body.readableBytes
                stream.respond(
                    status: 413, headers: ["Content-Type": "text/plain; charset=utf-8"],
                    body: ByteBuffer(string: HTTP1Refusal.bodyTooLarge.body))
                return
            }
            body.writeBytes(bytes)
            collectedBytes += bytes.count
            stream.body = .collector(body, maximum: maximum)
        case .sink:
            stream.waitingParts.append(ByteBuffer(bytes: bytes))
            feedSink(stream)
        }
    }

    func bodyComplete(_ stream: HTTP2Stream) {
        guard !stream.requestHasEnded else { return }
        stream.requestHasEnded = true
        switch stream.body {
        case .nowhere:
            break
        case .collector(let body, _):
            stream.body = .nowhere
            collectedBytes -= body.readableBytes
            guard stream.isOpen, let request = stream.request else { return }
            handler.handle(request, body: body, responder: stream)
        case .sink(let sink):
            guard !stream.sinkIsBusy, stream.waitingParts.isEmpty else { return }
            stream.body = .nowhere
            sink.complete()
        }
    }

    /// One part at a time; the client may send more only for what the sink has taken.
    private func feedSink(_ stream: HTTP2Stream) {
        guard !stream.sinkIsBusy, case .sink(let sink) = stream.body else { return }
        guard let part = stream.waitingParts.popFirst() else {
            if stream.requestHasEnded {
                stream.body = .nowhere
                sink.complete()
            }
            return
        }
        stream.sinkIsBusy = true
        let count = part.readableBytes
        sink.receive(part).hop(to: loop.eventLoop).assumeIsolated().whenComplete { _ in
            stream.sinkIsBusy = false
            self.consume(count, stream.id)
            self.flushSoon()
            self.feedSink(stream)
        }
    }

    private func consume(_ count: Int, _ streamID: Int32) {
        guard context != nil else { return }
        nghttp2_session_consume(session, streamID, count)
    }

    func streamClosed(_ stream: HTTP2Stream) {
        remove(stream)
        // What nobody will take any more must not narrow the connection's window for ever.
        let lost = stream.waitingParts.reduce(0) { $0 + $1.readableBytes }
        if lost > 0 { nghttp2_session_consume_connection(session, lost) }
        if case .collector(let body, _) = stream.body { collectedBytes -= body.readableBytes }
        stream.closed()
    }
}
