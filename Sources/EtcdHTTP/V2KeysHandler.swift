//  /v2/keys: from a request to a proposal, a read or a watch, and back.

import EtcdEdge
import EtcdNet
import EtcdProto
import EtcdServer
import EtcdV2Store
import RuntimeCore

/// Serves the key space of one member. Called on event loops.
final class V2KeysHandler: Sendable {
    static let methods = ["HEAD", "GET", "PUT", "POST", "DELETE"]

    let handler: RequestHandler
    let edges: HTTPEdges
    let answers: V2Answers
    private let access: V2Access

    init(handler: RequestHandler, edges: HTTPEdges, answers: V2Answers, access: V2Access) {
        self.handler = handler
        self.edges = edges
        self.answers = answers
        self.access = access
    }

    /// - Parameters:
    ///   - key: the path behind `/v2/keys`.
    ///   - form: the body if it is a form, otherwise empty.
    func serve(_ exchange: Exchange, key: Bytes, form: Bytes) {
        guard exchange.allows(V2KeysHandler.methods) else { return }
        let request: V2KeysRequest
        do throws(V2Error) {
            request = try V2KeysRequest(
                method: exchange.method, key: key,
                parameters: V2Parameters(form: form, query: exchange.query),
                now: { handler.clock.now().wall })
        } catch {
            answers.respond(exchange.client, error: error)
            return
        }
        guard access.isEnabled else { return perform(exchange, request) }
        access.checkKey(exchange, key: key, recursive: request.operation.recursive) { isAllowed in
            if isAllowed {
                self.perform(exchange, request)
            } else {
                self.answers.respond(
                    exchange.client,
                    error: V2Error(.unauthorized, cause: "Insufficient credentials"))
            }
        }
    }

    private func perform(_ exchange: Exchange, _ request: V2KeysRequest) {
        switch request.operation.method {
        case .get where request.operation.wait: watch(exchange, request)
        case .get: respondLocally(exchange.client, request.operation)
        case .quorumGet: readAfterBarrier(exchange, request)
        default: write(exchange, request)
        }
    }

    /// Answers a request whose body cannot be read as the form it claims to be.
    func refuse(_ exchange: Exchange, form reason: String) {
        answers.respond(exchange.client, error: V2Error(.invalidForm, cause: reason))
    }

    /// Answers a read from this member's own tree.
    func respondLocally(_ client: Client, _ read: V2Request) {
        switch handler.getV2(read.path, recursive: read.recursive, sorted: read.sorted) {
        case .success(let event): answers.respond(client, event: event)
        case .failure(let error): answers.respond(client, error: error)
        }
    }

    private func write(_ exchange: Exchange, _ request: V2KeysRequest) {
        submit(exchange, request) { address in
            handler.proposeV2(request.operation, address: address)
        }
    }

    private func readAfterBarrier(_ exchange: Exchange, _ request: V2KeysRequest) {
        submit(exchange, request) { address in handler.linearizableBarrier(address: address) }
    }

    private func submit(
        _ exchange: Exchange, _ request: V2KeysRequest,
        _ start: (ReplyAddress) -> Result<RequestID, ServerError>
    ) {
        let edge = edges.edge(of: exchange.eventLoop)
        let waiter = V2RequestWaiter(
            keys: self, edge: edge, client: exchange.client, request: request)
        let token = edge.register(
            waiter, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        switch start(ReplyAddress(edge: edge, token: token)) {
        case .success(let id): waiter.id = id
        case .failure(let error):
            edge.cancel(token)
            answers.respond(exchange.client, failure: error)
        }
    }

    private func watch(_ exchange: Exchange, _ request: V2KeysRequest) {
        let waiter = V2WatchWaiter(
            keyspace: handler.keyspace, edge: edges.edge(of: exchange.eventLoop),
            responder: exchange.client.responder, isStream: request.operation.stream)
        switch waiter.begin(request.operation) {
        case .success(let storeIndex):
            answers.startWatch(exchange.client, storeIndex: storeIndex)
            waiter.started()
        case .failure(let error): answers.respond(exchange.client, error: error)
        }
    }
}

/// Waits for the outcome of one write or linearizable read.
private final class V2RequestWaiter: EdgeWaiter {
    private let keys: V2KeysHandler
    private let edge: HTTPEdge
    private let client: Client
    private let noValueOnSuccess: Bool
    /// What to do once the barrier is passed.
    private let read: V2Request?
    /// Known once the request has been handed in.
    var id: RequestID?

    init(keys: V2KeysHandler, edge: HTTPEdge, client: Client, request: V2KeysRequest) {
        self.keys = keys
        self.edge = edge
        self.client = client
        noValueOnSuccess = request.noValueOnSuccess
        read = request.operation.method == .quorumGet ? request.operation : nil
    }

    func receive(_ reply: Reply, token: UInt64) {
        edge.cancel(token)
        switch reply {
        case .v2(.success(let event), let raftIndex, let raftTerm):
            keys.answers.respond(
                client, event: event, raftIndex: raftIndex, raftTerm: raftTerm,
                noValueOnSuccess: noValueOnSuccess)
        case .v2(.failure(let error), _, _): keys.answers.respond(client, error: error)
        case .failed(let error): keys.answers.respond(client, failure: error)
        case .barrier: barrierPassed()
        default:
            keys.answers.respond(client, failure: .unknownMethod)
        }
    }

    private func barrierPassed() {
        if let read {
            keys.respondLocally(client, read)
        } else {
            keys.answers.respond(client, failure: .unknownMethod)
        }
    }

    func timedOut(token: UInt64) {
        if let id { keys.handler.forget(id) }
        keys.answers.respond(client, failure: keys.handler.errorAfterFullTimeout())
    }
}
