//  Questions about leases that only the leader can answer: asked here if this member leads, else
//  of the leader over the peers' HTTP, again and again until there is one that answers.

import EtcdEdge
package import EtcdProto
import EtcdServer
package import NIOCore
import RuntimeCore

/// The way to the leader's `/leases` (spec peer-and-disk). The daemon implements it with the client
/// for peers.
///
/// `leader` are the leader's peer URLs, to be tried in order. Futures fail with
/// `ServerError.leaseNotFound` when the leader knows no such lease, and with anything else when it
/// could not be asked.
package protocol LeaderRelay: Sendable {
    /// Renews a lease; the TTL that it got.
    func keepAlive(_ id: Int64, leader: [String], on eventLoop: any EventLoop)
        -> EventLoopFuture<Int64>
    /// What is left of a lease. The header need not be filled.
    func timeToLive(
        _ request: LeaseTimeToLiveRequest, leader: [String], on eventLoop: any EventLoop
    ) -> EventLoopFuture<LeaseTimeToLiveResponse>
}

/// One question. Confined to its event loop.
final class LeaseQuestion<Answer: Sendable>: EdgeWaiter {
    /// Pause between attempts (etcd's value).
    static var retryMilliseconds: Int64 { 50 }

    private let handler: RequestHandler
    private let edge: HTTPEdge
    private let here: (_ isConfirmed: Bool, () -> ReplyAddress) -> LeaseAnswer<Answer>
    private let elsewhere: ([String]) -> EventLoopFuture<Answer>
    private var done: ((Result<Answer, ServerError>) -> Void)?
    private var token: UInt64?
    /// An answer that holds once the log has taken note.
    private var pending: (request: RequestID, answer: Answer)?
    /// What confirms that this member leads and knows everything.
    private var barrier: RequestID?

    init(
        handler: RequestHandler, edge: HTTPEdge,
        here: @escaping (_ isConfirmed: Bool, () -> ReplyAddress) -> LeaseAnswer<Answer>,
        elsewhere: @escaping ([String]) -> EventLoopFuture<Answer>
    ) {
        self.handler = handler
        self.edge = edge
        self.here = here
        self.elsewhere = elsewhere
    }

    /// Calls `done` once: at once if this member leads, unless `cancel` comes first.
    func ask(_ done: @escaping (Result<Answer, ServerError>) -> Void) {
        self.done = done
        attempt()
    }

    func cancel() {
        done = nil
        release()
    }

    private func attempt(isConfirmed: Bool = false) {
        guard done != nil else { return }
        switch here(isConfirmed, { self.address() }) {
        case .here(let answer): finish(.success(answer))
        case .afterCheckpoint(let request, let answer): pending = (request, answer)
        case .afterBarrier(let request): barrier = request
        case .forward(let leader):
            startClock()
            elsewhere(leader).hop(to: edge.eventLoop).assumeIsolated().whenComplete { outcome in
                switch outcome {
                case .success(let answer): self.finish(.success(answer))
                case .failure(ServerError.leaseNotFound): self.finish(.failure(.leaseNotFound))
                case .failure: self.attemptLater()
                }
            }
        case .failed(.noLeader), .failed(.notPrimaryLessor):
            startClock()
            attemptLater()
        case .failed(let error): finish(.failure(error))
        }
    }

    private func attemptLater() {
        guard done != nil else { return }
        edge.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Self.retryMilliseconds)) {
            self.attempt()
        }
    }

    private func startClock() {
        guard token == nil else { return }
        token = edge.register(self, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
    }

    private func address() -> ReplyAddress {
        startClock()
        return ReplyAddress(edge: edge, token: token ?? 0)
    }

    func receive(_ reply: Reply, token: UInt64) {
        if barrier != nil {
            barrier = nil
            if case .barrier = reply { attempt(isConfirmed: true) } else { attemptLater() }
            return
        }
        guard let pending else { return }
        switch reply {
        case .v3(.success): finish(.success(pending.answer))
        case .failed(.notLeader):
            // Deposed before the log took note.
            self.pending = nil
            attemptLater()
        case .v3(.failure(let error)), .failed(let error): finish(.failure(error))
        default: finish(.failure(.unknownMethod))
        }
    }

    func timedOut(token: UInt64) {
        self.token = nil
        finish(.failure(handler.knowsLeader ? .timeout : .noLeader))
    }

    private func finish(_ outcome: Result<Answer, ServerError>) {
        let callback = done
        done = nil
        release()
        callback?(outcome)
    }

    private func release() {
        if let token { edge.cancel(token) }
        token = nil
        if let barrier { handler.forget(barrier) }
        barrier = nil
        if let pending { handler.forget(pending.request) }
        pending = nil
    }
}
