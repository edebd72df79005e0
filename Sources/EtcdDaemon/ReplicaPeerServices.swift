//  What this member answers to other members besides raft: leases, promotions, hashes.

import EtcdMVCC
import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdTransport
import NIOCore
import Raft
import RuntimeCore
import Synchronization

struct ReplicaPeerServices: PeerServices {
    private static let lookMilliseconds: Int64 = 10
    private static let applyWaitMilliseconds: UInt64 = 1_000
    private static let confirmMilliseconds: Int64 = 1_000

    let handler: RequestHandler
    /// For waiting; any will do.
    let loop: any EventLoop

    func renewLease(_ id: Int64, done: @escaping Done<Int64>) {
        whenApplied { isApplied in
            guard isApplied else { return done(.failure(.notCaughtUp)) }
            renew(id, isConfirmed: false, done)
        }
    }

    private func renew(_ id: Int64, isConfirmed: Bool, _ done: @escaping Done<Int64>) {
        var waiting: OneReply?
        let answer = handler.leaseRenew(id, isConfirmed: isConfirmed) {
            let reply = OneReply(loop, limit: limit)
            waiting = reply
            return reply.address
        }
        switch answer {
        case .here(let response): done(renewal(response))
        case .afterCheckpoint(let request, let response):
            waiting?.whenReplied { reply in
                if reply == nil { handler.forget(request) }
                if case .v3(.success)? = reply {
                    done(renewal(response))
                } else {
                    done(.failure(.timeout))
                }
            }
        case .afterBarrier(let request):
            whenConfirmed(request, waiting) { isConfirmed in
                guard isConfirmed else { return done(.failure(.notPrimary)) }
                renew(id, isConfirmed: true, done)
            }
        case .forward, .failed: done(.failure(.notPrimary))
        }
    }

    /// Waits for a barrier, but not long: a leader that stands still may have been deposed, and
    /// whoever asks can look for the next one meanwhile.
    private func whenConfirmed(
        _ request: RequestID, _ waiting: OneReply?, _ body: @escaping @Sendable (Bool) -> Void
    ) {
        let soon = TimeAmount.milliseconds(ReplicaPeerServices.confirmMilliseconds)
        loop.scheduleTask(in: soon) { [weak waiting] in waiting?.give(nil) }
        waiting?.whenReplied { reply in
            if reply == nil { handler.forget(request) }
            if case .barrier? = reply { body(true) } else { body(false) }
        }
    }

    private func renewal(_ response: LeaseKeepAliveResponse) -> Result<Int64, PeerServiceError> {
        response.ttl > 0 ? .success(response.ttl) : .failure(.leaseNotFound)
    }

    func leaseTimeToLive(
        _ id: Int64, withKeys: Bool, done: @escaping Done<LeaseTimeToLiveResponse>
    ) {
        whenApplied { isApplied in
            guard isApplied else { return done(.failure(.notCaughtUp)) }
            let request = LeaseTimeToLiveRequest(id: id, keys: withKeys)
            var waiting: OneReply?
            // The member that asks has checked what its client may see.
            let answer = handler.leaseTimeToLive(request, context: nil) {
                let reply = OneReply(loop, limit: limit)
                waiting = reply
                return reply.address
            }
            guard case .afterBarrier(let barrier) = answer else {
                return done(remaining(answer))
            }
            whenConfirmed(barrier, waiting) { isConfirmed in
                guard isConfirmed else { return done(.failure(.notPrimary)) }
                done(
                    remaining(
                        handler.leaseTimeToLive(
                            request, context: nil, isConfirmed: true,
                            address: { OneReply(loop, limit: limit).address })))
            }
        }
    }

    private func remaining(_ answer: LeaseAnswer<LeaseTimeToLiveResponse>)
        -> Result<LeaseTimeToLiveResponse, PeerServiceError>
    {
        switch answer {
        case .here(let response) where response.ttl < 0: .failure(.leaseNotFound)
        case .here(let response): .success(response)
        case .afterCheckpoint, .afterBarrier, .forward, .failed: .failure(.notPrimary)
        }
    }

    func promote(_ id: MemberID, token: String?, done: @escaping Done<[Member]>) {
        if let refusal = handler.refusalOfAdministration(CallContext(token: token)) {
            return done(.failure(.failed(refusal.text)))
        }
        let waiting = OneReply(loop, limit: limit)
        switch handler.promoteMember(id, address: waiting.address) {
        case .failure(let error): done(.failure(PeerServiceError(promotion: error)))
        case .success(let request):
            waiting.whenReplied { reply in
                if reply == nil { handler.forget(request) }
                switch reply {
                case .members(let members)?: done(.success(members))
                case .failed(let error)?: done(.failure(PeerServiceError(promotion: error)))
                default: done(.failure(.timeout))
                }
            }
        }
    }

