//  How the past is read: in bounded pieces, together where that helps, with a turn for everybody.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("Watch: catching up")
struct WatchCatchUpTests {
    private static func filled(
        _ revisions: Int64, _ change: (inout WatchHub.Settings) -> Void = { _ in }
    ) -> WatchFixture {
        var settings = WatchHub.Settings()
        change(&settings)
        let fixture = WatchFixture(settings)
        while fixture.history.currentRevision < revisions {
            fixture.put("k\(fixture.history.currentRevision % 10)", "v")
        }
        return fixture
    }

    @Test("a response from history holds at most a thousand revisions")
    func responses() {
        let fixture = Self.filled(2_501)
        fixture.open(1)
        fixture.create(1, .init("", to: "\0", from: 2))
        fixture.settle()
        let sizes = fixture.take(1).map(\.eventCount)
        #expect(sizes == [0, 1_000, 1_000, 500])
    }

    @Test("revisions are counted, not events, and never split")
    func atomic() {
        let fixture = WatchFixture()
        for number in 0..<1_500 {
            fixture.write((0..<4).map { (Bytes("k\($0)"), Bytes("\(number)")) })
        }
        fixture.open(1)
        fixture.create(1, .init("k", to: "l", from: 2))
        fixture.settle()
        let deliveries = fixture.take(1)
        #expect(deliveries.map(\.eventCount) == [0, 4_000, 2_000])
        for delivery in deliveries.dropFirst() {
            var revisions: [Int64: Int] = [:]
            for event in delivery.decodedEvents {
                revisions[event.kv!.modRevision, default: 0] += 1
            }
            #expect(revisions.values.allSatisfy { $0 == 4 })
        }
    }

    @Test("a response from history ends at its size, between revisions")
    func responseBytes() {
        let fixture = Self.filled(101) { $0.responseBytesMax = 100 }
        fixture.open(1)
        fixture.create(1, .init("", to: "\0", from: 2))
        fixture.settle()
        let deliveries = fixture.take(1).dropFirst()
        #expect(deliveries.count > 15)
        #expect(deliveries.allSatisfy { $0.byteCount < 130 })
        #expect(deliveries.flatMap(\.decodedEvents).map(\.kv!.modRevision) == Array(2...101))
    }

    @Test(
        "one run reads a bounded piece of history, and says that there is more",
        arguments: [100, 10])
    func bounded(revisions: Int) {
        let fixture = Self.filled(1_001) { $0.runRevisionsMax = revisions }
        fixture.open(1)
        fixture.create(1, .init("", to: "\0", from: 2))
        var covered = 1
        while fixture.hub.wakeAt != nil {
            fixture.history.forgetPasses()
            fixture.hub.run(now: at(0))
            #expect(fixture.history.passes.reduce(0) { $0 + $1.count } <= revisions)
            covered += revisions
        }
        #expect(covered == 1_001)
        let events = fixture.take(1).flatMap(\.decodedEvents)
        #expect(events.map(\.kv!.modRevision) == Array(2...1_001))
    }

    @Test("large values bound a run too")
    func boundedBytes() {
        var settings = WatchHub.Settings()
        settings.runBytesMax = 100_000
        let fixture = WatchFixture(settings)
        for _ in 0..<100 { fixture.put("a", String(repeating: "x", count: 10_000)) }
        fixture.open(1)
        fixture.create(1, .init("a", from: 2))
        var runs = 0
        while fixture.hub.wakeAt != nil {
            fixture.history.forgetPasses()
            fixture.hub.run(now: at(0))
            runs += 1
            // The first look is a guess; the rest is measured.
            #expect(fixture.history.passes.reduce(0) { $0 + $1.count } <= 16)
            #expect(fixture.take(1).allSatisfy { $0.eventCount <= 16 })
        }
        #expect(runs >= 6)
    }

    @Test("watchers that start close to each other read history once for all")
    func together() {
        let fixture = Self.filled(1_001)
        fixture.open(1)
        for number in 0..<400 as Range<Int64> {
            fixture.create(1, .init("k\(number % 10)", from: 2 + (number * 37) % 600))
        }
        _ = fixture.take(1)
        fixture.hub.run(now: at(0))
        #expect(fixture.hub.counts.slowWatchers == 0)
        #expect(fixture.history.passes.first?.lowerBound == 2)
        #expect(fixture.history.passes.reduce(0) { $0 + $1.count } == 1_000)
    }

