//  A history that is a plain list, and a hub over it whose deliveries read as text.

import EtcdMVCC
import EtcdProto
import RuntimeCore

/// The history of a store, written for simplicity: every change there ever was, in order.
final class PlainHistory: WatchHistory {
    struct Change {
        let event: StoreEvent
        let kv: KeyValue
        /// Before the change, as far as there was one.
        let previous: KeyValue?
    }

    private(set) var currentRevision: Int64 = 1
    private(set) var compactRevision: Int64 = -1
    private(set) var changes: [Change] = []
    private var present: [Bytes: KeyValue] = [:]
    /// What the hub has asked for so far.
    private(set) var passes: [ClosedRange<Int64>] = []
    private(set) var previousReads = 0

    /// Writes one revision; a `nil` value deletes. Deletions of nothing are left out, and without
    /// any change there is no revision.
    func write(_ pairs: [(key: Bytes, value: Bytes?)]) -> [StoreEvent] {
        let revision = currentRevision + 1
        var events: [StoreEvent] = []
        for (key, value) in pairs {
            let previous = present[key]
            if value == nil, previous == nil { continue }
            let kv = KeyValue(
                key: key, createRevision: value == nil ? 0 : previous?.createRevision ?? revision,
                modRevision: revision, version: value == nil ? 0 : (previous?.version ?? 0) + 1,
                value: value ?? .empty)
            let event = StoreEvent(
                isDelete: value == nil, key: key,
                record: Bytes(encoded(value == nil ? KeyValue(key: key) : kv)),
                modRevision: revision, sub: Int64(events.count),
                createRevision: kv.createRevision)
            present[key] = value == nil ? nil : kv
            changes.append(Change(event: event, kv: kv, previous: previous))
            events.append(event)
        }
        if !events.isEmpty { currentRevision = revision }
        return events
    }

    func compact(at revision: Int64) { compactRevision = max(compactRevision, revision) }

    func events(
        from: Int64, through: Int64, maxRevisions: Int, _ body: (StoreEvent) -> Void
    ) -> Int64 {
        precondition(from >= compactRevision, "history that is compacted")
        precondition(from <= through && through <= currentRevision && maxRevisions > 0)
        let last = min(through, from + Int64(maxRevisions) - 1)
        passes.append(from...last)
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].event.modRevision < from { low = middle + 1 } else { high = middle }
        }
        while low < changes.count, changes[low].event.modRevision <= last {
            body(changes[low].event)
            low += 1
        }
        return last
    }

    func previousValue(of key: Bytes, before revision: Int64) -> Bytes? {
        previousReads += 1
        if revision - 1 < compactRevision { return nil }
        let change = changes.last { $0.event.key == key && $0.event.modRevision < revision }
        guard let change, !change.event.isDelete else { return nil }
        return change.event.record
    }

    func forgetPasses() { passes = [] }
}

func encoded(_ message: some ProtobufMessage) -> [UInt8] {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    return bytes
}

/// A hub with its history and its streams.
final class WatchFixture {
    var history = PlainHistory()
    let hub: WatchHub
    let settings: WatchHub.Settings
    private(set) var outboxes: [UInt64: WatchOutbox] = [:]

    init(_ settings: WatchHub.Settings = WatchHub.Settings(), seed: UInt64 = 1) {
        self.settings = settings
        hub = WatchHub(
            history: history, settings: settings, random: RandomSource(seed: seed))
    }

    @discardableResult
    func open(_ streamID: UInt64) -> WatchOutbox {
        let outbox = WatchOutbox(streamID: streamID)
        outboxes[streamID] = outbox
        hub.open(outbox)
        return outbox
    }

    func close(_ streamID: UInt64) {
        outboxes[streamID] = nil
        hub.close(streamID)
    }

    func create(_ streamID: UInt64, now: Instant = at(0), _ request: WatchCreateRequest) {
        hub.create(streamID, request, now: now)
    }

    /// Writes and tells the hub.
    func write(_ pairs: [(key: Bytes, value: Bytes?)]) {
        let events = history.write(pairs)
        if !events.isEmpty { hub.notify(revision: history.currentRevision, events) }
    }

    func put(_ key: String, _ value: String = "") { write([(Bytes(key), Bytes(value))]) }

    func delete(_ key: String) { write([(Bytes(key), nil)]) }

    /// As an event loop does: takes, then passes on the notice that the hub wants.
    func take(_ streamID: UInt64, max: Int = .max) -> [WatchDelivery] {
        guard let outbox = outboxes[streamID] else { return [] }
        let deliveries = outbox.take(max: max)
        if outbox.takeWantsDrainNotice() { hub.drained(streamID) }
        return deliveries
    }

    func lines(_ streamID: UInt64, max: Int = .max) -> [String] {
        take(streamID, max: max).map(\.text)
    }

    /// Runs until there is nothing left to do at once; `everyRun` says what loops do meanwhile.
    func settle(now: Instant = at(0), everyRun: () -> Void = {}) {
        repeat {
            hub.run(now: now)
            everyRun()
        } while hub.wakeAt.map { $0 <= now && $0.nanoseconds == 0 } ?? false
    }
}

/// Milliseconds after the beginning of the tests' time.
func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000).advanced(byMilliseconds: milliseconds)
}

extension EncodedEvents {
    /// The events as a client decodes them.
    var decoded: [Event] {
        var bytes: [UInt8] = []
        append(0..<count, to: &bytes)
        return (try? WatchResponse(decoding: Bytes(bytes)))?.events ?? []
    }
}

extension WatchDelivery {
    var decodedEvents: [Event] {
        if case .events(_, _, _, let events) = self { events.decoded } else { [] }
    }

    var text: String {
        switch self {
        case .created(let id, let revision): "created \(id) @\(revision)"
        case .cancelled(let id, let revision, let compactRevision, let reason, let alsoCreated):
            (alsoCreated ? "created+" : "") + "cancelled \(id) @\(revision)"
                + (compactRevision == 0 ? "" : " compacted=\(compactRevision)")
                + (reason.isEmpty ? "" : " (\(reason))")
        case .events(let id, let revision, let mayFragment, let events):
            "events \(id) @\(revision)" + (mayFragment ? " in fragments" : "") + ": "
                + events.decoded.map(\.text).joined(separator: ", ")
        case .progress(let id, let revision): "progress \(id) @\(revision)"
        case .ended: "ended"
        }
    }
}

extension Event {
    /// `key=value#revision`, a deletion without a value, then `<value#revision` of before.
    var text: String {
        let now = kv ?? KeyValue()
        let change =
            type == .delete
            ? "-\(now.key.text)#\(now.modRevision)"
            : "\(now.key.text)=\(now.value.text)#\(now.modRevision)"
        return change + (prevKV.map { "<\($0.value.text)#\($0.modRevision)" } ?? "")
    }
}

extension WatchCreateRequest {
    /// As the client would spell it, with text for keys.
    init(
        _ key: String, to rangeEnd: String = "", from startRevision: Int64 = 0, id: Int64 = 0,
        filters: [FilterType] = [], prevKV: Bool = false, progress: Bool = false,
        fragment: Bool = false
    ) {
        self.init(
            key: Bytes(key), rangeEnd: Bytes(rangeEnd), startRevision: startRevision,
            progressNotify: progress, filters: filters, prevKV: prevKV, watchID: id,
            fragment: fragment)
    }
}

extension WatchHub.Counts {
    var text: String {
        "\(streams) streams, \(watchers) watchers, \(slowWatchers) slow, "
            + "\(eventsSent) events sent, \(pendingEvents) pending"
    }
}
