//  The hub over a real store: what history tells later is what watchers were told at once.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

@Suite("Watch: over the store")
struct WatchStoreTests {
    /// A store with a hub that hears of every write.
    private final class Watched {
        let fixture: StoreFixture
        let hub: WatchHub
        private var outboxes: [UInt64: WatchOutbox] = [:]

        init() throws {
            fixture = try StoreFixture()
            hub = WatchHub(
                history: fixture.reader, settings: WatchHub.Settings(),
                random: RandomSource(seed: 1))
        }

        func publish() {
            let events = fixture.store.takeEvents()
            if !events.isEmpty {
                hub.notify(revision: fixture.reader.currentRevision, events)
            }
        }

        func watch(_ stream: UInt64, _ request: WatchCreateRequest) {
            let outbox = WatchOutbox(streamID: stream)
            outboxes[stream] = outbox
            hub.open(outbox)
            hub.create(stream, request, now: at(0))
        }

        /// Everything that the stream gets until nothing is left to do.
        func take(_ stream: UInt64) -> [WatchDelivery] {
            var taken: [WatchDelivery] = []
            repeat {
                hub.run(now: at(0))
                taken += outboxes[stream]!.take(max: .max)
                if outboxes[stream]!.takeWantsDrainNotice() { hub.drained(stream) }
            } while hub.wakeAt != nil
            return taken
        }
    }

    private static func write(_ fixture: StoreFixture, _ random: inout RandomSource) throws {
        func key() -> String { "k\(random.below(6))" }
        switch random.below(6) {
        case 0: try fixture.delete(key())
        case 1: try fixture.delete("k1", "k4")
        case 2:
            let keys = Set((0..<1 + random.below(4)).map { _ in key() }).sorted()
            _ = try fixture.txn(
                TxnRequest(success: keys.map { .put($0, "t\(random.below(100))") }))
        default: try fixture.put(key(), "p\(random.below(100))")
        }
    }

    @Test("from now on and from the past, the events are the same", arguments: 1...12)
    func agreement(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let watched = try Watched()
        watched.watch(1, .init("k", to: "l", prevKV: true))
        var live: [Event] = []
        for _ in 0..<200 {
            try Self.write(watched.fixture, &random)
            watched.publish()
            if random.oneIn(10) { try watched.fixture.backend.commit() }
            if random.oneIn(3) { live += watched.take(1).flatMap(\.decodedEvents) }
        }
        live += watched.take(1).flatMap(\.decodedEvents)
        #expect(live.count > 150)
        watched.watch(2, .init("k", to: "l", from: 2, prevKV: true))
        #expect(watched.take(2).flatMap(\.decodedEvents) == live)
        try watched.fixture.reopen()
        let reopened = WatchHub(
            history: watched.fixture.reader, settings: WatchHub.Settings(),
            random: RandomSource(seed: 2))
        let outbox = WatchOutbox(streamID: 1)
        reopened.open(outbox)
        reopened.create(1, .init("k", to: "l", from: 2), now: at(0))
        reopened.run(now: at(0))
        #expect(outbox.take(max: .max).flatMap(\.decodedEvents).map(\.kv) == live.map(\.kv))
    }

    @Test("what a compaction leaves is told from its revision on", arguments: 1...12)
    func compacted(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let watched = try Watched()
        watched.watch(1, .init("k", to: "l", prevKV: true))
        for _ in 0..<100 {
            try Self.write(watched.fixture, &random)
            watched.publish()
        }
        let live = watched.take(1).flatMap(\.decodedEvents)
        let last = watched.fixture.reader.currentRevision
        let compact = last - Int64(random.below(40))
        try watched.fixture.compact(compact)
        watched.watch(2, .init("k", to: "l", from: compact + 1, prevKV: true))
        let told = watched.take(2).flatMap(\.decodedEvents)
        // The values at the compacted revision are still there, so that even the first event
        // behind it has its past.
        #expect(told == live.filter { $0.kv!.modRevision > compact })
        watched.watch(3, .init("k", to: "l", from: compact - 1))
        #expect(
            watched.take(3).map(\.text)
                == ["created 0 @\(last)", "cancelled 0 @0 compacted=\(compact)"])
    }
}
