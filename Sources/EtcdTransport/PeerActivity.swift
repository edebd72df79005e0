//  Whether a peer can be reached, and since when.

import Logging
import Raft
import RuntimeCore
import Synchronization

/// A peer counts as active while a stream from it is being read, or its last post succeeded.
/// Callable from any thread.
final class PeerActivity: Sendable {
    fileprivate struct State {
        var since: Instant?
        var streams = 0
        /// The last failure that was logged: the same one every 100 ms would bury the log.
        var failure = ""
    }

    private let peer: MemberID
    private let counters: PeerCounters
    private let logger: Logger
    private let state = Mutex(State())
    /// When the peer last passed a proposal on, in nanoseconds of the monotonic clock.
    private let forwardedAt = Atomic<UInt64>(0)

    /// For so long a peer that has passed a proposal on counts as one with clients that write.
    private static let forwardingNanoseconds: UInt64 = 100_000_000

    init(peer: MemberID, counters: PeerCounters, logger: Logger) {
        self.peer = peer
        self.counters = counters
        self.logger = logger
    }

    /// `nil` while the peer cannot be reached.
    var since: Instant? { state.withLock { $0.since } }

    /// The peer has passed a proposal on.
    func forwarded(at now: Instant) {
        forwardedAt.store(now.nanoseconds, ordering: .relaxed)
    }

    /// Whether clients of the peer are likely to wait for what is committed.
    func hasForwarded(by now: Instant) -> Bool {
        let last = forwardedAt.load(ordering: .relaxed)
        return last != 0 && now.nanoseconds < last + Self.forwardingNanoseconds
    }

    func streamStarted(at now: Instant) {
        activated(
            state.withLock { state in
                state.streams += 1
                return state.activate(at: now)
            })
    }

    /// A stream that had started ended; `nil` when we ended it, which is no news.
    func streamEnded(_ reason: String?) {
        let isNews = state.withLock { state in
            state.streams -= 1
            return state.deactivate()
        }
        if let reason { deactivated(isNews, reason) }
    }

    func postSucceeded(at now: Instant) {
        activated(state.withLock { $0.activate(at: now) })
    }

    /// A dial or a post failed.
    func failed(_ reason: String) {
        let isNews = state.withLock { state in
            defer { state.failure = reason }
            return state.failure != reason
        }
        deactivated(state.withLock { $0.deactivate() }, reason)
        if isNews {
            logger.debug(
                "failed to reach remote peer",
                metadata: ["remote-peer-id": "\(peer)", "error": "\(reason)"])
        }
    }

    private func activated(_ isNews: Bool) {
        if isNews {
            logger.info("peer became active", metadata: ["peer-id": "\(peer)"])
        }
    }

    private func deactivated(_ isNews: Bool, _ reason: String) {
        if isNews {
            counters.disconnected()
            logger.warning(
                "peer became inactive (message send to peer failed)",
                metadata: ["peer-id": "\(peer)", "error": "\(reason)"])
        }
    }
}

extension PeerActivity.State {
    /// True when the peer was inactive.
    mutating func activate(at now: Instant) -> Bool {
        failure = ""
        defer { since = since ?? now }
        return since == nil
    }

    /// True when the peer was active.
    mutating func deactivate() -> Bool {
        if streams > 0 { return false }
        defer { since = nil }
        return since != nil
    }
}
