//  The life of leases on the leader: renewed, ended, checkpointed.

package import EtcdProto
package import RuntimeCore
import Synchronization

extension Lessor {
    /// This member leads from now on. Every lease gets its time anew (what was left of it if there
    /// is a checkpoint) and the extension, because nobody could renew it meanwhile; where too many
    /// would end together, some get a little more.
    package func promote(extendMilliseconds: UInt64, now: Instant) {
        state.withLock { state in
            state.isPrimary = true
            var deadlines: [DeadlineQueue.Entry] = []
            for (id, lease) in state.leases {
                let deadline = now.advanced(byMilliseconds: extendMilliseconds)
                    .advanced(bySeconds: lease.startingTTL)
                deadlines.append(DeadlineQueue.Entry(due: deadline, lease: id))
            }
            state.begin(Self.spread(deadlines), now: now, checkpoints: settings.checkpoints)
        }
    }

    /// Somebody else leads: no lease ends here any more.
    package func demote() {
        state.withLock { state in
            state.isPrimary = false
            state.expiries.removeAll()
            state.checkpoints.removeAll()
            for index in state.leases.values.indices {
                state.leases.values[index].forgetTime()
            }
        }
    }

    /// Sorted, and each at least a second behind the one so many places before it.
    private static func spread(_ deadlines: [DeadlineQueue.Entry]) -> [DeadlineQueue.Entry] {
        var spread = deadlines.sorted()
        for index in spread.indices.dropFirst(expiriesPerSecondMax) {
            let earliest = spread[index - expiriesPerSecondMax].due.advanced(bySeconds: 1)
            if spread[index].due < earliest {
                spread[index] = DeadlineQueue.Entry(due: earliest, lease: spread[index].lease)
            }
        }
        return spread
    }

    /// Starts a lease's time anew.
    package func renew(_ id: Int64, now: Instant) -> LeaseRenewal {
        state.withLock { state in
            guard state.isPrimary else { return .notPrimary }
            guard let index = state.leases.index(forKey: id),
                state.leases.values[index].renew(now: now)
            else { return .notFound }
            let lease = state.leases.values[index]
            return lease.isCheckpointed
                ? .renewedOnceApplied(ttl: lease.ttl, LeaseCheckpoint(id: id, remainingTTL: 0))
                : .renewed(ttl: lease.ttl)
        }
    }

    /// Leases whose time is up, at most `max`, those first that ended first; each is offered again
    /// after a while if it is still there. Empty unless primary.
    package func takeExpired(now: Instant, max: Int) -> [Int64] {
        state.withLock { state in
            var expired: [Int64] = []
            var hints = 0
            while expired.count < max, hints < Self.hintsPerCallMax,
                let entry = state.expiries.next, entry.due <= now
            {
                hints += 1
                state.expiries.removeNext()
                guard let lease = state.leases[entry.lease], lease.expiryEntry == entry.due
                else { continue }
                // One that was renewed meanwhile goes to its place first, even if that is past.
                if lease.expiryDue == entry.due {
                    expired.append(entry.lease)
                    state.leases[entry.lease]!.offeredUntil = now.advanced(
                        bySeconds: Self.retrySeconds)
                }
                state.queueExpiry(of: entry.lease)
            }
            return expired
        }
    }

