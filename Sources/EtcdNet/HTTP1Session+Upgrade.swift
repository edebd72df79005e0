//  An HTTP/1.1 connection that goes on as a WebSocket.

import NIOCore

extension HTTP1Session {
    /// Answers a handshake and makes way for the session that speaks WebSocket, with all that is
    /// still to be sent and all that has come already. `exchange` is the only one.
    func upgrade(_ exchange: HTTP1Exchange, of request: HTTPRequestHead, to plan: WebSocketPlan) {
        guard let context, closing == .no, exchanges.first === exchange else { return }
        if inputEnded {
            // Such a client cannot take part in what follows; earlier answers are still its own.
            exchange.leave()
            exchanges.removeFirst()
            return closeAfterFlush(lingering: false)
        }
        write(for: exchange) {
            $0.writeString(
                WebSocketHandshake.answer(to: request.headers, subprotocol: plan.subprotocol))
        }
        exchange.leave()
        exchanges.removeFirst()
        let rest = input
        let session = WebSocketSession(loop: loop, plan: plan, output: output, isReading: isReading)
        input = ByteBuffer()
        output = ByteBuffer()
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers([session, session.catcher], position: .after(self))
        } catch {
            return cut()
        }
        if holdsRead { context.read() }
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        pipeline.removeHandler(self, promise: nil)
    }
}
