//  Request bodies of an HTTP/1.1 connection: collected, streamed, or read for nothing.

import NIOCore

extension HTTP1Session {
    func beginBody(of request: HTTPRequestHead, _ head: HTTP1Head, _ exchange: HTTP1Exchange) {
        let decoder = HTTP1BodyDecoder(head.body)
        let discarding = HTTP1BodyTarget.nowhere(allowance: HTTPServerLimits.discardedBodyMax)
        let waitsForGo = head.expectation == .proceed && !head.isHTTP10
        // While the handler thinks, a client that waits for permission has sent nothing.
        phase = .body(decoder, waitsForGo ? .nowhere(allowance: 0) : discarding)
        let plan = handler.plan(for: request, responder: exchange)
        // Answered already, or the connection is gone.
        guard exchange.isOpen, closing == .no else { return }
        switch plan {
        case .ignore:
            handler.handle(request, body: ByteBuffer(), responder: exchange)
        case .collect(let maximum):
            if let announced = decoder.remaining, announced > maximum {
                exchange.refuse(.bodyTooLarge)
                return
            }
            phase = .body(
                decoder,
                .collector(
                    HTTP1BodyCollector(
                        head: request, exchange: exchange, maximum: maximum,
                        announced: decoder.remaining)))
            if waitsForGo { sendContinue(exchange) }
        case .stream(let sink):
            phase = .body(decoder, .sink(sink))
            if waitsForGo { sendContinue(exchange) }
        case .webSocket:
            // Would its body be the first frames?
            exchange.refuse(.malformed)
        }
    }

    private func sendContinue(_ exchange: HTTP1Exchange) {
        write(for: exchange) { $0.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    /// False when more input is needed.
    func stepBody(_ decoder: HTTP1BodyDecoder, _ target: HTTP1BodyTarget) -> Bool {
        var decoder = decoder
        do throws(HTTP1Refusal) {
            switch try decoder.next(from: &input) {
            case .needsMore:
                phase = .body(decoder, target)
                return false
            case .part(let part):
                phase = .body(decoder, target)
                deliver(part, to: target, decoder)
            case .end:
                phase = keepsReading ? .head : .stopped
                complete(target)
            }
        } catch {
            fail(target, error)
        }
        return true
    }

    /// Only the newest request can be one whose body is being read.
    private var keepsReading: Bool { exchanges.last?.keepAlive ?? bodyOwnerKeepsAlive }

    private func deliver(
        _ part: ByteBuffer, to target: HTTP1BodyTarget, _ decoder: HTTP1BodyDecoder
    ) {
        switch target {
        case .collector(let collector):
            if !collector.append(part) { collector.exchange.refuse(.bodyTooLarge) }
        case .sink(let sink):
            sinkIsBusy = true
            let accepted = sink.receive(part).hop(to: loop.eventLoop)
            accepted.assumeIsolated().whenComplete { _ in
                self.sinkIsBusy = false
                self.process()
            }
        case .nowhere(let allowance):
            let left = allowance - part.readableBytes
            guard left >= 0 else {
                // Either the answer has said so already or it is out: nothing is owed.
                discardedTooMuch()
                return
            }
            phase = .body(decoder, .nowhere(allowance: left))
        }
    }

    /// An unwanted body is longer than what is read for the sake of the connection.
    private func discardedTooMuch() {
        phase = .stopped
        input = ByteBuffer()
        if exchanges.isEmpty { closeAfterFlush(lingering: true) }
    }

    private func complete(_ target: HTTP1BodyTarget) {
        switch target {
        case .collector(let collector):
            guard collector.exchange.isOpen else { return }
            handler.handle(
                collector.head, body: collector.body, responder: collector.exchange)
        case .sink(let sink):
            sink.complete()
        case .nowhere:
            break
        }
    }

    private func fail(_ target: HTTP1BodyTarget, _ refusal: HTTP1Refusal) {
        phase = .stopped
        input = ByteBuffer()
        target.fail(.malformed)
        guard let exchange = exchanges.first, exchange.state == .waiting else {
            closeAfterFlush(lingering: true)
            return
        }
        exchange.refuse(refusal)
    }

    /// The request whose body is still arriving has been answered.
    func bodyOwnerAnswered(keepAlive: Bool) {
        guard case .body(let decoder, let target) = phase else { return }
        bodyOwnerKeepsAlive = keepAlive
        if case .nowhere = target { return }
        phase = .body(decoder, .nowhere(allowance: HTTPServerLimits.discardedBodyMax))
    }

    /// Whether an answer given now leaves so much of its request's body unread that the
    /// connection is not worth keeping.
    func leavesTooMuchUnread(after exchange: HTTP1Exchange) -> Bool {
        switch phase {
        case .body(let decoder, .nowhere(let allowance)) where exchanges.last === exchange:
            return allowance == 0 || (decoder.remaining ?? 0) > allowance
        case .body(let decoder, _) where exchanges.last === exchange:
            return (decoder.remaining ?? 0) > HTTPServerLimits.discardedBodyMax
        case .stopped where exchanges.last === exchange:
            return true
        default:
            return false
        }
    }
}
