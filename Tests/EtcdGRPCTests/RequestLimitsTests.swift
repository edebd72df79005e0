//  Rate limits: what one second holds, per user and per prefix.

import RuntimeCore
import Testing

@testable import EtcdEdge

@Suite("Request limits")
struct RequestLimitsTests {
    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
    }

    private func named(_ key: String, _ rangeEnd: String = "") -> NamedKeys {
        NamedKeys(Bytes(key), rangeEnd: Bytes(rangeEnd))
    }

    @Test("a user may make a second's worth at once, and gets it back within a second")
    func perUser() {
        let limits = RequestLimits(perUser: 4, prefixes: [], now: at(0))
        func admitted(_ user: String, _ time: UInt64) -> Int {
            (0..<10).count { _ in limits.admits(user: user, keys: [], now: at(time)) }
        }
        #expect(admitted("a", 0) == 4)
        #expect(admitted("b", 0) == 4)
        #expect(admitted("a", 250) == 1)
        #expect(admitted("a", 499) == 0)
        #expect(admitted("a", 500) == 1)
        #expect(admitted("a", 10_000) == 4)
    }

    @Test("a prefix counts whatever touches it, once for each request")
    func perPrefix() {
        let keys: [(NamedKeys, Bool)] = [
            (named("/jobs/1"), true), (named("/jobs/"), true), (named("/jobs"), false),
            (named("/jobt"), false), (named("/", "0"), true),
            (named("\0", "\0"), true), (named("/jobs/5", "\0"), true),
            (named("/a", "/jobs/"), false),
            (named("/a", "/jobs/0"), true),
            (named("/jobs0", "\0"), false),
        ]
        for (key, isTouched) in keys {
            let limits = RequestLimits(
                perUser: 0, prefixes: [.init(prefix: Bytes("/jobs/"), perSecond: 2)], now: at(0))
            let admitted = (0..<5).count { _ in
                limits.admits(user: "", keys: [key, key], now: at(0))
            }
            #expect(admitted == (isTouched ? 2 : 5), "\(key.key.text)..\(key.rangeEnd.text)")
        }
    }

    @Test("a request that one limit refuses takes nothing of the others")
    func together() {
        let limits = RequestLimits(
            perUser: 3, prefixes: [.init(prefix: Bytes("a"), perSecond: 1)], now: at(0))
        #expect(limits.admits(user: "u", keys: [named("a")], now: at(0)))
        for _ in 0..<5 { #expect(!limits.admits(user: "u", keys: [named("a")], now: at(0))) }
        #expect(limits.admits(user: "u", keys: [named("b")], now: at(0)))
        #expect(limits.admits(user: "u", keys: [named("b")], now: at(0)))
        #expect(!limits.admits(user: "u", keys: [named("b")], now: at(0)))
    }

    @Test("any number of users is served from bounded memory, and none of them twice")
    func manyUsers() {
        let limits = RequestLimits(perUser: 1, prefixes: [], now: at(0))
        for user in 0..<10_000 {
            #expect(limits.admits(user: "\(user)", keys: [], now: at(0)))
        }
        // No place is left: they share one.
        #expect(limits.admits(user: "late", keys: [], now: at(0)))
        #expect(!limits.admits(user: "later", keys: [], now: at(0)))
        #expect(!limits.admits(user: "7", keys: [], now: at(999)))
        #expect(limits.admits(user: "later", keys: [], now: at(2_000)))
    }
}