    /// What is left of long leases that nobody has renewed for a while, at most `max` of them, to
    /// be proposed. Empty unless primary and set so.
    package func takeCheckpoints(now: Instant, max: Int) -> [LeaseCheckpoint] {
        state.withLock { state in
            var checkpoints: [LeaseCheckpoint] = []
            var hints = 0
            while checkpoints.count < max, hints < Self.hintsPerCallMax,
                let entry = state.checkpoints.next, entry.due <= now
            {
                hints += 1
                state.checkpoints.removeNext()
                guard let lease = state.leases[entry.lease], lease.checkpointEntry == entry.due
                else { continue }
                let quietUntil = lease.renewedAt.advanced(bySeconds: Self.checkpointSeconds)
                if quietUntil > now {
                    state.queueCheckpoint(of: entry.lease, due: quietUntil)
                    continue
                }
                if let left = lease.secondsLeft(now: now), left < lease.ttl {
                    checkpoints.append(LeaseCheckpoint(id: entry.lease, remainingTTL: left))
                    state.leases[entry.lease]!.hasProposedCheckpoint = true
                }
                state.queueCheckpoint(
                    of: entry.lease, due: now.advanced(bySeconds: Self.checkpointSeconds))
            }
            return checkpoints
        }
    }
}

extension Lease {
    fileprivate mutating func forgetTime() {
        deadline = .never
        renewedAt = .never
        offeredUntil = nil
        hasProposedCheckpoint = false
        expiryEntry = .never
        checkpointEntry = .never
    }

    /// False when its time is up.
    fileprivate mutating func renew(now: Instant) -> Bool {
        // Once its end is under way, there is no way back.
        guard offeredUntil == nil, deadline > now else { return false }
        // Clocks are read before locks are taken: a renewal must not undo a later one.
        deadline = max(deadline, now.advanced(bySeconds: ttl))
        renewedAt = max(renewedAt, now)
        return true
    }

    /// Rounded up, so that no checkpoint shortens a lease; `nil` when its time is up.
    fileprivate func secondsLeft(now: Instant) -> Int64? {
        let left = deadline.nanoseconds(since: now)
        return left == 0 ? nil : Int64((left - 1) / 1_000_000_000) + 1
    }
}

extension Lessor.State {
    /// A granted lease begins to run.
    mutating func start(_ id: Int64, now: Instant, checkpoints: Bool) {
        leases[id]!.deadline = now.advanced(bySeconds: leases[id]!.ttl)
        leases[id]!.renewedAt = now
        queueExpiry(of: id)
        if checkpoints, leases[id]!.ttl > Lessor.checkpointSeconds {
            queueCheckpoint(of: id, due: now.advanced(bySeconds: Lessor.checkpointSeconds))
        }
    }

    /// All leases begin to run, until the given deadlines.
    mutating func begin(
        _ deadlines: [DeadlineQueue.Entry], now: Instant, checkpoints: Bool
    ) {
        let checkpoint = now.advanced(bySeconds: Lessor.checkpointSeconds)
        var checkpointed: [DeadlineQueue.Entry] = []
        for entry in deadlines {
            leases[entry.lease]!.forgetTime()
            leases[entry.lease]!.deadline = entry.due
            leases[entry.lease]!.renewedAt = now
            leases[entry.lease]!.expiryEntry = entry.due
            // Whatever is left of it now: it may be renewed long before the checkpoint is due.
            if checkpoints, leases[entry.lease]!.ttl > Lessor.checkpointSeconds {
                leases[entry.lease]!.checkpointEntry = checkpoint
                checkpointed.append(DeadlineQueue.Entry(due: checkpoint, lease: entry.lease))
            }
        }
        expiries.replaceAll(by: deadlines)
        self.checkpoints.replaceAll(by: checkpointed)
    }

    fileprivate mutating func queueExpiry(of id: Int64) {
        let due = leases[id]!.expiryDue
        leases[id]!.expiryEntry = due
        expiries.insert(id, due: due)
    }

    fileprivate mutating func queueCheckpoint(of id: Int64, due: Instant) {
        leases[id]!.checkpointEntry = due
        checkpoints.insert(id, due: due)
    }

    /// Bounds what the queues remember of leases that are gone.
    mutating func purge() {
        let leases = leases
        expiries.purge(live: leases.count) { leases[$0.lease]?.expiryEntry == $0.due }
        checkpoints.purge(live: leases.count) { leases[$0.lease]?.checkpointEntry == $0.due }
    }
}
