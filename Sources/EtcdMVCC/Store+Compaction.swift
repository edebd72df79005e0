//  Forgetting old revisions: begun at once, carried out in steps, resumed after a restart.

import EtcdBackend
import RuntimeCore
import Synchronization

extension Store {
    /// A compaction has records left to delete.
    package var hasCompaction: Bool { compaction != nil }

    /// Makes revisions below `revision` unreadable, and lets `compactStep` delete what no read
    /// from `revision` on needs.
    ///
    /// The schedule is written before the first deletion, to the same or an earlier commit, so
    /// that no crash leaves deletions without it.
    /// - Throws: `compacted` when that was compacted before, `futureRevision`.
    package func beginCompaction(at revision: Int64) throws(MVCCError) {
        if revision <= reader.compactRevision { throw .compacted }
        if revision > reader.currentRevision { throw .futureRevision }
        write(revision, to: StoreBuckets.scheduledCompactRevision)
        reader.publishCompaction(revision)
        // Whatever an unfinished one has left goes with this one, from the first key on.
        compaction = Compaction(revision: revision)
    }

    /// Deletes up to `limit` records; `true` when none are left and the compaction is finished.
    package func compactStep(limit: Int) -> Bool {
        guard var compaction else { return true }
        let limit = max(limit, 1)
        var removed: [RevisionKey] = []
        var isFinished = false
        reader.state.withLock { state in
            isFinished = state.index.compactNext(
                at: compaction.revision, from: &compaction.position, limit: limit,
                keysMax: limit * settings.compactionKeysPerRecord, into: &removed)
        }
        for key in removed { backend.delete(StoreBuckets.key, key: key.bytes) }
        if isFinished {
            write(compaction.revision, to: StoreBuckets.finishedCompactRevision)
        }
        self.compaction = isFinished ? nil : compaction
        return isFinished
    }

    private func write(_ revision: Int64, to key: Bytes) {
        let value = RevisionKey(Revision(main: revision, sub: 0)).bytes
        backend.put(StoreBuckets.meta, key: key, value: value)
    }
}

extension TreeIndex {
    /// Compacts keys from `position` on until `limit` revisions are removed or `keysMax` keys have
    /// been looked at; `true` when no key is left.
    mutating func compactNext(
        at main: Int64, from position: inout Bytes, limit: Int, keysMax: Int,
        into removed: inout [RevisionKey]
    ) -> Bool {
        let keys = compactableKeys(from: position, limit: keysMax)
        for key in keys {
            let isDone = key.withUnsafeBytes {
                compact($0, at: main, limit: limit - removed.count, into: &removed)
            }
            position = isDone ? Bytes(key.array + [0]) : key
            if !isDone || removed.count >= limit { return false }
        }
        return keys.count < keysMax
    }
}
