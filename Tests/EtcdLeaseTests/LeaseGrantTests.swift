//  What the log decides about leases: the same on every member (spec grpc-v3 8).

import EtcdBackend
import EtcdLease
import EtcdProto
import RuntimeCore
import Testing

@Suite("Leases: granted, revoked, kept")
struct LeaseGrantTests {
    @Test(
        "TTLs are raised to the minimum and refused above the maximum",
        arguments: [
            (2, 2), (1, 2), (0, 2), (-5, 2), (Int64.min, 2), (3, 3),
            (9_000_000_000, 9_000_000_000), (9_000_000_001, nil), (Int64.max, nil),
        ] as [(Int64, Int64?)])
    func ttl(asked: Int64, effective: Int64?) throws {
        let fixture = try LeaseFixture()
        guard let effective else {
            #expect(throws: LeaseError.ttlTooLarge) { try fixture.grant(7, asked) }
            #expect(!fixture.lessor.contains(7))
            #expect(fixture.rows == [])
            return
        }
        #expect(try fixture.grant(7, asked) == effective)
        #expect(fixture.lessor.contains(7))
        #expect(fixture.rows == ["7: 7 \(effective) 0"])
    }

    @Test("an id is taken once, and again when it is free")
    func ids() throws {
        let fixture = try LeaseFixture()
        try fixture.grant(7, 10)
        #expect(throws: LeaseError.exists) { try fixture.grant(7, 20) }
        #expect(throws: LeaseError.notFound) { try fixture.grant(0, 20) }
        #expect(fixture.rows == ["7: 7 10 0"])
        fixture.remove(7)
        #expect(fixture.rows == [])
        #expect(!fixture.lessor.contains(7))
        fixture.remove(7)
        try fixture.grant(7, 20)
        try fixture.grant(-1, 20)
        #expect(fixture.lessor.count == 2)
        #expect(Set(fixture.rows) == ["7: 7 20 0", "-1: -1 20 0"])
    }

    @Test("keys hang on a lease until they are detached or it goes")
    func keys() throws {
        let fixture = try LeaseFixture()
        #expect(throws: LeaseError.notFound) { try fixture.lessor.keys(of: 7) }
        fixture.lessor.attach(Bytes("a"), to: 7)
        try fixture.grant(7, 10)
        #expect(try fixture.lessor.keys(of: 7) == [])
        for key in ["c", "a", "b", "a"] { fixture.lessor.attach(Bytes(key), to: 7) }
        fixture.lessor.detach(Bytes("b"), from: 7)
        fixture.lessor.detach(Bytes("b"), from: 8)
        #expect(try fixture.lessor.keys(of: 7) == [Bytes("a"), Bytes("c")])
        let now = at(0)
        let view = try #require(fixture.lessor.timeToLive(7, withKeys: true, now: now))
        #expect(view.keys == [Bytes("a"), Bytes("c")])
        #expect(fixture.lessor.timeToLive(7, withKeys: false, now: now)?.keys == [])
        fixture.remove(7)
        try fixture.grant(7, 10)
        #expect(try fixture.lessor.keys(of: 7) == [])
    }

    @Test("a member that does not lead neither renews nor ends leases")
    func follower() throws {
        let fixture = try LeaseFixture()
        try fixture.grant(7, 10)
        #expect(fixture.lessor.renew(7, now: at(1)) == .notPrimary)
        #expect(fixture.lessor.renew(8, now: at(1)) == .notPrimary)
        #expect(fixture.lessor.expired(at: at(1_000_000)) == [])
        #expect(fixture.lessor.ttl(7, at: at(5)) == 10)
        #expect(fixture.lessor.ttl(8, at: at(5)) == nil)
    }

    @Test("a restart brings back the leases without their keys")
    func restart() throws {
        let fixture = try LeaseFixture()
        for (id, ttl) in [(3, 30), (1, 10), (Int64.max, 20)] as [(Int64, Int64)] {
            try fixture.grant(id, ttl)
        }
        fixture.lessor.attach(Bytes("a"), to: 3)
        fixture.checkpoint(3, 12)
        fixture.checkpoint(1, 4, persists: false)
        fixture.checkpoint(99, 4)
        fixture.remove(.max)
        try fixture.restart()
        #expect(Set(fixture.rows) == ["1: 1 10 0", "3: 3 30 12"])
        #expect(fixture.lessor.leases() == [1, 3])
        #expect(try fixture.lessor.keys(of: 3) == [])
        #expect(!fixture.lessor.isPrimary)
        fixture.lessor.promote(extendMilliseconds: 1_000, now: at(100))
        #expect(fixture.lessor.ttl(1, at: at(100)) == 11)
        #expect(fixture.lessor.ttl(3, at: at(100)) == 13)
    }

    @Test("recovery replaces what was there, and ends leadership")
    func replaced() throws {
        let fixture = try LeaseFixture()
        let other = try LeaseFixture()
        try fixture.grant(1, 10)
        fixture.lessor.promote(extendMilliseconds: 0, now: at(0))
        try other.grant(2, 10)
        try fixture.lessor.recover(from: other.backend)
        #expect(fixture.lessor.leases() == [2])
        #expect(fixture.lessor.renew(2, now: at(1)) == .notPrimary)
        #expect(fixture.lessor.expired(at: at(100)) == [])
    }

    @Test(
        "a row that is no lease is named, not swallowed",
        arguments: [
            (key: [1], value: encoded(LeaseRecord(id: 1, ttl: 5))),
            (key: [0, 0, 0, 0, 0, 0, 0, 1], value: [0xFF]),
            (key: [0, 0, 0, 0, 0, 0, 0, 1], value: encoded(LeaseRecord(id: 2, ttl: 5))),
            (key: [0, 0, 0, 0, 0, 0, 0, 0], value: encoded(LeaseRecord(id: 0, ttl: 5))),
            (key: [0, 0, 0, 0, 0, 0, 0, 1], value: encoded(LeaseRecord(id: 1, ttl: .max))),
        ] as [(key: [UInt8], value: [UInt8])])
    func damage(row: (key: [UInt8], value: [UInt8])) throws {
        let fixture = try LeaseFixture()
        try fixture.grant(9, 10)
        fixture.backend.put(Lessor.bucket, key: Bytes(row.key), value: Bytes(row.value))
        let error = #expect(throws: LeaseError.self) {
            try fixture.lessor.recover(from: fixture.backend)
        }
        guard case .corrupt(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("\(row.key.count)"))
        #expect(fixture.lessor.leases() == [9])
    }

    @Test("rows are etcd's: the id in eight bytes, the message of leasepb")
    func bytes() throws {
        let fixture = try LeaseFixture()
        try fixture.grant(0x0102, 60)
        fixture.checkpoint(0x0102, 5)
        #expect(
            fixture.backend.get(Lessor.bucket, key: [0, 0, 0, 0, 0, 0, 1, 2])
                == [0x08, 0x82, 0x02, 0x10, 60, 0x18, 5])
    }
}

private func encoded(_ message: LeaseRecord) -> [UInt8] {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    return bytes
}
