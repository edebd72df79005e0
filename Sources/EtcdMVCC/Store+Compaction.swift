//  Forgetting old revisions: begun at once, carried out in steps, resumed after a restart.

import EtcdBackend
import RuntimeCore
import Synchronization

extension Store {
    /// A compaction that is not finished.
    struct Compaction {
        let revision: Int64
        var phase: Phase
        var records: CompactedRecords

        enum Phase {
            /// Finds what to delete in the index and forgets it there; keys below are done.
            case index(Bytes)
            /// Deletes the records found.
            case records
        }

        /// `previous` is the compaction before it.
        init(at revision: Int64, after previous: Int64) {
            self.revision = revision
            phase = .index(.empty)
            records = CompactedRecords(previous: previous, main: revision)
        }
    }

    /// A compaction has work left to do.
    package var hasCompaction: Bool { compaction != nil }

    /// The next step looks at the index, and deletes nothing yet.
    package var isCompactingIndex: Bool {
        if case .index = compaction?.phase { true } else { false }
    }

    /// Records deleted by compactions since the last call.
    package func takeCompactedRecords() -> Int {
        defer { compactedRecords = 0 }
        return compactedRecords
    }

    /// Makes revisions below `revision` unreadable, and lets `compactStep` delete what no read
    /// from `revision` on needs.
    ///
    /// The schedule is written before the first deletion, to the same or an earlier commit, so
    /// that no crash leaves deletions without it.
    /// - Throws: `compacted` when that was compacted before, `futureRevision`.
    package func beginCompaction(at revision: Int64) throws(MVCCError) {
        let previous = reader.compactRevision
        if revision <= previous { throw .compacted }
        if revision > reader.currentRevision { throw .futureRevision }
        write(revision, to: StoreBuckets.scheduledCompactRevision)
        reader.publishCompaction(revision)
        var next = Compaction(at: revision, after: previous)
        // What an unfinished one has taken out of the index can be found nowhere else.
        if var unfinished = compaction {
            for key in unfinished.records.take(Int.max) { next.records.append(key) }
        }
        compaction = next
    }

    /// Takes the compaction a step further: looks at some part of the index, or deletes up to
    /// `limit` records. `true` when it is finished, or none is under way.
    package func compactStep(limit: Int) -> Bool {
        guard var current = compaction.take() else { return true }
        let limit = max(limit, 1)
        switch current.phase {
        case .index(let position):
            compactIndex(&current, from: position, limit: limit)
        case .records:
            for key in current.records.take(limit) {
                compactedRecords += 1
                backend.delete(StoreBuckets.key, key: key.bytes)
            }
            if current.records.count == 0 {
                write(current.revision, to: StoreBuckets.finishedCompactRevision)
                return true
            }
        }
        compaction = current
        return false
    }

    /// One leaf of the index after the other, unlocked in between, until enough are seen or enough
    /// is found.
    private func compactIndex(_ current: inout Compaction, from start: Bytes, limit: Int) {
        var position = start
        var removed: [RevisionKey] = []
        for _ in 0..<settings.compactionLeavesMax where removed.count < limit {
            let isDone = reader.state.withLock { state in
                state.index.compactNext(
                    at: current.revision, from: &position, limit: limit, into: &removed)
            }
            current.phase = isDone ? .records : .index(position)
            if isDone { break }
        }
        for key in removed { current.records.append(key) }
    }

    private func write(_ revision: Int64, to key: Bytes) {
        let value = RevisionKey(Revision(main: revision, sub: 0)).bytes
        backend.put(StoreBuckets.meta, key: key, value: value)
    }
}
