//  Calls that wait for the replica: what registers them, what answers them, and what makes the
//  replica forget them.

import EtcdEdge
import EtcdProto
package import EtcdServer
import NIOCore

extension V3Call {
    /// Hands a request to the replica and passes its reply to `body`. Failures are answered here,
    /// the replica's time limit too; a client that goes away is forgotten.
    ///
    /// - Parameters:
    ///   - start: gets the address for the reply; returns the request's id or why there is none.
    ///   - body: answers the call. Gets `.v3(.success)` and everything else that is no failure.
    ///   - isBoundUntilApplied: whether the time limit ends when the request is applied, although
    ///     its reply may come later.
    package func wait(
        on handler: RequestHandler, isBoundUntilApplied: Bool = false,
        _ start: (ReplyAddress) -> Result<RequestID, ServerError>,
        then body: @escaping (Reply) -> Void
    ) {
        let wait = ReplyWait(call: self, handler: handler, body: body)
        let address =
            isBoundUntilApplied ? wait.register(timeoutMilliseconds: nil) : wait.register()
        switch start(address) {
        case .success(let id):
            wait.id = id
            if isBoundUntilApplied { wait.endUnlessApplied() }
        case .failure(let error):
            wait.end()
            fail(error)
        }
    }

    /// For requests whose reply carries the response.
    package func waitForResult(
        on handler: RequestHandler, isBoundUntilApplied: Bool = false,
        _ start: (ReplyAddress) -> Result<RequestID, ServerError>,
        response: @escaping (V3Result) -> Response?
    ) {
        wait(on: handler, isBoundUntilApplied: isBoundUntilApplied, start) { reply in
            if case .v3(.success(let result)) = reply, let response = response(result) {
                self.respond(response)
            } else {
                self.fail(.unknownMethod)
            }
        }
    }

    /// For requests that the replica does not number: `start` returns why it cannot serve them, or
    /// `nil`. A reply that comes too late reaches nobody.
    ///
    /// - Parameter timeoutMilliseconds: `nil` for a wait without end.
    package func waitUnnumbered(
        on handler: RequestHandler, timeoutMilliseconds: UInt64?,
        _ start: (ReplyAddress) -> ServerError?,
        then body: @escaping (Reply) -> Void
    ) {
        let wait = ReplyWait(call: self, handler: handler, body: body)
        if let error = start(wait.register(timeoutMilliseconds: timeoutMilliseconds)) {
            wait.end()
            fail(error)
        }
    }

    /// For reads: `read` is called as soon as it may be, which is often at once. Failures are
    /// answered here.
    package func waitToRead(
        on handler: RequestHandler, _ start: Result<ReadStart, ServerError>,
        read: @escaping () -> Void
    ) {
        switch start {
        case .success(.now): read()
        case .success(.afterBarrier): BarrierWait(call: self, read: read).begin(handler)
        case .failure(let error): fail(error)
        }
    }
}

/// One read among those that wait for a barrier. Confined to the call's event loop.
private final class BarrierWait<Response: ProtobufMessage>: BarrierWaiter {
    /// `nil` once nothing is to be read any more.
    private var call: V3Call<Response>?
    private var read: (() -> Void)?
    private var barrier: SharedBarrier?

    init(call: V3Call<Response>, read: @escaping () -> Void) {
        self.call = call
        self.read = read
    }

    func begin(_ handler: RequestHandler) {
        call?.onClose = {
            self.barrier?.leave()
            self.end()
        }
        barrier = call?.edge.awaitBarrier(self, of: handler)
    }

    func barrierEnded(_ failure: ServerError?) {
        guard let call, let read else { return }
        call.onClose = nil
        end()
        if let failure { call.fail(failure) } else { read() }
    }

    private func end() {
        call = nil
        read = nil
        barrier = nil
    }
}

/// One call on the edge's list of those who wait. Confined to the call's event loop.
final class ReplyWait<Response: ProtobufMessage>: EdgeWaiter {
    private let call: V3Call<Response>
    private let handler: RequestHandler
    private let body: (Reply) -> Void
    private var token: UInt64?
    /// Known once the request has been handed in.
    var id: RequestID?

    init(call: V3Call<Response>, handler: RequestHandler, body: @escaping (Reply) -> Void) {
        self.call = call
        self.handler = handler
        self.body = body
    }

    /// - Parameter timeoutMilliseconds: the replica's own limit if it is not given.
    func register() -> ReplyAddress {
        register(timeoutMilliseconds: handler.requestTimeoutMilliseconds)
    }

    func register(timeoutMilliseconds: UInt64?) -> ReplyAddress {
        let token = call.edge.register(self, timeoutMilliseconds: timeoutMilliseconds)
        self.token = token
        call.onClose = { self.forget() }
        return ReplyAddress(edge: call.edge, token: token)
    }

    /// Fails the call after the replica's time limit, unless the request has taken effect by then.
    func endUnlessApplied() {
        let limit = TimeAmount.milliseconds(Int64(handler.requestTimeoutMilliseconds))
        call.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            guard self.token != nil, let id = self.id, self.handler.forget(id) else { return }
            self.end()
            self.call.fail(self.handler.errorAfterFullTimeout())
        }
    }

    /// The call waits no more.
    func end() {
        if let token { call.edge.cancel(token) }
        token = nil
        call.onClose = nil
    }

    private func forget() {
        end()
        if let id { _ = handler.forget(id) }
    }

    func receive(_ reply: Reply, token: UInt64) {
        end()
        switch reply {
        case .failed(let error), .v3(.failure(let error)): call.fail(error)
        default: body(reply)
        }
    }

    func timedOut(token: UInt64) {
        self.token = nil
        forget()
        call.fail(handler.errorAfterFullTimeout())
    }
}
