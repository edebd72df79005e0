//  The store's past as watchers need it.

import EtcdBackend
package import RuntimeCore

extension StoreReader: WatchHistory {
    /// Hands the changes of `from...through` to `body`, in order, those of at most `maxRevisions`
    /// revisions; returns the last revision that was covered completely.
    ///
    /// Apply thread. `from` must not be below `compactRevision`: what is missing there cannot be
    /// told from what never was.
    package func events(
        from: Int64, through: Int64, maxRevisions: Int, _ body: (StoreEvent) -> Void
    ) -> Int64 {
        let through = min(through, currentRevision)
        guard from <= through else { return through }
        var covered = from - 1
        var revisions = 0
        var isComplete = true
        let start = RevisionKey(Revision(main: max(from, 0), sub: 0)).bytes
        let end = RevisionKey(Revision(main: through, sub: Int64.max)).bytes
        views.view().scan(StoreBuckets.key, from: start, to: end) { key, record in
            guard let key = RevisionKey(key), let fields = KeyValueFields(record) else {
                return true
            }
            if revisions == 0 || key.revision.main != covered {
                if revisions >= maxRevisions {
                    isComplete = false
                    return false
                }
                revisions += 1
                covered = key.revision.main
            }
            body(StoreEvent(key, Bytes(Array(record)), fields))
            return true
        }
        return isComplete ? through : covered
    }

    /// The record that `key` had before the changes of `revision`; `nil` when it was absent, or
    /// when that is compacted.
    package func previousValue(of key: Bytes, before revision: Int64) -> Bytes? {
        var moment = moment()
        let main = revision - 1
        guard main >= 1, main <= moment.revision else { return nil }
        moment = StoreMoment(reader: self, revision: main, view: moment.view)
        do throws(MVCCError) {
            let found = try moment.collect(.single(key), at: main, limit: 1) { $0.revision }
            guard let previous = found.first else { return nil }
            return moment.view.get(StoreBuckets.key, key: RevisionKey(previous).bytes)
        } catch {
            return nil
        }
    }
}

extension StoreEvent {
    fileprivate init(_ key: RevisionKey, _ record: Bytes, _ fields: KeyValueFields) {
        self.init(
            isDelete: key.isTombstone, key: record[fields.key], record: record,
            modRevision: key.revision.main, sub: key.revision.sub,
            createRevision: key.isTombstone ? 0 : fields.createRevision)
    }
}
