//  Random watchers, writes, compactions and slow readers, held against the plain history: what a
//  client was told must be what happened, in order, whole, once.

import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

@Suite("Watch: guarantees")
struct WatchModelTests {
    @Test("ordered, unique, whole, without gaps, with the right past", arguments: 1...60)
    func guarantees(seed: UInt64) {
        var run = WatchRun(seed: seed)
        for _ in 0..<400 { run.step() }
        run.finish()
    }

    @Test("two runs with the same seed tell the same", arguments: [3, 4] as [UInt64])
    func determinism(seed: UInt64) {
        var first = WatchRun(seed: seed)
        var second = WatchRun(seed: seed)
        for _ in 0..<400 {
            first.step()
            second.step()
        }
        #expect(first.transcript == second.transcript)
        #expect(first.transcript.count > 200)
    }

    @Test("a client that comes back with the next revision misses nothing", arguments: 1...20)
    func resumed(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let fixture = WatchFixture(WatchRun.settings(&random), seed: seed)
        var got: [Event] = []
        var stream: UInt64 = 0
        func connect() {
            stream += 1
            fixture.open(stream)
            let next = (got.last?.kv?.modRevision ?? 1) + 1
            fixture.create(stream, .init("a", to: "c", from: next))
        }
        connect()
        for number in 0..<300 {
            fixture.write(
                (0..<1 + random.below(3)).map { _ in
                    (Bytes(["a", "b", "c"][random.below(3)]), Bytes("\(number)"))
                }.uniqueKeys)
            if random.oneIn(4) { fixture.hub.run(now: at(0)) }
            if random.oneIn(3) {
                got += fixture.take(stream, max: 1 + random.below(4)).flatMap(\.decodedEvents)
            }
            if random.oneIn(20) {
                fixture.close(stream)
                connect()
            }
        }
        fixture.settle { got += fixture.take(stream).flatMap(\.decodedEvents) }
        got += fixture.take(stream).flatMap(\.decodedEvents)
        let expected = fixture.history.changes.filter { $0.event.key != Bytes("c") }
        #expect(got.map(\.kv) == expected.map(\.kv))
    }
}

/// What a watcher was promised and what it got.
private struct ModelWatcher {
    let range: KeyRange
    let request: WatchCreateRequest
    /// The first revision that concerns it.
    let start: Int64
    var isCreated = false
    /// Index into the history: the next change to look at.
    var next: Int
}

extension [(key: Bytes, value: Bytes?)] {
    /// The last value of each key, in the order of their first mention.
    fileprivate var uniqueKeys: Self {
        var kept: Self = []
        for pair in self where !kept.contains(where: { $0.key == pair.key }) { kept.append(pair) }
        return kept
    }
}

private struct WatchRun {
    var random: RandomSource
    let fixture: WatchFixture
    /// By stream, then by watch id.
    var watchers: [UInt64: [Int64: ModelWatcher]] = [:]
    /// Requests that were not answered yet, in order.
    var requested: [UInt64: [ModelWatcher]] = [:]
    var transcript: [String] = []
    var now = at(0)
    let settings: WatchHub.Settings

    init(seed: UInt64) {
        random = RandomSource(seed: seed)
        settings = Self.settings(&random)
        fixture = WatchFixture(settings, seed: seed)
        for stream: UInt64 in 1...4 { open(stream) }
    }

    static func settings(_ random: inout RandomSource) -> WatchHub.Settings {
        var settings = WatchHub.Settings(progressMilliseconds: 1_000)
        settings.outboxDeliveriesMax = 1 + random.below(4)
        settings.outboxBytesMax = random.oneIn(2) ? 200 : 1 << 20
        settings.runWatchersMax = 1 + random.below(6)
        settings.runRevisionsMax = 1 + random.below(30)
        settings.runBytesMax = random.oneIn(2) ? 1_000 : 1 << 20
        settings.responseRevisionsMax = 1 + random.below(5)
        settings.responseBytesMax = random.oneIn(2) ? 100 : 1 << 20
        return settings
    }

