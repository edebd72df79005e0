//  The bounds between the hub and a stream that reads slowly, and the way back.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("Watch: slow streams")
struct WatchOutboxTests {
    /// Two deliveries and one for each watcher, or a few hundred bytes.
    private static func small() -> WatchHub.Settings {
        var settings = WatchHub.Settings()
        settings.outboxDeliveriesMax = 2
        settings.outboxBytesMax = 400
        return settings
    }

    @Test("what does not fit is read from history when the stream has drained")
    func overflow() {
        let fixture = WatchFixture(Self.small())
        fixture.open(1)
        fixture.create(1, .init("a"))
        #expect(fixture.lines(1) == ["created 0 @1"])
        for number in 2...9 { fixture.put("a", "\(number)") }
        fixture.hub.run(now: at(0))
        #expect(fixture.hub.counts.slowWatchers == 1)
        #expect(fixture.hub.wakeAt == nil)
        #expect(
            fixture.lines(1)
                == ["events 0 @2: a=2#2", "events 0 @3: a=3#3", "events 0 @4: a=4#4"])
        #expect(fixture.hub.wakeAt != nil)
        fixture.settle()
        #expect(
            fixture.lines(1) == [
                "events 0 @9: a=5#5, a=6#6, a=7#7, a=8#8, a=9#9"
            ])
        #expect(fixture.hub.counts.slowWatchers == 0)
        fixture.put("a", "10")
        #expect(fixture.lines(1) == ["events 0 @10: a=10#10"])
    }

    @Test("requests that get no answer are bounded as well, and room for them is told of")
    func requests() {
        let fixture = WatchFixture(Self.small())
        let outbox = WatchOutbox(streamID: 7)
        fixture.hub.open(outbox)
        for _ in 1..<Limits.watchRequestsMax { outbox.requestPosted() }
        #expect(!outbox.isOverfull)
        outbox.requestPosted()
        #expect(outbox.isOverfull)
        outbox.awaitRoom()
        let half = Limits.watchRequestsMax / 2
        for _ in 1..<half { fixture.hub.received(from: 7) }
        #expect(!outbox.isOverfull)
        #expect(fixture.hub.takeDirty().isEmpty)
        fixture.hub.received(from: 7)
        #expect(fixture.hub.takeDirty() == [7])
        fixture.hub.received(from: 7)
        #expect(fixture.hub.takeDirty().isEmpty)
    }

    @Test("bytes bound it too, but a single delivery goes through at any size")
    func bytes() {
        let fixture = WatchFixture(Self.small())
        let large = String(repeating: "x", count: 300)
        fixture.open(1)
        fixture.create(1, .init("a"))
        _ = fixture.take(1)
        fixture.put("a", large)
        fixture.put("a", large)
        #expect(fixture.take(1).map(\.eventCount) == [1])
        fixture.put("a", large)
        fixture.settle()
        // Both in one response from history, though together above the bound.
        #expect(fixture.take(1).map(\.eventCount) == [2])
        fixture.put("a", large + large)
        #expect(fixture.take(1).map(\.eventCount) == [1])
    }

    @Test("a delivery above the bound is taken while half of the room is free")
    func oversized() {
        var settings = Self.small()
        settings.outboxDeliveriesMax = 100
        let fixture = WatchFixture(settings)
        let huge = String(repeating: "x", count: 1_000)
        fixture.open(1)
        fixture.create(1, .init("a"))
        fixture.create(1, .init("b"))
        _ = fixture.take(1)
        fixture.put("a")
        fixture.put("b", huge)
        #expect(fixture.take(1).map(\.eventCount) == [1, 1])

        // With less room it waits, and is read once: when the notice has come, though by then
        // others have got something again.
        fixture.put("a", String(repeating: "x", count: 250))
        fixture.put("b", huge)
        #expect(fixture.hub.counts.slowWatchers == 1)
        #expect(fixture.take(1).map(\.eventCount) == [1])
        fixture.put("a")
        fixture.hub.run(now: at(0))
        #expect(fixture.hub.counts.slowWatchers == 0)
        #expect(fixture.history.passes == [5...6])
        #expect(fixture.take(1).map(\.byteCount).map { $0 > 1_000 } == [false, true])
    }

    @Test("the notice comes once, when it is half empty")
    func notice() {
        let fixture = WatchFixture(Self.small())
        let outbox = fixture.open(1)
        fixture.create(1, .init("a"))
        fixture.put("a")
        fixture.put("a")
        #expect(!outbox.takeWantsDrainNotice())
        fixture.put("a")
        #expect(outbox.take(max: 1).count == 1)
        #expect(!outbox.takeWantsDrainNotice())
        #expect(outbox.take(max: 1).count == 1)
        #expect(outbox.takeWantsDrainNotice())
        #expect(!outbox.takeWantsDrainNotice())
        #expect(!outbox.isEmpty)
        #expect(outbox.take(max: 5).count == 1)
        #expect(outbox.isEmpty)
        #expect(outbox.take(max: 5).isEmpty)
    }

    @Test("a stream that does not read delays nobody else")
    func independence() {
        let fixture = WatchFixture(Self.small())
        for stream: UInt64 in 1...3 {
            fixture.open(stream)
            fixture.create(stream, .init("a"))
        }
        _ = fixture.take(2)
        for number in 2...200 {
            fixture.put("a", "\(number)")
            fixture.hub.run(now: at(0))
            #expect(fixture.lines(2) == ["events 0 @\(number): a=\(number)#\(number)"])
        }
        #expect(fixture.history.passes.isEmpty)
        #expect(fixture.hub.counts.pendingEvents <= 6)
        // One of them comes back; the other still does not matter.
        var got = fixture.take(3).flatMap(\.decodedEvents)
        fixture.settle { got += fixture.take(3).flatMap(\.decodedEvents) }
        #expect(got.map(\.kv?.modRevision) == (2...200).map { $0 })
    }

    @Test("answers to requests are always taken, and tell when they pile up")
    func answers() {
        let fixture = WatchFixture(Self.small())
        let outbox = fixture.open(1)
        for _ in 0..<10 {
            fixture.create(1, .init("b", to: "a"))
            fixture.hub.requestProgress(1)
        }
        #expect(outbox.isOverfull)
        #expect(outbox.take(max: .max).count == 20)
        #expect(!outbox.isOverfull)
    }

    @Test("a stalled watcher can be cancelled, and its stream closed")
    func cancelled() {
        let fixture = WatchFixture(Self.small())
        fixture.open(1)
        fixture.create(1, .init("a"))
        for number in 2...9 { fixture.put("a", "\(number)") }
        #expect(fixture.hub.counts.slowWatchers == 1)
        fixture.hub.cancel(1, 0)
        #expect(fixture.hub.counts.slowWatchers == 0)
        #expect(fixture.lines(1).last == "cancelled 0 @9")
        fixture.create(1, .init("a", from: 2))
        fixture.hub.cancel(1, 1)
        fixture.create(1, .init("b", from: 2))
        fixture.settle()
        #expect(
            fixture.lines(1) == ["created 1 @9", "cancelled 1 @9", "created 2 @9"])
        fixture.create(1, .init("a", from: 2))
        fixture.close(1)
        fixture.settle()
        #expect(fixture.hub.counts.slowWatchers == 0)
        #expect(fixture.hub.counts.watchers == 0)
    }

    @Test("compaction overtakes a watcher that waits, and it is told so")
    func compacted() {
        let fixture = WatchFixture(Self.small())
        fixture.open(1)
        fixture.create(1, .init("a"))
        for number in 2...9 { fixture.put("a", "\(number)") }
        fixture.history.compact(at: 6)
        _ = fixture.take(1)
        fixture.settle()
        #expect(fixture.lines(1) == ["cancelled 0 @0 compacted=6"])
        #expect(fixture.hub.counts.watchers == 0)
    }
}
