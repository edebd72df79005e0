//  What the lock and election recipes ask of the replica on behalf of one call: one step after the
//  other, and something to clean up when the client does not wait for the end.

import EtcdEdge
import EtcdProto
import EtcdServer
import RuntimeCore

/// How a recipe's call ends without success.
enum RecipeEnd {
    /// The client is gone, or its time is up.
    case abandoned
    case failed
}

/// Carries out the steps of one recipe: at most one is under way. Confined to the call's event
/// loop; lives as long as a step is under way.
///
/// A step that fails ends the call. etcd carries these recipes out with its own client, whose
/// errors have lost their codes: they all arrive as Unknown, with the usual texts.
final class RecipeSession<Response: ProtobufMessage>: EdgeWaiter {
    let call: V3Call<Response>
    private let handler: RequestHandler
    private var token: UInt64?
    private var request: RequestID?
    private var began: Instant
    private var next: ((Reply) -> Void)?
    private var watch: RecipeWatch?
    /// Called once when the call ends without success. It may leave work with `discard`.
    var onEnd: ((RecipeEnd) -> Void)?
    /// Whether a failure looks like a success to the client.
    var failsSilently = false

    init(_ call: V3Call<Response>, _ handler: RequestHandler) {
        self.call = call
        self.handler = handler
        began = handler.clock.monotonic()
        call.onClose = { self.close() }
        call.onWritable = { self.watch?.isHeld = false }
    }

    // MARK: steps

    func txn(_ request: TxnRequest, then: @escaping (TxnResponse) -> Void) {
        write { [handler, call] address in
            handler.txn(request, context: call.context, address: address).flatMap { start in
                // None of the recipes' transactions only reads.
                guard case .proposed(let id) = start else { return .failure(.unknownMethod) }
                return .success(id)
            }
        } then: { result in
            guard case .txn(let response) = result else { return false }
            then(response)
            return true
        }
    }

    func delete(_ key: Bytes, then: @escaping (DeleteRangeResponse) -> Void) {
        let request = DeleteRangeRequest(key: key)
        write { [handler, call] in
            handler.deleteRange(request, context: call.context, address: $0)
        } then: { result in
            guard case .deleteRange(let response) = result else { return false }
            then(response)
            return true
        }
    }

    /// Gives the lease of that id, or a new one of a minute when it is 0.
    func lease(_ id: Int64, then: @escaping (Int64) -> Void) {
        if id != 0 { return then(id) }
        let request = LeaseGrantRequest(ttl: RecipeKey.leaseSeconds)
        write { [handler, call] in
            handler.leaseGrant(request, context: call.context, address: $0)
        } then: { result in
            guard case .leaseGrant(let response) = result else { return false }
            then(response.id)
            return true
        }
    }

    /// A linearizable read.
    func range(_ request: RangeRequest, then: @escaping (RangeResponse) -> Void) {
        let read = { [handler, call] in
            switch handler.readRange(request, context: call.context) {
            case .success(let response): then(response)
            case .failure(let error): self.fail(error)
            }
        }
        switch handler.range(request) {
        case .success(.now): read()
        case .success(.afterBarrier):
            switch handler.linearizableBarrier(address: begin { _ in read() }) {
            case .success(let id): self.request = id
            case .failure(let error): fail(error)
            }
        case .failure(let error): fail(error)
        }
    }

    /// Watches until `stopWatching`; held back while the client takes no more answers.
    func watch(_ request: WatchCreateRequest, take: @escaping (RecipeWatch.News) -> Void) {
        stopWatching()
        switch RecipeWatch.start(request, handler: handler, edge: call.edge, take: take) {
        case .success(let watch): self.watch = watch
        case .failure(let error): fail(error)
        }
    }

    func holdWatchWhileUnwritable() { if !call.isWritable { watch?.isHeld = true } }

    func stopWatching() {
        watch?.stop()
        watch = nil
    }

    /// Answers the call.
    func respond(_ response: Response) {
        onEnd = nil
        call.respond(response)
    }

    func fail(_ error: ServerError) { fail(GRPCStatus(error).message) }

    func fail(_ message: String) {
        endStep()
        stopWatching()
        let onEnd = onEnd
        self.onEnd = nil
        onEnd?(.failed)
        if failsSilently { return call.finish() }
        call.fail(GRPCStatus(.unknown, message))
    }

    /// Starts a last request whose outcome nobody waits for.
    func discard(_ start: (RequestHandler, CallContext, ReplyAddress) -> Void) {
        let nobody = RecipeRemains(edge: call.edge)
        start(handler, call.context, nobody.address(handler.requestTimeoutMilliseconds))
    }

    // MARK: EdgeWaiter

    func receive(_ reply: Reply, token: UInt64) {
        let next = next
        endStep()
        switch reply {
        case .failed(let error), .v3(.failure(let error)): fail(error)
        default: next?(reply)
        }
    }

    func timedOut(token: UInt64) {
        self.token = nil
        if let request { handler.forget(request) }
        fail(handler.timeoutError(start: began))
    }

    // MARK: private steps

    private func write(
        _ start: (ReplyAddress) -> Result<RequestID, ServerError>,
        then: @escaping (V3Result) -> Bool
    ) {
        let address = begin { reply in
            guard case .v3(.success(let result)) = reply, then(result) else {
                return self.fail(.unknownMethod)
            }
        }
        switch start(address) {
        case .success(let id): request = id
        case .failure(let error): fail(error)
        }
    }

    private func begin(_ next: @escaping (Reply) -> Void) -> ReplyAddress {
        began = handler.clock.monotonic()
        self.next = next
        let token = call.edge.register(
            self, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        self.token = token
        return ReplyAddress(edge: call.edge, token: token)
    }

    private func endStep() {
        if let token { call.edge.cancel(token) }
        token = nil
        request = nil
        next = nil
    }

    /// The client waits no more.
    private func close() {
        if let request { handler.forget(request) }
        endStep()
        stopWatching()
        let onEnd = onEnd
        self.onEnd = nil
        onEnd?(.abandoned)
    }
}

/// Waits for a reply that nobody wants, so that its address is valid.
private final class RecipeRemains: EdgeWaiter {
    private let edge: HTTPEdge

    init(edge: HTTPEdge) { self.edge = edge }

    func address(_ timeoutMilliseconds: UInt64) -> ReplyAddress {
        ReplyAddress(
            edge: edge, token: edge.register(self, timeoutMilliseconds: timeoutMilliseconds))
    }

    func receive(_ reply: Reply, token: UInt64) { edge.cancel(token) }
    func timedOut(token: UInt64) {}
}
