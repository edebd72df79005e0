//  Leading watchers from the past to the present, a bounded piece of history at a time.

import DequeModule
import RuntimeCore

extension WatchHub {
    /// Reads history for the watchers at the front of the queue. Whoever reaches the present is
    /// synced; whoever got a part goes to the back, so that no watcher far behind keeps others
    /// waiting; whom the work bound left out stays in front.
    func catchUp() {
        if queue.isEmpty { return }
        var batch = takeBatch()
        var budget = CatchUpBudget(
            revisions: settings.runRevisionsMax, bytes: settings.runBytesMax)
        while !batch.isEmpty, !budget.isUsedUp {
            scan(&batch, &budget)
        }
        for number in batch.reversed() { queue.prepend(reference(to: number)) }
    }

    /// Takes from the queue who can read history now; the others are cancelled because it is
    /// compacted, or stalled because their outbox has no room.
    private func takeBatch() -> [Int32] {
        var batch: [Int32] = []
        while batch.count < settings.runWatchersMax, let reference = queue.popFirst() {
            let number = reference.number
            guard isCurrent(reference), watchers[Int(number)].pace == .queued else { continue }
            if watchers[Int(number)].next < history.compactRevision {
                cancelCompacted(number)
            } else if !watchers[Int(number)].outbox.hasRoomOrWillTell() {
                stall(number)
            } else {
                batch.append(number)
            }
        }
        return batch
    }

    /// One pass over history. It starts early enough for the watcher that waits longest, and a bit
    /// earlier if that serves others, but not so early that the former would not have its turn.
    private func scan(_ batch: inout [Int32], _ budget: inout CatchUpBudget) {
        let oldest = watchers[Int(batch[0])].next
        let earliest = oldest - Int64(settings.runRevisionsMax / 2)
        var cursor = oldest
        for number in batch where watchers[Int(number)].next >= earliest {
            cursor = min(cursor, watchers[Int(number)].next)
        }
        var window = CatchUpWindow(random: random.split())
        for number in batch where watchers[Int(number)].next >= cursor {
            let watcher = watchers[Int(number)]
            window.add(
                number, at: group.places[Int(watcher.position.place)].range,
                watcher.options.intersection(.content), from: watcher.next)
        }
        while cursor <= revision, !budget.isUsedUp, window.hasReaders {
            let start = cursor
            var bytes = 0
            let last = history.events(
                from: start, through: revision, maxRevisions: budget.nextRevisions
            ) { event in
                bytes += event.record.count + CatchUpBudget.eventBytes
                collect(event, in: &window)
            }
            precondition(last >= start, "history stands still")
            cursor = last + 1
            budget.spend(revisions: Int(cursor - start), bytes: bytes)
        }
        for collector in window.collectors.indices { flush(&window.collectors[collector]) }
        settle(&batch, window, cursor: cursor)
    }

    private func collect(_ event: StoreEvent, in window: inout CatchUpWindow) {
        var encoder = EventEncoder(event)
        for index in window.takers(of: event) {
            if window.collectors[index].isComplete(before: event.modRevision, settings) {
                flush(&window.collectors[index])
            }
            let needsPrevious = window.collectors[index].options.contains(.previous)
            let encoded = encoder.encoded(previousFrom: needsPrevious ? history : nil)
            window.collectors[index].append(encoded[0], revision: event.modRevision)
        }
    }

    /// Hands out what was collected; a watcher without room for it leaves the window.
    private func flush(_ collector: inout CatchUpCollector) {
        guard let batch = collector.take() else { return }
        collector.members.removeAll { number in
            if offer(batch.events, to: Int(number), revision: revision) {
                watchers[Int(number)].next = batch.lastRevision + 1
                return false
            }
            watchers[Int(number)].next = batch.firstRevision
            stall(number)
            return true
        }
    }

