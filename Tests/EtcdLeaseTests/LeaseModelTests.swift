//  Random lives of leases against a table written for simplicity, and against threads.

import EtcdLease
import EtcdProto
import RuntimeCore
import Synchronization
import Testing

@Suite("Leases: against a naive model")
struct LeaseModelTests {
    @Test("answers, ends and rows agree", arguments: 1...60)
    func agreement(seed: UInt64) throws {
        var run = try ModelRun(seed: seed)
        for _ in 0..<600 { try run.step() }
        try run.finish()
    }
}

/// What must be true of one lease, in nanoseconds.
private struct ModelLease {
    var ttl: Int64
    var remaining: Int64 = 0
    var keys: Set<Bytes> = []
    var deadline: UInt64 = .max
    var offered: UInt64?
    /// What a client was told, on whichever primary.
    var promised: UInt64 = 0
    var hasProposal = false
}

private struct ModelRun {
    var random: RandomSource
    let fixture: LeaseFixture
    var model: [Int64: ModelLease] = [:]
    var isPrimary = false
    var now: UInt64 = 1_000_000_000_000
    let second: UInt64 = 1_000_000_000

    init(seed: UInt64) throws {
        random = RandomSource(seed: seed)
        fixture = try LeaseFixture(minimum: 2, checkpoints: seed % 2 == 0)
    }

    var instant: Instant { Instant(nanoseconds: now) }

    mutating func step() throws {
        now += UInt64(random.below(4_000)) * 1_000_000
        let id = Int64(random.below(12)) + 1
        switch random.below(14) {
        case 0...2: grant(id)
        case 3: remove(id)
        case 4...6: renew(id)
        case 7: attach(id)
        case 8: promote()
        case 9: demote()
        case 10: checkpoint(id)
        case 11: proposeCheckpoints()
        case 12: if random.oneIn(6) { try restart() }
        default: now += UInt64(random.below(600)) * second
        }
        takeExpired()
        compare(id)
    }

    mutating func grant(_ id: Int64) {
        let ttl = Int64(random.below(random.oneIn(3) ? 2_000 : 20))
        let effective = max(2, ttl)
        let outcome = Result { () throws(LeaseError) in
            try fixture.grant(id, ttl, at: instant)
        }
        #expect(outcome == (model[id] == nil ? .success(effective) : .failure(.exists)))
        guard model[id] == nil else { return }
        model[id] = ModelLease(ttl: effective)
        if isPrimary {
            model[id]!.deadline = now + UInt64(effective) * second
            model[id]!.promised = model[id]!.deadline
        }
    }

    mutating func remove(_ id: Int64) {
        fixture.remove(id)
        model[id] = nil
    }

    mutating func renew(_ id: Int64) {
        let outcome = fixture.lessor.renew(id, now: instant)
        guard isPrimary else { return #expect(outcome == .notPrimary) }
        guard let lease = model[id], lease.offered == nil, lease.deadline > now else {
            return #expect(outcome == .notFound)
        }
        let deadline = now + UInt64(lease.ttl) * second
        model[id]!.deadline = max(lease.deadline, deadline)
        model[id]!.promised = max(lease.promised, deadline)
        guard lease.remaining > 0 || lease.hasProposal else {
            return #expect(outcome == .renewed(ttl: lease.ttl))
        }
        let back = LeaseCheckpoint(id: id, remainingTTL: 0)
        #expect(outcome == .renewedOnceApplied(ttl: lease.ttl, back))
        apply(back)
    }

    private mutating func apply(_ checkpoint: LeaseCheckpoint) {
        fixture.checkpoint(checkpoint.id, checkpoint.remainingTTL)
        model[checkpoint.id]?.remaining = checkpoint.remainingTTL
        model[checkpoint.id]?.hasProposal = false
    }

    mutating func attach(_ id: Int64) {
        let key = Bytes("key\(random.below(5))")
        if random.oneIn(3) {
            fixture.lessor.detach(key, from: id)
            model[id]?.keys.remove(key)
        } else {
            fixture.lessor.attach(key, to: id)
            model[id]?.keys.insert(key)
        }
    }

    mutating func promote() {
        let extended = now + 1_500_000_000
        fixture.lessor.promote(extendMilliseconds: 1_500, now: instant)
        isPrimary = true
        for (id, lease) in model {
            let starting = lease.remaining > 0 ? lease.remaining : lease.ttl
            model[id]!.deadline = extended + UInt64(starting) * second
            model[id]!.offered = nil
            model[id]!.hasProposal = false
        }
    }

    mutating func demote() {
        fixture.lessor.demote()
        isPrimary = false
        for id in model.keys {
            model[id]!.deadline = .max
            model[id]!.offered = nil
            model[id]!.hasProposal = false
        }
    }

    mutating func checkpoint(_ id: Int64) {
        guard let lease = model[id], !isPrimary else { return }
        // As a leader elsewhere would have measured it: never less than what was promised.
        let left = lease.promised > now ? Int64((lease.promised - now) / second) + 1 : 1
        apply(LeaseCheckpoint(id: id, remainingTTL: min(left, lease.ttl)))
    }

    mutating func proposeCheckpoints() {
        for each in fixture.lessor.takeCheckpoints(now: instant, max: 5) {
            #expect(isPrimary)
            guard let lease = model[each.id] else {
                Issue.record("a checkpoint of a lease that is gone")
                continue
            }
            // Never less than what is left, never a second more.
            #expect(now + UInt64(each.remainingTTL) * second >= lease.deadline)
            #expect(now + UInt64(each.remainingTTL - 1) * second < lease.deadline)
            model[each.id]!.hasProposal = true
            if random.oneIn(2) { apply(each) }
        }
    }

    mutating func restart() throws {
        try fixture.restart()
        isPrimary = false
        for id in model.keys {
            model[id]!.deadline = .max
            model[id]!.offered = nil
            model[id]!.hasProposal = false
            for key in model[id]!.keys { fixture.lessor.attach(key, to: id) }
        }
    }

    /// Whoever is due, and nobody else; some are revoked, some stay to be offered again.
    mutating func takeExpired() {
        let max = 1 + random.below(6)
        let due = model.filter { ($0.value.offered ?? $0.value.deadline) <= now }
            .map { ($0.value.offered ?? $0.value.deadline, $0.key) }.sorted { $0 < $1 }
        let taken = fixture.lessor.takeExpired(now: instant, max: max)
        #expect(taken == due.prefix(max).map(\.1))
        for id in taken {
            #expect(model[id]!.promised <= now, "early")
            model[id]!.offered = now + 3 * second
            if random.oneIn(2) { remove(id) }
        }
    }

    func compare(_ id: Int64) {
        let view = fixture.lessor.timeToLive(id, withKeys: true, now: instant)
        #expect((view == nil) == (model[id] == nil))
        #expect(fixture.lessor.count == model.count)
        guard let view, let lease = model[id] else { return }
        #expect(view.grantedTTL == lease.ttl)
        #expect(view.keys == lease.keys.sorted())
        let left = lease.deadline > now ? Int64((lease.deadline - now) / second) : 0
        #expect(view.ttl == (isPrimary ? left : lease.ttl))
    }

    /// Nothing is lost: with time, everything ends.
    mutating func finish() throws {
        #expect(
            fixture.rows.sorted()
                == model.map { "\($0.key): \($0.key) \($0.value.ttl) \($0.value.remaining)" }
                .sorted())
        promote()
        now += 3_000 * second
        var ended: Set<Int64> = []
        while true {
            let expired = fixture.lessor.takeExpired(now: instant, max: 3)
            if expired.isEmpty { break }
            for id in expired {
                ended.insert(id)
                fixture.remove(id)
            }
        }
        #expect(ended == Set(model.keys))
        #expect(fixture.rows == [])
    }
}

