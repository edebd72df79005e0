//  Deadlines (spec http-v2 2.3).

import EtcdV2Store
import RuntimeCore
import Testing

@Suite("Expiry")
struct ExpiryTests {
    @Test(
        "seconds left are rounded up",
        arguments: [
            (time(10), time(0), Int64(10)), (time(10), time(0, nanoseconds: 1), 10),
            (time(10), time(9, nanoseconds: 999_999_999), Int64(1)), (time(10), time(10), 0),
            (time(10), time(10, nanoseconds: 1), 0), (time(10), time(13), -3),
            (WallTime(unixNanoseconds: .max), WallTime(unixNanoseconds: .min), 9_223_372_036),
        ] as [(WallTime, WallTime, Int64)])
    func rounding(expiration: WallTime, now: WallTime, seconds: Int64) throws {
        let store = V2Store()
        try store.put("/k", "v", expires: expiration)
        let node = try store.read("/k", now: now).node
        #expect(node.ttl == seconds)
        #expect(node.expiration == expiration)
    }

    @Test("answers show the time of the operation")
    func json() throws {
        let store = V2Store()
        let event = try store.put("/k", "v", expires: time(5, nanoseconds: 120_000_000))
        #expect(
            event.json
                == #"{"action":"set","node":{"key":"/k","value":"v","#
                + #""expiration":"2023-11-14T22:13:25.12Z","ttl":6,"#
                + #""modifiedIndex":1,"createdIndex":1}}"#)
        store.deleteExpired(upTo: time(6))
        #expect(throws: V2Error(.keyNotFound, cause: "/1/k", index: 2)) { try store.read("/k") }
    }

    @Test("expired keys stay visible until the clock entry")
    func visible() throws {
        let store = V2Store()
        try store.put("/k", "v", expires: time(1))
        #expect(try store.read("/k", now: time(100)).node.value == Bytes("v"))
        store.deleteExpired(upTo: time(1, nanoseconds: -1))
        #expect(store.currentIndex == 1)
        store.deleteExpired(upTo: time(1))
        #expect(store.currentIndex == 2)
        #expect(store.statistics.expireCount == 1)
    }

    @Test("in order of deadline, then of path; one event each, one for a whole directory")
    func order() throws {
        let store = V2Store()
        try store.put("/c", "1", expires: time(2))
        try store.put("/b", "1", expires: time(2))
        try store.put("/d", dir: true, expires: time(1))
        try store.put("/d/x", "1", expires: time(1))
        try store.put("/d/y", "1")
        try store.put("/late", "1", expires: time(9))
        let watch = try store.wait("/", recursive: true, stream: true)
        #expect(store.nextExpiration == time(1))
        store.deleteExpired(upTo: time(3))
        let deliveries = store.takeDeliveries()
        #expect(deliveries.allSatisfy { $0.watch == watch && !$0.isLast })
        let events = deliveries.compactMap(\.event)
        #expect(events.map(\.node.key.text) == ["/1/d", "/1/b", "/1/c"])
        #expect(events.map(\.node.modifiedIndex) == [7, 8, 9])
        #expect(
            events[0].json
                == #"{"action":"expire","node":{"key":"/d","dir":true,"modifiedIndex":7,"#
                + #""createdIndex":3},"prevNode":{"key":"/d","dir":true,"#
                + #""expiration":"2023-11-14T22:13:21Z","ttl":-2,"#
                + #""modifiedIndex":3,"createdIndex":3}}"#)
        #expect(store.nextExpiration == time(9))
    }

    @Test("a write without deadline makes permanent, one with another deadline moves it")
    func changes() throws {
        let store = V2Store()
        try store.put("/k", "v", expires: time(5))
        try store.put("/k", "v")
        #expect(!store.hasExpiringNodes)
        _ = try store.update(
            Bytes("/1/k"), value: Bytes("w"), expiration: time(7), refresh: false, now: time(0))
        #expect(store.nextExpiration == time(7))
        _ = try store.compareAndSwap(
            Bytes("/1/k"), previousValue: Bytes("w"), previousIndex: 0, value: Bytes("x"),
            expiration: time(3), refresh: false, now: time(0))
        #expect(store.nextExpiration == time(3))
        try store.remove("/k")
        #expect(store.nextExpiration == nil)
    }

    @Test("deadlines before 2000 mean none")
    func ancient() throws {
        let store = V2Store()
        let last = WallTime(unixNanoseconds: 946_684_799_999_999_999)
        #expect(try store.put("/k", "v", expires: last).node.expiration == nil)
        let first = WallTime(unixNanoseconds: 946_684_800_000_000_000)
        #expect(try store.put("/k", "v", expires: first).node.expiration == first)
    }

    @Test("removing a tree forgets the deadlines in it")
    func trees() throws {
        let store = V2Store()
        try store.put("/d/e/f", "1", expires: time(5))
        try store.put("/d/g", "1", expires: time(6))
        try store.put("/other", "1", expires: time(7))
        try store.remove("/d")
        #expect(store.nextExpiration == time(7))
        store.deleteExpired(upTo: time(100))
        #expect(store.currentIndex == 5)
    }

    @Test("a refresh keeps the value, takes an index, wakes nobody and is not found in history")
    func refresh() throws {
        let store = V2Store()
        try store.put("/k", "v", expires: time(5))
        let live = try store.wait("/k", stream: true)
        let event = try store.put("/k", "", expires: time(9), refresh: true)
        #expect(event.isRefresh)
        #expect(!event.json.contains("refresh"))
        #expect(event.node.value == Bytes("v"))
        #expect(event.node.modifiedIndex == 2)
        _ = try store.update(
            Bytes("/1/k"), value: .empty, expiration: time(10), refresh: true, now: time(0))
        _ = try store.compareAndSwap(
            Bytes("/1/k"), previousValue: Bytes("v"), previousIndex: 3, value: .empty,
            expiration: time(11), refresh: true, now: time(0))
        #expect(try store.read("/k").node.value == Bytes("v"))
        #expect(store.takeDeliveries().isEmpty)
        _ = try store.wait("/k", since: 2)
        try store.put("/k", "w")
        #expect(store.takeDeliveries().map(\.event?.node.modifiedIndex) == [5, 5])
        #expect(live.rawValue == 1)
        #expect(throws: V2Error(.keyNotFound, cause: "/1/none", index: 5)) {
            try store.put("/none", expires: time(9), refresh: true)
        }
    }
}
