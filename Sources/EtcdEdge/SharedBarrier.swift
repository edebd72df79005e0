//  Reads that began in one pass of an event loop and wait for the same point in time.

package import EtcdServer

/// Somebody who waits for a barrier. Called on the event loop.
package protocol BarrierWaiter: AnyObject {
    /// Local reads are as good as linearizable ones now; or why they will not be.
    func barrierEnded(_ failure: ServerError?)
}

/// One barrier for any number of waiters: the replica is asked once, after the last of them has
/// begun. Confined to its event loop.
package final class SharedBarrier: EdgeWaiter {
    private let edge: HTTPEdge
    private let handler: RequestHandler
    private var waiters: [any BarrierWaiter] = []
    /// Waiters that want no answer any more.
    private var gone = 0
    private var token: UInt64?
    private var request: RequestID?

    init(edge: HTTPEdge, handler: RequestHandler) {
        self.edge = edge
        self.handler = handler
    }

    func join(_ waiter: any BarrierWaiter) { waiters.append(waiter) }

    /// One of the waiters wants no answer any more. When the last one goes, the replica forgets the
    /// barrier; until then all of them may still be called.
    package func leave() {
        gone += 1
        guard gone == waiters.count, let token else { return }
        edge.cancel(token)
        self.token = nil
        if let request { handler.forget(request) }
        waiters = []
    }

    /// The reply is `.barrier`. The replica's own time limit holds for all.
    func ask() {
        guard gone < waiters.count else { return }
        let token = edge.register(
            self, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        self.token = token
        switch handler.linearizableBarrier(address: ReplyAddress(edge: edge, token: token)) {
        case .success(let id): request = id
        case .failure(let error): end(error)
        }
    }

    package func receive(_ reply: Reply, token: UInt64) {
        if case .failed(let error) = reply { end(error) } else { end(nil) }
    }

    package func timedOut(token: UInt64) {
        self.token = nil
        if let request { handler.forget(request) }
        end(handler.errorAfterFullTimeout())
    }

    private func end(_ failure: ServerError?) {
        if let token { edge.cancel(token) }
        token = nil
        let all = waiters
        waiters = []
        for waiter in all { waiter.barrierEnded(failure) }
    }
}