@Suite("Leases: renewals from other threads")
struct LeaseConcurrencyTests {
    /// What renewals have promised, and a clock that only goes forward.
    private final class Shared: Sendable {
        let clock = Atomic<UInt64>(1_000_000_000)
        let isDone = Atomic<Bool>(false)
        let promises = Mutex<[Int64: UInt64]>([:])
        let attempts = Atomic<Int>(0)

        var now: Instant { Instant(nanoseconds: clock.load(ordering: .sequentiallyConsistent)) }

        func promise(_ id: Int64, until deadline: UInt64) {
            promises.withLock { $0[id] = max($0[id] ?? 0, deadline) }
        }
    }

    @Test("no lease ends before what any renewal has promised, while others come and go")
    func race() async throws {
        let fixture = try LeaseFixture()
        let lessor = fixture.lessor
        let shared = Shared()
        lessor.promote(extendMilliseconds: 0, now: shared.now)
        var ends: [Int64: UInt64] = [:]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<3 as Range<UInt64> {
                group.addTask {
                    var random = RandomSource(seed: worker)
                    while !shared.isDone.load(ordering: .sequentiallyConsistent) {
                        let id = Int64(random.below(400)) + 1
                        let now = shared.now
                        if case .renewed(let ttl) = lessor.renew(id, now: now) {
                            shared.promise(
                                id, until: now.nanoseconds + UInt64(ttl) * 1_000_000_000)
                        }
                        _ = lessor.timeToLive(id, withKeys: true, now: now)
                        let attempts = shared.attempts.add(1, ordering: .relaxed).newValue
                        // The machine may have fewer threads than there are tasks here.
                        if attempts % 16 == 0 { await Task.yield() }
                    }
                }
            }
            // Every id is granted once, so that a promise belongs to one life.
            var next: Int64 = 1
            var steps = 0
            while ends.count < 400 {
                if next <= 400 {
                    try fixture.grant(next, Int64(2 + next % 5), at: shared.now)
                    lessor.attach(Bytes("k"), to: next)
                    next += 1
                }
                // Few renewals to a step, so that some leases are missed and end.
                steps += 1
                while shared.attempts.load(ordering: .relaxed) < steps * 40 { await Task.yield() }
                shared.clock.add(200_000_000, ordering: .sequentiallyConsistent)
                let now = shared.now
                for id in lessor.takeExpired(now: now, max: 500) {
                    ends[id] = now.nanoseconds
                    fixture.remove(id)
                }
            }
            shared.isDone.store(true, ordering: .sequentiallyConsistent)
            try await group.waitForAll()
        }
        let promises = shared.promises.withLock { $0 }
        #expect(!promises.isEmpty)
        for (id, promised) in promises {
            #expect(promised <= ends[id]!, "lease \(id) ended early")
        }
        #expect(lessor.count == 0)
    }
}
