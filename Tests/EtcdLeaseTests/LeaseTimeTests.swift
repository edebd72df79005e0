//  The life of leases on the primary, with a clock that the tests turn.

import EtcdLease
import EtcdProto
import RuntimeCore
import Testing

@Suite("Leases: time on the primary")
struct LeaseTimeTests {
    private static func primary(checkpoints: Bool = false) throws -> LeaseFixture {
        let fixture = try LeaseFixture(checkpoints: checkpoints)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(0))
        return fixture
    }

    @Test("a lease ends when its TTL has passed, not a nanosecond before")
    func exact() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        let end = at(10)
        let before = Instant(nanoseconds: end.nanoseconds - 1)
        #expect(fixture.lessor.expired(at: before) == [])
        #expect(fixture.lessor.ttl(7, at: at(0.5)) == 9)
        #expect(fixture.lessor.ttl(7, at: before) == 0)
        #expect(fixture.lessor.expired(at: end) == [7])
        #expect(fixture.lessor.ttl(7, at: at(11)) == 0)
    }

    @Test("a renewal gives the whole TTL again")
    func renewal() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        #expect(fixture.lessor.renew(7, now: at(9)) == .renewed(ttl: 10))
        #expect(fixture.lessor.expired(at: at(18.9)) == [])
        #expect(fixture.lessor.renew(7, now: at(18.95)) == .renewed(ttl: 10))
        #expect(fixture.lessor.expired(at: at(28.95)) == [7])
        #expect(fixture.lessor.renew(8, now: at(1)) == .notFound)
    }

    @Test("a renewal that was overtaken by a later one takes nothing back")
    func overtaken() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        #expect(fixture.lessor.renew(7, now: at(5)) == .renewed(ttl: 10))
        #expect(fixture.lessor.renew(7, now: at(4)) == .renewed(ttl: 10))
        #expect(fixture.lessor.expired(at: at(14.9)) == [])
        #expect(fixture.lessor.expired(at: at(15)) == [7])
    }

    @Test("what has ended cannot be renewed, even by a clock read before")
    func late() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        try fixture.grant(8, 10)
        #expect(fixture.lessor.renew(7, now: at(10)) == .notFound)
        #expect(fixture.lessor.expired(at: at(10)) == [7, 8])
        #expect(fixture.lessor.renew(8, now: at(9.9)) == .notFound)
    }

    @Test("a revocation that did not happen is asked for again after three seconds")
    func retry() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        try fixture.grant(8, 11)
        #expect(fixture.lessor.expired(at: at(10)) == [7])
        #expect(fixture.lessor.expired(at: at(12.9)) == [8])
        #expect(fixture.lessor.expired(at: at(13)) == [7])
        fixture.remove(7)
        #expect(fixture.lessor.expired(at: at(20)) == [8])
        fixture.remove(8)
        #expect(fixture.lessor.expired(at: at(30)) == [])
    }

    @Test("at most so many are taken at once, those first that ended first")
    func bounded() throws {
        let fixture = try Self.primary()
        for id: Int64 in 1...1_200 { try fixture.grant(id, 1_202 - id) }
        #expect(fixture.lessor.leases().first == 1_200)
        let rounds = (0..<4).map { _ in fixture.lessor.expired(at: at(5_000)) }
        #expect(rounds.map(\.count) == [500, 500, 200, 0])
        #expect(rounds.flatMap { $0 } == (1...1_200).reversed().map { Int64($0) })
    }

    @Test("a lease with a new life is not ended by the memory of the old one")
    func secondLife() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        fixture.remove(7)
        try fixture.grant(7, 50)
        #expect(fixture.lessor.expired(at: at(49.9)) == [])
        #expect(fixture.lessor.expired(at: at(50)) == [7])
    }

    @Test("a new primary gives every lease its time and an election timeout")
    func promotion() throws {
        let fixture = try LeaseFixture()
        try fixture.grant(1, 10)
        try fixture.grant(2, 20)
        fixture.checkpoint(2, 5)
        fixture.lessor.promote(extendMilliseconds: 1_500, now: at(1_000))
        #expect(fixture.lessor.leases() == [2, 1])
        #expect(fixture.lessor.expired(at: at(1_006.5)) == [2])
        #expect(fixture.lessor.expired(at: at(1_011.4)) == [2])
        #expect(fixture.lessor.expired(at: at(1_011.5)) == [1])
    }

    @Test("who is deposed forgets its clock; a lease in flight starts anew with the next")
    func deposition() throws {
        let fixture = try Self.primary()
        try fixture.grant(7, 10)
        #expect(fixture.lessor.expired(at: at(10)) == [7])
        fixture.lessor.demote()
        #expect(fixture.lessor.expired(at: at(20)) == [])
        #expect(fixture.lessor.renew(7, now: at(20)) == .notPrimary)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(30))
        #expect(fixture.lessor.renew(7, now: at(39)) == .renewed(ttl: 10))
        #expect(fixture.lessor.expired(at: at(48.9)) == [])
        #expect(fixture.lessor.expired(at: at(49)) == [7])
    }

    @Test("after a promotion at most 750 leases end in any second, and none early")
    func spreading() throws {
        let fixture = try LeaseFixture()
        for id: Int64 in 1...4_000 { try fixture.grant(id, id % 10 == 0 ? 11 : 10) }
        fixture.lessor.promote(extendMilliseconds: 1_000, now: at(100))
        #expect(fixture.lessor.expired(at: at(110.999)) == [])
        var ends: [Double] = []
        var tick = 111.0
        while ends.count < 4_000, tick < 130 {
            for id in fixture.lessor.expired(at: at(tick), max: .max) {
                #expect(tick >= (id % 10 == 0 ? 112 : 111))
                ends.append(tick)
                fixture.remove(id)
            }
            tick += 0.25
        }
        #expect(ends.count == 4_000)
        for index in ends.indices.dropFirst(750) {
            #expect(ends[index] - ends[index - 750] >= 1)
        }
        #expect(ends.last! < 117.5)
    }

    @Test("few leases are not spread")
    func noSpreading() throws {
        let fixture = try LeaseFixture()
        for id: Int64 in 1...750 { try fixture.grant(id, 10) }
        fixture.lessor.promote(extendMilliseconds: 0, now: at(0))
        #expect(fixture.lessor.expired(at: at(10), max: .max).count == 750)
    }

    @Test("an absurdly long lease lasts instead of wrapping round")
    func long() throws {
        let fixture = try LeaseFixture()
        try fixture.grant(1, Lessor.ttlSecondsMax)
        let late = Instant(nanoseconds: .max / 2)
        fixture.lessor.promote(extendMilliseconds: 1_000, now: late)
        #expect(fixture.lessor.expired(at: late) == [])
        #expect(fixture.lessor.ttl(1, at: late) == Lessor.ttlSecondsMax + 1)
        #expect(fixture.lessor.renew(1, now: late) == .renewed(ttl: Lessor.ttlSecondsMax))
        #expect(fixture.lessor.expired(at: Instant(nanoseconds: .max - 1)) == [1])
    }

    @Test("granting and revoking for ever does not grow the queue")
    func garbage() throws {
        let fixture = try Self.primary(checkpoints: true)
        for round in 0..<20_000 as Range<Int64> {
            try fixture.grant(round + 1, 1_000)
            #expect(fixture.lessor.queuedEntries < 150)
            if round >= 2 { fixture.remove(round - 1) }
        }
    }

    @Test("renewing for ever adds no entries at all")
    func renewals() throws {
        let fixture = try Self.primary()
        for id: Int64 in 1...100 { try fixture.grant(id, 10) }
        for tenth in 0..<1_000 {
            let now = at(Double(tenth) / 10)
            for id: Int64 in 1...100 {
                #expect(fixture.lessor.renew(id, now: now) == .renewed(ttl: 10))
            }
            #expect(fixture.lessor.expired(at: now) == [])
            #expect(fixture.lessor.queuedEntries == 100)
        }
    }
}

