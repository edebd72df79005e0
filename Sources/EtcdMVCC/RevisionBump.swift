//  Raising the revision of a database that is not in use: clients that saw revisions after a backup
//  was made must not take what comes after its restoring for something they know.

package import EtcdBackend
import RuntimeCore

package enum RevisionBump {
    /// Raises the newest revision by `amount`, and schedules a compaction at it, so that every
    /// watch and every read of an older one is told that its revision is gone.
    ///
    /// As etcd's tools do it: a record without content stands for the new revision. Pending until
    /// the backend's next commit.
    ///
    /// - Returns: the new revision.
    /// - Throws: `corrupt` when a record's key is no revision, or the new one would be none.
    package static func apply(_ amount: UInt64, to backend: Backend) throws(MVCCError) -> Int64 {
        var latest: Int64 = 1
        var problem: MVCCError?
        backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, _ in
            guard let key = RevisionKey(key) else {
                problem = .corrupt("bucket key holds a key that is no revision")
                return false
            }
            latest = max(latest, key.revision.main)
            return true
        }
        if let problem { throw problem }
        guard latest < Revision.mainBound, amount < UInt64(Revision.mainBound - latest) else {
            throw .corrupt("revision \(latest) cannot be raised by \(amount): too large")
        }
        let revision = RevisionKey(Revision(main: latest + Int64(amount), sub: 0))
        backend.put(StoreBuckets.key, key: revision.bytes, value: .empty)
        backend.put(
            StoreBuckets.meta, key: StoreBuckets.scheduledCompactRevision, value: revision.bytes)
        return revision.revision.main
    }
}
