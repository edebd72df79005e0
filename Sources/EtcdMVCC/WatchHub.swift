//  All watchers of this member: who they are, where they stand in history, what they are told.

import DequeModule
package import EtcdProto
import HeapModule
package import RuntimeCore

/// The watchers of all client streams, fed with every write.
///
/// Used on the apply thread only. After every write the owner calls `notify` before anything else
/// happens to the store or here; after every batch of inputs and at `wakeAt` it calls `run`, and
/// then wakes the event loops of `takeDirty`. What a stream shall send is in its outbox by then.
///
/// A *synced* watcher gets events as they happen. One that starts in the past, or whose stream was
/// too slow, remembers its place in history instead and is led back to the present by `run`, some
/// history at a time. So nothing is lost, memory is bounded, and no stream waits for another.
///
/// Guarantees for each watcher: its events come in the order of revisions, each once, none left
/// out, and all events of one revision in one delivery; `created` comes first, `cancelled` last;
/// a progress notification of revision R comes after all its events up to R.
package final class WatchHub {
    var history: any WatchHistory
    let settings: Settings
    /// The newest revision that synced watchers were told of.
    var revision: Int64

    var group: WatcherGroup
    /// Entries of `freeWatchers` are vacant.
    var watchers: [Watcher] = []
    private var freeWatchers: [Int32] = []
    private var lastSerial: UInt64 = 0
    private let vacantOutbox: WatchOutbox

    /// Entries of `freeStreams` are vacant.
    var streams: [WatchStream] = []
    private var freeStreams: [Int32] = []
    private var streamNumbers: [UInt64: Int32] = [:]
    private var dirty: [(number: Int32, streamID: UInt64)] = []

    /// Watchers whose turn to read history comes, oldest request first; some may be gone.
    var queue: Deque<WatcherReference> = []
    /// One for each stream with `hasTimer`; some may belong to closed streams.
    private var timers: Heap<ProgressTimer> = []
    var random: RandomSource

    var slowCount = 0
    var eventsSent: UInt64 = 0

    package init(history: any WatchHistory, settings: Settings, random: RandomSource) {
        self.history = history
        self.settings = settings
        self.random = random
        revision = history.currentRevision
        group = WatcherGroup(random: self.random.split())
        vacantOutbox = WatchOutbox(streamID: 0)
    }

    // MARK: streams

    /// Ids of streams are the caller's; one is open once at a time.
    package func open(_ outbox: WatchOutbox) {
        precondition(streamNumbers[outbox.streamID] == nil, "a watch stream opened twice")
        let number = freeStreams.popLast() ?? Int32(streams.count)
        if Int(number) == streams.count {
            streams.append(WatchStream(outbox: outbox))
        } else {
            streams[Int(number)] = WatchStream(outbox: outbox)
        }
        streamNumbers[outbox.streamID] = number
        updateOutboxBounds(number)
    }

    /// Forgets the stream and its watchers; an unknown one is ignored, here and below.
    package func close(_ streamID: UInt64) {
        guard let number = streamNumbers.removeValue(forKey: streamID) else { return }
        for id in streams[Int(number)].sortedIDs { remove(streams[Int(number)].watchers[id]!) }
        streams[Int(number)] = WatchStream(outbox: vacantOutbox)
        freeStreams.append(number)
    }

    /// Ends every stream, with a notice to each.
    package func endAll() {
        for streamID in streamNumbers.keys.sorted() {
            let outbox = streams[Int(streamNumbers[streamID]!)].outbox
            close(streamID)
            outbox.append(.ended)
            dirty.append((-1, streamID))
        }
    }

    /// The streams whose outbox got something since the last call, each once.
    package func takeDirty() -> [UInt64] {
        if dirty.isEmpty { return [] }
        defer { dirty = [] }
        var taken: [UInt64] = []
        for (number, streamID) in dirty {
            if number >= 0 {
                guard streams[Int(number)].outbox.streamID == streamID else { continue }
                streams[Int(number)].isDirty = false
            }
            taken.append(streamID)
        }
        return taken
    }

    @inline(__always)
    func markDirty(_ number: Int32) {
        if streams[Int(number)].isDirty { return }
        streams[Int(number)].isDirty = true
        dirty.append((number, streams[Int(number)].outbox.streamID))
    }

    // MARK: requests

    /// A request of the stream's client has come: called once for each, before what it asks for.
    package func received(from streamID: UInt64) {
        guard let number = streamNumbers[streamID] else { return }
        if streams[Int(number)].outbox.requestTaken() { markDirty(number) }
    }

    package func create(_ streamID: UInt64, _ request: WatchCreateRequest, now: Instant) {
        guard let number = streamNumbers[streamID] else { return }
        // As in etcd, no key means the smallest one.
        let range = KeyRange(
            key: request.key.isEmpty ? [0] : request.key, rangeEnd: request.rangeEnd)
        if request.startRevision < 0 { return refuse(number, WatchRefusal.compacted) }
        if range.isEmpty { return refuse(number, WatchRefusal.emptyRange) }
        guard let id = streams[Int(number)].takeID(request.watchID) else {
            return refuse(number, WatchRefusal.duplicateID)
        }
        let next = request.startRevision == 0 ? revision + 1 : request.startRevision
        let watcher = add(id, to: number, at: range, next: next, Watcher.Options(request))
        streams[Int(number)].outbox.append(.created(id: id, revision: revision))
        markDirty(number)
        if request.progressNotify { startTimer(of: number, now: now) }
        if next < history.compactRevision {
            cancelCompacted(watcher)
        } else if next <= revision {
            enqueue(watcher)
        }
    }

    /// Answers a request to create a watcher that somebody else found inadmissible.
    package func refuse(_ streamID: UInt64, reason: String) {
        guard let number = streamNumbers[streamID] else { return }
        refuse(number, reason)
    }

    private func refuse(_ number: Int32, _ reason: String) {
        streams[Int(number)].outbox.append(
            .cancelled(
                id: WatchDelivery.noWatcher, revision: revision, compactRevision: 0,
                reason: reason, alsoCreated: true))
        markDirty(number)
    }

    package func cancel(_ streamID: UInt64, _ watchID: Int64) {
        guard let number = streamNumbers[streamID],
            let watcher = streams[Int(number)].watchers[watchID]
        else { return }
        remove(watcher)
        streams[Int(number)].outbox.append(
            .cancelled(
                id: watchID, revision: revision, compactRevision: 0, reason: "",
                alsoCreated: false))
        markDirty(number)
    }

    /// Answers with the present revision if all watchers of the stream know all events up to it,
    /// and with nothing otherwise.
    package func requestProgress(_ streamID: UInt64) {
        guard let number = streamNumbers[streamID] else { return }
        let stream = streams[Int(number)]
        let isSynced = stream.watchers.values.allSatisfy {
            watchers[Int($0)].pace == .synced && watchers[Int($0)].next <= revision + 1
        }
        guard isSynced else { return }
        stream.outbox.append(.progress(id: WatchDelivery.noWatcher, revision: revision))
        markDirty(number)
    }

    /// The outbox that was full has room again (`WatchOutbox.takeWantsDrainNotice`).
    package func drained(_ streamID: UInt64) {
        guard let number = streamNumbers[streamID] else { return }
        let stalled = streams[Int(number)].stalled
        streams[Int(number)].stalled = []
        for reference in stalled where isCurrent(reference) {
            let watcher = reference.number
            if watchers[Int(watcher)].pace == .stalled {
                watchers[Int(watcher)].pace = .queued
                queue.append(reference)
            }
        }
    }

    /// The store was replaced by a received snapshot: every watcher reads on in its history.
    package func replaceHistory(_ history: any WatchHistory) {
        self.history = history
        let former = revision
        revision = history.currentRevision
        for number in watchers.indices
        where watchers[number].serial != 0 && watchers[number].pace == .synced {
            watchers[number].next = max(watchers[number].next, former + 1)
            if watchers[number].next <= revision { enqueue(Int32(number)) }
        }
    }

    // MARK: time

    /// Does a bounded amount of catching up, and sends the progress notifications that are due.
    package func run(now: Instant) {
        precondition(history.currentRevision == revision, "a write that the hub was not told of")
        catchUp()
        while let timer = timers.min, timer.due <= now {
            timers.removeMin()
            fire(timer, now: now)
        }
    }

    /// When `run` has something to do; a time in the past means at once.
    package var wakeAt: Instant? {
        queue.isEmpty ? timers.min?.due : Instant(nanoseconds: 0)
    }

    private func startTimer(of number: Int32, now: Instant) {
        if streams[Int(number)].hasTimer { return }
        let milliseconds = max(
            settings.progressMilliseconds, Settings.progressMillisecondsMin)
        let interval = milliseconds * 1_000_000
        // So that clients that came together do not always hear together.
        let jitter = random.next(upperBound: interval / 10)
        streams[Int(number)].hasTimer = true
        streams[Int(number)].progressNanoseconds = interval + jitter
        timers.insert(
            ProgressTimer(
                due: now.advanced(byNanoseconds: interval + jitter),
                streamID: streams[Int(number)].outbox.streamID))
    }

    private func fire(_ timer: ProgressTimer, now: Instant) {
        guard let number = streamNumbers[timer.streamID], streams[Int(number)].hasTimer
        else { return }
        var isNeeded = false
        for id in streams[Int(number)].sortedIDs {
            let watcher = Int(streams[Int(number)].watchers[id]!)
            guard watchers[watcher].options.contains(.progress) else { continue }
            isNeeded = true
            let isDue = watchers[watcher].isQuiet && watchers[watcher].pace == .synced
            watchers[watcher].isQuiet = true
            if isDue,
                watchers[watcher].outbox.offer(
                    .progress(id: id, revision: revision), events: 0, bytes: 0)
            {
                markDirty(number)
            }
        }
        guard isNeeded else {
            streams[Int(number)].hasTimer = false
            return
        }
        timers.insert(
            ProgressTimer(
                due: now.advanced(byNanoseconds: streams[Int(number)].progressNanoseconds),
                streamID: timer.streamID))
    }

    // MARK: watchers

    private func add(
        _ id: Int64, to stream: Int32, at range: KeyRange, next: Int64, _ options: Watcher.Options
    ) -> Int32 {
        lastSerial += 1
        let number = freeWatchers.popLast() ?? Int32(watchers.count)
        let watcher = Watcher(
            serial: lastSerial, id: id, stream: stream, options: options,
            position: group.add(number, at: range), next: next,
            outbox: streams[Int(stream)].outbox)
        if Int(number) == watchers.count {
            watchers.append(watcher)
        } else {
            watchers[Int(number)] = watcher
        }
        streams[Int(stream)].watchers[id] = number
        updateOutboxBounds(stream)
        return number
    }

    func remove(_ number: Int32) {
        let watcher = watchers[Int(number)]
        if watcher.pace != .synced { slowCount -= 1 }
        if let moved = group.remove(at: watcher.position) {
            watchers[Int(moved)].position.index = watcher.position.index
        }
        streams[Int(watcher.stream)].watchers[watcher.id] = nil
        updateOutboxBounds(watcher.stream)
        watchers[Int(number)] = Watcher(
            serial: 0, id: 0, stream: -1, options: [],
            position: WatcherGroup.Position(place: -1, index: -1), next: 0, outbox: vacantOutbox)
        freeWatchers.append(number)
    }

    private func updateOutboxBounds(_ stream: Int32) {
        streams[Int(stream)].outbox.setBounds(
            deliveries: settings.outboxDeliveriesMax + streams[Int(stream)].watchers.count,
            bytes: settings.outboxBytesMax)
    }

    func reference(to number: Int32) -> WatcherReference {
        WatcherReference(number: number, serial: watchers[Int(number)].serial)
    }

    func isCurrent(_ reference: WatcherReference) -> Bool {
        watchers[Int(reference.number)].serial == reference.serial
    }

    private func enqueue(_ number: Int32) {
        if watchers[Int(number)].pace == .synced { slowCount += 1 }
        watchers[Int(number)].pace = .queued
        queue.append(reference(to: number))
    }

    func cancelCompacted(_ number: Int32) {
        let watcher = watchers[Int(number)]
        remove(number)
        // As in etcd, this header has no revision.
        watcher.outbox.append(
            .cancelled(
                id: watcher.id, revision: 0, compactRevision: history.compactRevision,
                reason: "", alsoCreated: false))
        markDirty(watcher.stream)
    }

    // MARK: numbers

    /// For metrics.
    package struct Counts: Sendable, Hashable {
        package var streams = 0
        package var watchers = 0
        /// Those that are not synced.
        package var slowWatchers = 0
        /// Put into outboxes since the start.
        package var eventsSent: UInt64 = 0
        /// In outboxes now.
        package var pendingEvents = 0
    }

    package var counts: Counts {
        Counts(
            streams: streamNumbers.count, watchers: watchers.count - freeWatchers.count,
            slowWatchers: slowCount, eventsSent: eventsSent,
            pendingEvents: streams.reduce(0) { $0 + $1.outbox.pendingEvents })
    }
}

@available(*, unavailable)
extension WatchHub: Sendable {}

/// When the quiet watchers of a stream are told of progress.
private struct ProgressTimer: Comparable {
    let due: Instant
    let streamID: UInt64

    static func < (left: ProgressTimer, right: ProgressTimer) -> Bool {
        left.due != right.due ? left.due < right.due : left.streamID < right.streamID
    }
}

extension Watcher.Options {
    init(_ request: WatchCreateRequest) {
        self = []
        if request.filters.contains(.noput) { insert(.noPut) }
        if request.filters.contains(.nodelete) { insert(.noDelete) }
        if request.prevKV { insert(.previous) }
        if request.progressNotify { insert(.progress) }
        if request.fragment { insert(.fragments) }
    }
}