    /// After a pass that covered all below `cursor`.
    private func settle(_ batch: inout [Int32], _ window: CatchUpWindow, cursor: Int64) {
        let reached = window.members.filter { $0.next < cursor }
        for (member, _) in reached where watchers[Int(member)].pace == .queued {
            watchers[Int(member)].next = cursor
            if cursor > revision {
                watchers[Int(member)].pace = .synced
                slowCount -= 1
            } else {
                queue.append(reference(to: member))
            }
        }
        let gone = Set(reached.map(\.number))
        batch.removeAll { gone.contains($0) }
    }
}

/// The work that one run may still do.
private struct CatchUpBudget {
    /// What an event costs besides its bytes, in bytes.
    static let eventBytes = 64

    private var revisions: Int
    private var bytes: Int
    /// Grows and shrinks with what revisions turn out to weigh.
    private(set) var nextRevisions: Int

    init(revisions: Int, bytes: Int) {
        self.revisions = revisions
        self.bytes = bytes
        nextRevisions = min(16, revisions)
    }

    var isUsedUp: Bool { revisions <= 0 || bytes <= 0 }

    mutating func spend(revisions spent: Int, bytes spentBytes: Int) {
        revisions -= spent
        bytes -= spentBytes
        let average = max(1, spentBytes / spent)
        nextRevisions = max(1, min(512, revisions, bytes / average))
    }
}

/// The watchers of one pass over history.
private struct CatchUpWindow {
    private struct Kind: Hashable {
        let range: KeyRange
        let options: UInt8
        let next: Int64
    }

    var collectors: [CatchUpCollector] = []
    /// Who reads along, and from where.
    private(set) var members: [(number: Int32, next: Int64)] = []
    private var kinds: [Kind: Int] = [:]
    private var group: WatcherGroup

    init(random: RandomSource) { group = WatcherGroup(random: random) }

    /// Watchers that need the same share a collector, and later their events.
    mutating func add(
        _ number: Int32, at range: KeyRange, _ options: Watcher.Options, from next: Int64
    ) {
        members.append((number, next))
        let kind = Kind(range: range, options: options.rawValue, next: next)
        if let collector = kinds[kind] {
            collectors[collector].members.append(number)
            return
        }
        kinds[kind] = collectors.count
        _ = group.add(Int32(collectors.count), at: range)
        collectors.append(CatchUpCollector(options: options, next: next, members: [number]))
    }

    /// False when the outboxes of all are full.
    var hasReaders: Bool { collectors.contains { !$0.members.isEmpty } }

    func takers(of event: StoreEvent) -> [Int] {
        var takers: [Int] = []
        group.forEachPlace(containing: event.key) { place in
            for index in group.places[Int(place)].members
            where collectors[Int(index)].takes(event) {
                takers.append(Int(index))
            }
        }
        return takers
    }
}

/// What one kind of watcher gets next.
private struct CatchUpCollector {
    let options: Watcher.Options
    let next: Int64
    var members: [Int32]
    private var frames: [Bytes] = []
    private var bytes = 0
    private var revisions = 0
    private var firstRevision: Int64 = 0
    private var lastRevision: Int64 = 0

    init(options: Watcher.Options, next: Int64, members: [Int32]) {
        self.options = options
        self.next = next
        self.members = members
    }

    func takes(_ event: StoreEvent) -> Bool {
        event.modRevision >= next && options.wants(event) && !members.isEmpty
    }

    /// Whether the response must go before an event of `revision` is added.
    func isComplete(before revision: Int64, _ settings: WatchHub.Settings) -> Bool {
        revision != lastRevision
            && (revisions >= settings.responseRevisionsMax || bytes >= settings.responseBytesMax)
    }

    mutating func append(_ frame: Bytes, revision: Int64) {
        if frames.isEmpty { firstRevision = revision }
        if frames.isEmpty || revision != lastRevision { revisions += 1 }
        lastRevision = revision
        frames.append(frame)
        bytes += frame.count
    }

    mutating func take() -> (events: EncodedEvents, firstRevision: Int64, lastRevision: Int64)? {
        if frames.isEmpty { return nil }
        let events = EncodedEvents(frames)
        frames = []
        bytes = 0
        revisions = 0
        return (events, firstRevision, lastRevision)
    }
}
