//  One watch as its client sees it, held against the log: every event once, in order, none left
//  out, all of a revision together, with the right previous values.

import EtcdMVCC
import EtcdProto
import RuntimeCore

/// What a client asked for, and how far it has come.
struct WatchCheck {
    enum Stage {
        /// Asked for; nothing heard.
        case requested
        case created
        /// The client has asked to end it.
        case cancelling
    }

    /// On its stream.
    var id: Int64
    let range: KVRangeName
    let wantsPuts: Bool
    let wantsDeletes: Bool
    let wantsPrevious: Bool
    let wantsProgress: Bool
    var stage = Stage.requested
    /// The first revision that may still bring something; 0 for "from now on", until the answer
    /// says when that was. With it the watch goes on elsewhere.
    var next: Int64
    private(set) var eventsSeen = 0

    init(
        id: Int64, range: KVRangeName, wantsPuts: Bool, wantsDeletes: Bool, wantsPrevious: Bool,
        wantsProgress: Bool, next: Int64
    ) {
        self.id = id
        self.range = range
        self.wantsPuts = wantsPuts
        self.wantsDeletes = wantsDeletes
        self.wantsPrevious = wantsPrevious
        self.wantsProgress = wantsProgress
        self.next = next
    }

    var request: WatchCreateRequest {
        var request = WatchCreateRequest(
            key: range.start, rangeEnd: range.end, startRevision: next,
            progressNotify: wantsProgress, prevKV: wantsPrevious, watchID: id)
        if !wantsPuts { request.filters.append(.noput) }
        if !wantsDeletes { request.filters.append(.nodelete) }
        return request
    }

    /// What `revision` brings to this watch.
    func expected(at revision: Int64, _ model: KVModel) -> [KVModel.Change] {
        model.changes(of: revision).filter { change in
            range.contains(change.key) && (change.value == nil ? wantsDeletes : wantsPuts)
        }
    }

    /// The next revision that brings something; `nil` when all that is known has been seen.
    func nextExpected(_ model: KVModel) -> Int64? {
        guard next > 0, next <= model.revision else { return nil }
        return (next...model.revision).first { revision in
            expected(at: revision, model).contains { !mayMiss($0, revision, model) }
        }
    }

    /// A compaction takes the deletions at its own revision away, although one may watch from
    /// there.
    private func mayMiss(_ change: KVModel.Change, _ revision: Int64, _ model: KVModel) -> Bool {
        change.value == nil && revision <= model.compactRevision
    }

    // MARK: deliveries

    mutating func created(at revision: Int64) throws {
        guard case .requested = stage else { throw broken("created twice") }
        stage = .created
        if next == 0 { next = revision + 1 }
    }

    mutating func take(_ events: [Event], _ model: KVModel) throws {
        if case .requested = stage { throw broken("events before it was created") }
        var position = 0
        while position < events.count {
            let revision = events[position].kv?.modRevision ?? 0
            guard revision >= next else {
                throw broken("revision \(revision) came, \(next) was due")
            }
            if let missed = nextExpected(model), missed < revision {
                throw broken("revision \(missed) is missing before \(revision)")
            }
            let group = events[position...].prefix { $0.kv?.modRevision == revision }
            let expected = expected(at: revision, model).filter { change in
                !mayMiss(change, revision, model) || group.contains { $0.kv?.key == change.key }
            }
            guard expected.count == group.count else {
                throw broken(
                    "revision \(revision) has \(expected.count) changes, \(group.count) came")
            }
            for (event, change) in zip(group, expected) {
                try check(event, change, revision, model)
            }
            position += group.count
            next = revision + 1
            eventsSeen += expected.count
        }
    }

    private func check(
        _ event: Event, _ change: KVModel.Change, _ revision: Int64, _ model: KVModel
    ) throws {
        let wanted =
            change.value ?? KeyValue(key: change.key, modRevision: revision)
        guard event.kv == wanted, (event.type == .delete) == (change.value == nil) else {
            throw broken(
                "\(event.kv?.text ?? "nothing") came instead of \(wanted.text) at \(revision)")
        }
        let previous = wantsPrevious ? change.previous : nil
        if event.prevKV == previous { return }
        // What was compacted cannot be told any more.
        if event.prevKV == nil, revision - 1 < model.compactRevision { return }
        throw broken(
            "\(event.prevKV?.text ?? "nothing") came as previous value at \(revision) instead of "
                + (previous?.text ?? "nothing"))
    }

    /// Nothing up to `revision` may be outstanding.
    mutating func progress(to revision: Int64, _ model: KVModel) throws {
        guard case .created = stage else { return }
        if let missed = nextExpected(model), missed <= revision {
            throw broken("told of revision \(revision) before it got \(missed)")
        }
        next = max(next, revision + 1)
    }

    /// The server has forgotten what the watch still needs; it can go on only from there.
    mutating func compacted(at revision: Int64, _ model: KVModel) throws {
        guard next < revision, revision <= model.compactRevision else {
            throw broken("ended because of a compaction at \(revision)")
        }
        next = revision
    }

    private func broken(_ what: String) -> Violation {
        Violation(
            description: "a watch of \(range.start.text)..\(range.end.text) from \(next): \(what)")
    }
}

/// A range by the two fields that requests name it with.
struct KVRangeName: Hashable {
    let start: Bytes
    let end: Bytes

    func contains(_ key: Bytes) -> Bool { KeyRange(key: start, rangeEnd: end).contains(key) }
}