    private mutating func open(_ stream: UInt64) {
        fixture.open(stream)
        watchers[stream] = [:]
        requested[stream] = []
    }

    private func key() -> String {
        var random = random
        return ["a", "aa", "ab", "b", "c"][random.below(5)]
    }

    mutating func step() {
        now = now.advanced(byMilliseconds: UInt64(random.below(40)))
        _ = random.next()
        let stream = UInt64(1 + random.below(4))
        switch random.below(20) {
        case 0...8: write()
        case 9...10: create(stream)
        case 11: cancel(stream)
        case 12: fixture.hub.requestProgress(stream)
        case 13: if random.oneIn(4) { compact() }
        case 14:
            if random.oneIn(6) {
                fixture.close(stream)
                open(stream)
            }
        // Stream 1 reads rarely, stream 4 all the time.
        default: if !random.oneIn(stream == 1 ? 1 : 5) || random.oneIn(12) { read(stream) }
        }
        if random.oneIn(3) { fixture.hub.run(now: now) }
        read(4)
        transcript += fixture.hub.takeDirty().map { "dirty \($0)" }
    }

    private mutating func write() {
        var pairs: [(key: Bytes, value: Bytes?)] = []
        for _ in 0..<(random.oneIn(3) ? 1 + random.below(6) : 1) {
            _ = random.next()
            let value = String(repeating: "v", count: random.below(40))
            pairs.append((Bytes(key()), random.oneIn(4) ? nil : Bytes(value)))
        }
        fixture.write(pairs.uniqueKeys)
    }

    private mutating func create(_ stream: UInt64) {
        let current = fixture.history.currentRevision
        var request = WatchCreateRequest()
        request.key = Bytes(key())
        if random.oneIn(2) {
            _ = random.next()
            request.rangeEnd = random.oneIn(3) ? [0] : Bytes(key() + "z")
        }
        switch random.below(4) {
        case 0: request.startRevision = 0
        case 1: request.startRevision = current + Int64(random.below(5))
        default: request.startRevision = 1 + Int64(random.below(Int(current) + 1))
        }
        request.prevKV = random.oneIn(2)
        request.progressNotify = random.oneIn(3)
        request.filters = [.noput, .nodelete].filter { _ in random.oneIn(4) }
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        if range.isEmpty { return }
        let start = request.startRevision == 0 ? current + 1 : request.startRevision
        let next = fixture.history.changes.firstIndex { $0.event.modRevision >= start }
        requested[stream]!.append(
            ModelWatcher(
                range: range, request: request, start: start,
                next: next ?? fixture.history.changes.count))
        fixture.create(stream, now: now, request)
    }

    private mutating func cancel(_ stream: UInt64) {
        let ids = watchers[stream]!.keys.sorted()
        guard let id = ids.dropFirst(random.below(ids.count + 1)).first else { return }
        fixture.hub.cancel(stream, id)
    }

    private mutating func compact() {
        let current = fixture.history.currentRevision
        fixture.history.compact(at: current - Int64(random.below(Int(current))))
    }

    // MARK: what the client sees

    private mutating func read(_ stream: UInt64) {
        for delivery in fixture.take(stream, max: 1 + random.below(6)) {
            transcript.append("\(stream): \(delivery.text)")
            check(delivery, stream)
        }
    }