    @Test("at most so many watchers in one run")
    func watchersBounded() {
        let fixture = Self.filled(20)
        for stream in 0..<1_300 as Range<UInt64> {
            fixture.open(stream)
            fixture.create(stream, .init("k1", from: 2))
        }
        var slow: [Int] = []
        while fixture.hub.wakeAt != nil {
            fixture.hub.run(now: at(0))
            slow.append(fixture.hub.counts.slowWatchers)
        }
        #expect(slow == [788, 276, 0])
    }

    @Test("one that is nearly there does not wait for those who are far behind")
    func fairness() {
        let fixture = Self.filled(20_001) { $0.runRevisionsMax = 100 }
        fixture.open(1)
        fixture.open(2)
        for _ in 0..<5 { fixture.create(1, .init("", to: "\0", from: 2)) }
        fixture.create(2, .init("", to: "\0", from: 19_990))
        var runs = 0
        var got = 0
        while got < 12, runs < 10 {
            fixture.hub.run(now: at(0))
            runs += 1
            got += fixture.take(2).reduce(0) { $0 + $1.eventCount }
            _ = fixture.take(1)
            // Others come with the same old wish all the time.
            fixture.create(1, .init("", to: "\0", from: 2))
        }
        #expect(got == 12)
        #expect(runs < 10)
    }

    @Test("a run without anything to do asks nothing of history")
    func idle() {
        let fixture = Self.filled(100)
        fixture.open(1)
        fixture.create(1, .init("a"))
        fixture.hub.run(now: at(0))
        #expect(fixture.history.passes.isEmpty)
        #expect(fixture.hub.wakeAt == nil)
    }

    @Test("after a snapshot from elsewhere every watcher reads on in the new history")
    func replaced() {
        let fixture = WatchFixture()
        fixture.open(1)
        fixture.create(1, .init("a"))
        fixture.create(1, .init("a", from: 5))
        fixture.create(1, .init("a", from: 50))
        fixture.put("a", "2")
        let other = PlainHistory()
        for number in 2...9 { _ = other.write([(Bytes("a"), Bytes("\(number)"))]) }
        fixture.hub.replaceHistory(other)
        fixture.history = other
        fixture.settle()
        fixture.put("a", "10")
        #expect(
            fixture.lines(1) == [
                "created 0 @1", "created 1 @1", "created 2 @1", "events 0 @2: a=2#2",
                "events 0 @9: a=3#3, a=4#4, a=5#5, a=6#6, a=7#7, a=8#8, a=9#9",
                "events 1 @9: a=5#5, a=6#6, a=7#7, a=8#8, a=9#9", "events 0 @10: a=10#10",
                "events 1 @10: a=10#10",
            ])
    }

    @Test("a snapshot whose history is compacted beyond a watcher cancels it")
    func replacedAndCompacted() {
        let fixture = WatchFixture()
        fixture.open(1)
        fixture.create(1, .init("a"))
        let other = PlainHistory()
        for number in 2...9 { _ = other.write([(Bytes("a"), Bytes("\(number)"))]) }
        other.compact(at: 7)
        fixture.hub.replaceHistory(other)
        fixture.settle()
        #expect(fixture.lines(1) == ["created 0 @1", "cancelled 0 @0 compacted=7"])
    }
}

@Suite("Watch: progress")
struct WatchProgressTests {
    private static func fixture(_ milliseconds: UInt64 = 1_000) -> WatchFixture {
        let fixture = WatchFixture(WatchHub.Settings(progressMilliseconds: milliseconds))
        fixture.open(1)
        return fixture
    }

    /// Runs at the time the hub asks for and says when that was.
    private static func wait(_ fixture: WatchFixture) throws -> UInt64 {
        let due = try #require(fixture.hub.wakeAt)
        fixture.hub.run(now: due)
        return due.nanoseconds(since: at(0)) / 1_000_000
    }

    @Test("a quiet watcher hears of progress after the interval and up to a tenth more")
    func interval() throws {
        let fixture = Self.fixture()
        fixture.create(1, .init("a", progress: true))
        fixture.create(1, .init("a"))
        fixture.create(1, .init("b", id: 7, progress: true))
        _ = fixture.take(1)
        fixture.put("x")
        let first = try Self.wait(fixture)
        #expect((1_000..<1_100).contains(first))
        #expect(fixture.lines(1) == ["progress 0 @2", "progress 7 @2"])
        fixture.hub.run(now: at(first))
        #expect(fixture.lines(1) == [])
        let second = try Self.wait(fixture)
        #expect((first + 1_000..<first + 1_101).contains(second))
        #expect(fixture.lines(1) == ["progress 0 @2", "progress 7 @2"])
    }