@Suite("Leases: checkpoints")
struct LeaseCheckpointTests {
    private static func primary() throws -> LeaseFixture {
        let fixture = try LeaseFixture(checkpoints: true)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(0))
        return fixture
    }

    private static func text(_ checkpoints: [LeaseCheckpoint]) -> [String] {
        checkpoints.map { "\($0.id): \($0.remainingTTL)" }
    }

    @Test("every five minutes, for leases with more than five minutes left")
    func period() throws {
        let fixture = try Self.primary()
        try fixture.grant(1, 300)
        try fixture.grant(2, 301)
        try fixture.grant(3, 1_000)
        let lessor = fixture.lessor
        func take(_ seconds: Double) -> [String] {
            Self.text(lessor.takeCheckpoints(now: at(seconds), max: 1_000))
        }
        #expect(take(299.9) == [])
        #expect(take(300) == ["2: 1", "3: 700"])
        #expect(take(300) == [])
        #expect(lessor.expired(at: at(301)) == [1, 2])
        fixture.remove(2)
        #expect(take(600) == ["3: 400"])
        #expect(take(900.5) == ["3: 100"])
        #expect(take(5_000) == [])
    }

    @Test("not more than asked for at once")
    func bounded() throws {
        let fixture = try Self.primary()
        for id: Int64 in 1...2_500 { try fixture.grant(id, 1_000) }
        let rounds = (0..<4).map { _ in
            fixture.lessor.takeCheckpoints(now: at(300), max: 1_000).count
        }
        #expect(rounds == [1_000, 1_000, 500, 0])
    }

    @Test("none without the setting, and none from who does not lead")
    func off() throws {
        let without = try LeaseFixture()
        without.lessor.promote(extendMilliseconds: 0, now: at(0))
        try without.grant(1, 1_000)
        #expect(without.lessor.takeCheckpoints(now: at(400), max: 10) == [])
        let follower = try LeaseFixture(checkpoints: true)
        try follower.grant(1, 1_000)
        #expect(follower.lessor.takeCheckpoints(now: at(400), max: 10) == [])
        follower.lessor.promote(extendMilliseconds: 0, now: at(400))
        #expect(Self.text(follower.lessor.takeCheckpoints(now: at(700), max: 10)) == ["1: 700"])
        follower.lessor.demote()
        #expect(follower.lessor.takeCheckpoints(now: at(2_000), max: 10) == [])
    }

    @Test("a lease that is renewed in time needs none")
    func renewed() throws {
        let fixture = try Self.primary()
        try fixture.grant(1, 1_000)
        for minute in 1...20 {
            let now = at(Double(minute) * 60)
            #expect(fixture.lessor.renew(1, now: now) == .renewed(ttl: 1_000))
            #expect(fixture.lessor.takeCheckpoints(now: now, max: 10) == [])
        }
        #expect(
            Self.text(fixture.lessor.takeCheckpoints(now: at(1_500), max: 10)) == ["1: 700"])
    }

    @Test("a renewal takes a checkpoint back before the client hears of it")
    func takenBack() throws {
        let fixture = try Self.primary()
        try fixture.grant(1, 1_000)
        let back = LeaseRenewal.renewedOnceApplied(
            ttl: 1_000, LeaseCheckpoint(id: 1, remainingTTL: 0))
        _ = fixture.lessor.takeCheckpoints(now: at(300), max: 10)
        // Proposed, not applied yet: the taking back comes after it in the log.
        #expect(fixture.lessor.renew(1, now: at(301)) == back)
        fixture.checkpoint(1, 700)
        #expect(fixture.lessor.renew(1, now: at(302)) == back)
        #expect(fixture.rows == ["1: 1 1000 700"])
        fixture.checkpoint(1, 0)
        #expect(fixture.lessor.renew(1, now: at(303)) == .renewed(ttl: 1_000))
        #expect(fixture.rows == ["1: 1 1000 0"])
        fixture.lessor.promote(extendMilliseconds: 0, now: at(304))
        #expect(fixture.lessor.ttl(1, at: at(304)) == 1_000)
    }

    @Test("a lease that was nearly over for a new primary is checkpointed once it is renewed")
    func renewedAfterPromotion() throws {
        let fixture = try LeaseFixture(checkpoints: true)
        let lessor = fixture.lessor
        for id: Int64 in 1...2 {
            try fixture.grant(id, 1_000)
            fixture.checkpoint(id, 100)
        }
        lessor.promote(extendMilliseconds: 0, now: at(0))
        let back = LeaseCheckpoint(id: 1, remainingTTL: 0)
        #expect(lessor.renew(1, now: at(50)) == .renewedOnceApplied(ttl: 1_000, back))
        fixture.checkpoint(1, 0)
        #expect(lessor.expired(at: at(100)) == [2])
        #expect(lessor.takeCheckpoints(now: at(300), max: 10) == [])
        #expect(Self.text(lessor.takeCheckpoints(now: at(350), max: 10)) == ["1: 700"])
    }

    @Test("a checkpoint moves no deadline of the primary, and is never longer than the TTL")
    func harmless() throws {
        let fixture = try Self.primary()
        try fixture.grant(1, 1_000)
        fixture.checkpoint(1, 3)
        #expect(fixture.lessor.ttl(1, at: at(10)) == 990)
        fixture.checkpoint(1, 5_000)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(20))
        #expect(fixture.lessor.ttl(1, at: at(20)) == 1_000)
        fixture.checkpoint(1, -5)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(20))
        #expect(fixture.lessor.ttl(1, at: at(20)) == 1_000)
    }
}