    private mutating func check(_ delivery: WatchDelivery, _ stream: UInt64) {
        switch delivery {
        case .created(let id, _):
            #expect(watchers[stream]![id] == nil)
            var watcher = requested[stream]!.removeFirst()
            watcher.isCreated = true
            watchers[stream]![id] = watcher
        case .cancelled(let id, _, let compactRevision, let reason, let alsoCreated):
            #expect(!alsoCreated && reason.isEmpty)
            guard let watcher = watchers[stream]!.removeValue(forKey: id) else {
                Issue.record("cancelled twice or never created: \(delivery.text)")
                return
            }
            if compactRevision != 0 { checkCompacted(watcher, compactRevision) }
        case .events(let id, let revision, _, let events):
            guard var watcher = watchers[stream]![id] else {
                Issue.record("events of nobody: \(delivery.text)")
                return
            }
            check(events.decoded, revision, &watcher)
            watchers[stream]![id] = watcher
        case .progress(let id, let revision):
            for (each, watcher) in watchers[stream]! where id == -1 || id == each {
                let missing = missing(watcher)
                #expect(missing == nil || missing!.modRevision > revision)
                if id == -1 { #expect(watcher.start <= revision + 1) }
            }
        case .ended: Issue.record("nobody ended it")
        }
    }

    /// What the watcher must get next.
    private func missing(_ watcher: ModelWatcher) -> StoreEvent? {
        fixture.history.changes[watcher.next...].first { wants(watcher, $0) }?.event
    }

    private func wants(_ watcher: ModelWatcher, _ change: PlainHistory.Change) -> Bool {
        watcher.range.contains(change.event.key)
            && change.event.modRevision >= watcher.start
            && !watcher.request.filters.contains(change.event.isDelete ? .nodelete : .noput)
    }

    /// History was really gone where this watcher had to read on.
    private func checkCompacted(_ watcher: ModelWatcher, _ compactRevision: Int64) {
        #expect(compactRevision <= fixture.history.compactRevision)
        #expect(watcher.start < compactRevision)
        if let missing = missing(watcher), watcher.next > 0 {
            let last = fixture.history.changes[watcher.next - 1].event.modRevision
            #expect(missing.modRevision < compactRevision || last < compactRevision)
        }
    }

    private func check(_ events: [Event], _ revision: Int64, _ watcher: inout ModelWatcher) {
        #expect(!events.isEmpty)
        var revisions: Set<Int64> = []
        for event in events {
            while watcher.next < fixture.history.changes.count,
                !wants(watcher, fixture.history.changes[watcher.next])
            {
                watcher.next += 1
            }
            guard watcher.next < fixture.history.changes.count else {
                Issue.record("an event that never happened: \(event.text)")
                return
            }
            let change = fixture.history.changes[watcher.next]
            watcher.next += 1
            check(event, change, watcher)
            revisions.insert(change.event.modRevision)
        }
        #expect(revisions.count <= settings.responseRevisionsMax)
        #expect(revisions.max()! <= revision && revision <= fixture.history.currentRevision)
        // Whole revisions only.
        let last = revisions.max()!
        let rest = missing(watcher)
        #expect(rest == nil || rest!.modRevision > last)
    }

    private func check(_ event: Event, _ change: PlainHistory.Change, _ watcher: ModelWatcher) {
        #expect((event.type == .delete) == change.event.isDelete)
        let kv =
            change.event.isDelete
            ? KeyValue(key: change.event.key, modRevision: change.event.modRevision) : change.kv
        #expect(event.kv == kv)
        guard watcher.request.prevKV else { return #expect(event.prevKV == nil) }
        let isGone = change.event.modRevision - 1 < fixture.history.compactRevision
        #expect(event.prevKV == change.previous || (isGone && event.prevKV == nil))
    }

    /// Everybody reads to the end: nothing may be missing.
    mutating func finish() {
        for _ in 0..<10_000 {
            fixture.hub.run(now: now)
            let before = transcript.count
            for stream: UInt64 in 1...4 { read(stream) }
            if transcript.count == before, fixture.hub.wakeAt.map({ $0 > now }) ?? true { break }
        }
        let counts = fixture.hub.counts
        #expect(counts.slowWatchers == 0)
        #expect(counts.pendingEvents == 0)
        #expect(counts.watchers == watchers.values.reduce(0) { $0 + $1.count })
        for (stream, each) in watchers {
            #expect(requested[stream]!.isEmpty)
            for (id, watcher) in each {
                #expect(missing(watcher) == nil, "stream \(stream) watcher \(id)")
            }
        }
    }
}