    func hashKV(revision: Int64, done: @escaping Done<HashKVResponse>) {
        let reply = OneReply(loop, limit: nil)
        reply.whenReplied { reply in
            switch reply {
            case .v3(.success(.hashKV(let response)))?: done(.success(response))
            case .v3(.failure(.compacted))?: done(.failure(.revisionCompacted))
            case .v3(.failure(.futureRevision))?: done(.failure(.revisionInFuture))
            case .v3(.failure(let error))?, .failed(let error)?:
                done(.failure(.failed(error.text)))
            default: done(.failure(.timeout))
            }
        }
        let request = HashKVRequest(revision: revision)
        if let error = handler.hashKV(request, address: reply.address) {
            reply.give(.failed(error))
        }
    }

    func downgradeEnabled(done: @escaping Done<Bool>) {
        let waiting = OneReply(loop, limit: limit)
        switch handler.linearizableBarrier(address: waiting.address) {
        case .failure(let error): done(.failure(.failed(error.text)))
        case .success(let request):
            waiting.whenReplied { reply in
                if reply == nil { handler.forget(request) }
                switch reply {
                case .barrier?: done(.success(handler.v3.downgrade.isEnabled))
                case .failed(let error)?: done(.failure(.failed(error.text)))
                default: done(.failure(.timeout))
                }
            }
        }
    }

    private var limit: TimeAmount {
        .milliseconds(Int64(clamping: handler.requestTimeoutMilliseconds))
    }

    /// A leader may know of a committed grant that it has not applied: a lease asked for too early
    /// would seem not to exist.
    private func whenApplied(_ body: @escaping @Sendable (Bool) -> Void) {
        let wanted = handler.status.committed
        let deadline = handler.clock.monotonic().advanced(
            byMilliseconds: ReplicaPeerServices.applyWaitMilliseconds)
        look(wanted, deadline, body)
    }

    private func look(
        _ wanted: LogIndex, _ deadline: Instant, _ body: @escaping @Sendable (Bool) -> Void
    ) {
        if handler.status.applied >= wanted { return body(true) }
        if handler.clock.monotonic() >= deadline { return body(false) }
        loop.scheduleTask(in: .milliseconds(ReplicaPeerServices.lookMilliseconds)) {
            look(wanted, deadline, body)
        }
    }
}

extension PeerServiceError {
    init(promotion error: ServerError) {
        self =
            switch error {
            case .memberNotFound, .memberIDRemoved: .memberNotFound
            case .memberNotLearner: .memberNotLearner
            case .learnerNotReady: .learnerNotReady
            case .timeout: .timeout
            default: .failed(error.text)
            }
    }
}

/// An edge for a single reply, or for the end of waiting for it.
final class OneReply: EdgePort {
    private enum State {
        case waiting
        case wanted(@Sendable (Reply?) -> Void)
        /// Before anybody asked.
        case early(Reply?)
        case done
    }

    let number = -1
    private let state = Mutex(State.waiting)

    /// - Parameter limit: after this there is no reply; `nil` for no limit.
    init(_ loop: any EventLoop, limit: TimeAmount?) {
        guard let limit else { return }
        loop.scheduleTask(in: limit) { [weak self] in self?.give(nil) }
    }

    var address: ReplyAddress { ReplyAddress(edge: self, token: 0) }

    /// Calls `body` once, now or later, on any thread.
    func whenReplied(_ body: @escaping @Sendable (Reply?) -> Void) {
        let early: Reply?? = state.withLock { state in
            switch state {
            case .waiting:
                state = .wanted(body)
                return nil
            case .early(let reply):
                state = .done
                return .some(reply)
            case .wanted, .done: return nil
            }
        }
        if let early { body(early) }
    }

    func deliver(_ replies: [EdgeReply]) { for each in replies { give(each.reply) } }

    func give(_ reply: Reply?) {
        let body: (@Sendable (Reply?) -> Void)? = state.withLock { state in
            switch state {
            case .waiting:
                state = .early(reply)
                return nil
            case .wanted(let body):
                state = .done
                return body
            case .early, .done: return nil
            }
        }
        body?(reply)
    }
}
