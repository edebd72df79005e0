//  Linearizable reads: one round of heartbeats confirms all reads that wait when it starts
//  (thesis 6.4).

import DequeModule
import Raft
import RuntimeCore

/// The queue of reads that wait for a confirmed index.
struct ReadBarriers {
    private struct Waiter {
        let id: UInt64
        let expires: Instant
    }

    private struct Round {
        let context: Bytes
        let waiters: [Waiter]
        var askedAt: Instant
    }

    private let retryMilliseconds: UInt64
    private var waiting: [Waiter] = []
    private var round: Round?
    private var nextContext: UInt64
    private var mustAskAgain = false
    /// The last question was one asked before that nobody has answered in time.
    private(set) var wasLate = false

    /// - Parameter firstContext: must differ between members and between starts of one member,
    ///   because the leader tells rounds apart by their context alone.
    init(retryMilliseconds: UInt64, firstContext: UInt64) {
        self.retryMilliseconds = retryMilliseconds
        nextContext = firstContext
    }

    mutating func wait(id: UInt64, expires: Instant) {
        waiting.append(Waiter(id: id, expires: expires))
    }

    /// The context of a round to ask for now, if one is due. A round that stays unanswered is
    /// asked again: its message may have been lost, or the leader may have changed.
    mutating func contextToAsk(now: Instant, hasLeader: Bool) -> Bytes? {
        guard hasLeader else { return nil }
        if let current = round {
            let isLate =
                now >= current.askedAt.advanced(byMilliseconds: retryMilliseconds)
            guard mustAskAgain || isLate else { return nil }
            mustAskAgain = false
            wasLate = isLate
            round?.askedAt = now
            return current.context
        }
        guard !waiting.isEmpty else { return nil }
        wasLate = false
        nextContext += 1
        let context = withUnsafeBytes(of: nextContext.bigEndian) { Bytes(Array($0)) }
        round = Round(context: context, waiters: waiting, askedAt: now)
        waiting.removeAll(keepingCapacity: true)
        mustAskAgain = false
        return context
    }

    /// The reads that the answer to `context` confirms; `nil` for an answer nobody waits for.
    mutating func confirmed(context: Bytes) -> [UInt64]? {
        guard let current = round, current.context == context else { return nil }
        round = nil
        return current.waiters.map(\.id)
    }

    mutating func leaderChanged() { mustAskAgain = true }

    /// Reads that were given up.
    struct Dropped: Hashable {
        /// A round that was asked for stayed without an answer.
        var unansweredRound = false
        /// Reads for which no round could be asked, because there was no leader.
        var unasked = 0
    }

    /// Their clients have given up; an unanswered round must not pile up waiters for ever.
    mutating func dropExpired(now: Instant) -> Dropped {
        var dropped = Dropped()
        let before = waiting.count
        waiting.removeAll { $0.expires <= now }
        dropped.unasked = before - waiting.count
        if let current = round, current.waiters.allSatisfy({ $0.expires <= now }) {
            round = nil
            dropped.unansweredRound = true
        }
        return dropped
    }
}