    @Test("jitter differs between streams")
    func jitter() throws {
        let fixture = Self.fixture(100_000)
        var dues: Set<UInt64> = []
        for stream: UInt64 in 2...20 {
            fixture.open(stream)
            fixture.create(stream, .init("a", progress: true))
        }
        while dues.count < 19, try Self.wait(fixture) < 110_000 {
            for stream: UInt64 in 2...20 where fixture.lines(stream).contains("progress 0 @1") {
                dues.insert(stream)
            }
        }
        #expect(dues.count == 19)
    }

    @Test("who got events in between is left out once")
    func busy() throws {
        let fixture = Self.fixture()
        fixture.create(1, .init("a", progress: true))
        fixture.create(1, .init("b", progress: true))
        fixture.put("a")
        _ = fixture.take(1)
        _ = try Self.wait(fixture)
        #expect(fixture.lines(1) == ["progress 1 @2"])
        _ = try Self.wait(fixture)
        #expect(fixture.lines(1) == ["progress 0 @2", "progress 1 @2"])
    }

    @Test("the interval is at least a tenth of a second")
    func minimum() throws {
        let fixture = Self.fixture(1)
        fixture.create(1, .init("a", progress: true))
        #expect((100..<110).contains(try Self.wait(fixture)))
    }

    @Test("nobody waits for progress any more: the timer ends, and starts again when needed")
    func timer() throws {
        let fixture = Self.fixture()
        fixture.create(1, .init("a", progress: true))
        fixture.hub.cancel(1, 0)
        _ = try Self.wait(fixture)
        #expect(fixture.hub.wakeAt == nil)
        fixture.create(1, now: at(5_000), .init("a", progress: true))
        #expect((6_000..<6_100).contains(try Self.wait(fixture)))
        fixture.close(1)
        _ = try Self.wait(fixture)
        #expect(fixture.hub.wakeAt == nil)
    }

    @Test("a full outbox swallows progress, and a slow watcher has none")
    func slow() throws {
        var settings = WatchHub.Settings(progressMilliseconds: 1_000)
        settings.outboxDeliveriesMax = 1
        let fixture = WatchFixture(settings)
        fixture.open(1)
        fixture.create(1, .init("a", progress: true))
        fixture.put("a")
        _ = try Self.wait(fixture)
        _ = try Self.wait(fixture)
        #expect(fixture.lines(1) == ["created 0 @1", "events 0 @2: a=#2"])
        for _ in 0..<4 { fixture.put("a") }
        #expect(fixture.hub.counts.slowWatchers == 1)
        _ = try Self.wait(fixture)
        _ = try Self.wait(fixture)
        #expect(
            fixture.lines(1) == ["events 0 @3: a=#3", "events 0 @4: a=#4"])
    }

    @Test("progress on request: one answer for all, if all know everything")
    func onRequest() {
        var settings = WatchHub.Settings()
        settings.outboxDeliveriesMax = 1
        let fixture = WatchFixture(settings)
        fixture.open(1)
        fixture.hub.requestProgress(1)
        #expect(fixture.lines(1) == ["progress -1 @1"])
        fixture.create(1, .init("a"))
        fixture.create(1, .init("b", to: "c"))
        fixture.put("x")
        fixture.hub.requestProgress(1)
        #expect(fixture.lines(1) == ["created 0 @1", "created 1 @1", "progress -1 @2"])
        // One of them has not read its past yet.
        fixture.create(1, .init("x", from: 1))
        fixture.hub.requestProgress(1)
        fixture.settle()
        fixture.hub.requestProgress(1)
        #expect(fixture.lines(1) == ["created 2 @2", "events 2 @2: x=#2", "progress -1 @2"])
        // One of them waits for the future.
        fixture.create(1, .init("x", from: 4))
        fixture.hub.requestProgress(1)
        fixture.put("x")
        fixture.hub.requestProgress(1)
        #expect(
            fixture.lines(1) == ["created 3 @2", "events 2 @3: x=#3", "progress -1 @3"])
    }

    @Test("an answer about progress never overtakes the events that it speaks of")
    func order() {
        let fixture = Self.fixture()
        fixture.create(1, .init("a"))
        fixture.put("a")
        fixture.hub.requestProgress(1)
        fixture.put("a")
        fixture.hub.requestProgress(1)
        #expect(
            fixture.lines(1) == [
                "created 0 @1", "events 0 @2: a=#2", "progress -1 @2", "events 0 @3: a=#3",
                "progress -1 @3",
            ])
    }
}
