//  The body of an ordinary HTTP/2 request on its way to the handler.

import NIOCore
import NIOHTTP1

extension HTTP2Exchange {
    /// The head is there: asks the handler what is to be done.
    func begin(endsStream: Bool) {
        guard let session else { return }
        guard !fields.isTooLarge else {
            respond(
                status: 431, headers: ["Content-Type": "text/html; charset=utf-8"],
                body: ByteBuffer(
                    string: "<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>"))
            return
        }
        guard let request = fields.head(session.facts) else {
            session.refuse(self)
            return
        }
        if request.target == "*", request.method == "OPTIONS" {
            respond(status: 200, headers: [:], body: ByteBuffer())
            return
        }
        self.request = request
        let plan = session.handler.plan(for: request, responder: self)
        guard isOpen else { return }
        switch plan {
        case .ignore, .webSocket:
            session.handler.handle(request, body: ByteBuffer(), responder: self)
        case .collect(let maximum):
            if endsStream {
                session.handler.handle(request, body: ByteBuffer(), responder: self)
            } else {
                body = .collector(ByteBuffer(), maximum: maximum)
                session.sendContinue(self)
            }
        case .stream(let sink):
            if endsStream {
                sink.complete()
            } else {
                body = .sink(sink)
                session.sendContinue(self)
            }
        }
    }

    /// A part of the body has arrived.
    func take(_ bytes: UnsafeRawBufferPointer) {
        guard let session else { return }
        switch body {
        case .nowhere:
            session.consume(bytes.count, id)
        case .collector(var collected, let maximum):
            session.consume(bytes.count, id)
            // The only reference, so that appending does not copy.
            body = .nowhere
            let count = collected.readableBytes + bytes.count
            guard count <= maximum, mayHold(count) else {
                letGo()
                respondTooLarge()
                return
            }
            collected.writeBytes(bytes)
            body = .collector(collected, maximum: maximum)
        case .sink:
            keep(bytes)
            feedSink()
        }
    }

    /// Small parts are joined: a frame may hold a single byte.
    private func keep(_ bytes: UnsafeRawBufferPointer) {
        // A second reference to the part would make it copied with every byte that is added.
        guard let last = waitingParts.last?.readableBytes, last < HTTP2Limits.joinedPartBytes else {
            waitingParts.append(ByteBuffer(bytes: bytes))
            return
        }
        _ = waitingParts.modify(waitingParts.index(before: waitingParts.endIndex)) {
            $0.writeBytes(bytes)
        }
    }

    /// The body is whole.
    func finishBody() {
        guard let session else { return }
        switch body {
        case .nowhere:
            break
        case .collector(let collected, _):
            body = .nowhere
            letGo()
            guard isOpen, let request else { return }
            session.handler.handle(request, body: collected, responder: self)
        case .sink(let sink):
            guard !sinkIsBusy, waitingParts.isEmpty else { return }
            complete(sink)
        }
    }

    private func complete(_ sink: any HTTPBodySink) {
        body = .nowhere
        sink.complete()
        _ = mayHold(sink.heldBytes)
    }

    /// One part at a time; the client may send more only for what the sink has taken.
    ///
    /// A sink that takes a part at once answers before `whenComplete` returns: the loop goes on
    /// then, and does not grow the stack by a level for every part that waits.
    private func feedSink() {
        guard !isFeeding else { return }
        isFeeding = true
        defer { isFeeding = false }
        while !sinkIsBusy, case .sink(let sink) = body {
            guard let part = waitingParts.popFirst() else {
                if requestHasEnded { complete(sink) }
                return
            }
            sinkIsBusy = true
            bytesInSink = part.readableBytes
            sink.receive(part).hop(to: loop.eventLoop).assumeIsolated().whenComplete { _ in
                self.sinkHasTaken(sink)
            }
        }
    }

    private func sinkHasTaken(_ sink: any HTTPBodySink) {
        let count = bytesInSink
        sinkIsBusy = false
        bytesInSink = 0
        if let session {
            session.consume(count, id)
            session.flushSoon()
            guard mayHold(sink.heldBytes) else { return refuse(sink) }
        }
        feedSink()
    }

    /// The connection holds too much of its client's requests. An answer that has begun cannot say
    /// so any more.
    private func refuse(_ sink: any HTTPBodySink) {
        body = .nowhere
        letGo()
        if state == .waiting { respondTooLarge() } else { abort() }
        sink.fail(HTTPBodyError.tooLarge)
    }

    private func respondTooLarge() {
        respond(
            status: 413, headers: ["Content-Type": "text/plain; charset=utf-8"],
            body: ByteBuffer(string: HTTP1Refusal.bodyTooLarge.body))
    }
}
