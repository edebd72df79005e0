//  One step of a request that takes several: ask the replica, and go on with what it replies.

import EtcdEdge
import EtcdServer

/// Waits for one reply. Confined to the event loop of its request.
final class V2Wait: EdgeWaiter {
    private let edge: HTTPEdge
    private let handler: RequestHandler
    private let finish: (Reply) -> Void
    private var id: RequestID?

    private init(edge: HTTPEdge, handler: RequestHandler, finish: @escaping (Reply) -> Void) {
        self.edge = edge
        self.handler = handler
        self.finish = finish
    }

    /// Hands a request in and calls `then` with its reply, `.failed` when there is none in time.
    static func forReply(
        _ exchange: Exchange, _ handler: RequestHandler, _ edges: HTTPEdges,
        start: (ReplyAddress) -> Result<RequestID, ServerError>,
        then: @escaping (Reply) -> Void
    ) {
        begin(exchange, handler, edges, then: then) { wait, address in
            switch start(address) {
            case .success(let id):
                wait.id = id
                return nil
            case .failure(let error): return error
            }
        }
    }

    /// For work that has no number: `start` returns why it was not taken.
    static func forWork(
        _ exchange: Exchange, _ handler: RequestHandler, _ edges: HTTPEdges,
        start: (ReplyAddress) -> ServerError?, then: @escaping (Reply) -> Void
    ) {
        begin(exchange, handler, edges, then: then) { _, address in start(address) }
    }

    private static func begin(
        _ exchange: Exchange, _ handler: RequestHandler, _ edges: HTTPEdges,
        then: @escaping (Reply) -> Void, _ start: (V2Wait, ReplyAddress) -> ServerError?
    ) {
        let edge = edges.edge(of: exchange.eventLoop)
        let wait = V2Wait(edge: edge, handler: handler, finish: then)
        let token = edge.register(
            wait, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        if let error = start(wait, ReplyAddress(edge: edge, token: token)) {
            edge.cancel(token)
            then(.failed(error))
        }
    }

    func receive(_ reply: Reply, token: UInt64) {
        edge.cancel(token)
        finish(reply)
    }

    func timedOut(token: UInt64) {
        if let id { handler.forget(id) }
        finish(.failed(handler.errorAfterFullTimeout()))
    }
}
