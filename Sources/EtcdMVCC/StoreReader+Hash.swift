//  The hash by which members compare their stores (spec grpc-v3 10).

import EtcdBackend
package import EtcdProto
import RuntimeCore

extension StoreReader {
    /// The hash of all revisions up to `revision` (0: the current one), equal on all members that
    /// have compacted equally far, whatever of it is already deleted.
    ///
    /// Reads every record: for a background thread.
    package func hashKV(at revision: Int64) throws(MVCCError) -> HashKVResponse {
        var attempts = 16
        while true {
            let moment = moment()
            let compacted = compactRevision
            if revision > 0, revision < compacted { throw .compacted }
            if revision > moment.revision { throw .futureRevision }
            let main = revision == 0 ? moment.revision : revision
            if let hash = try moment.hash(at: main, compacted: compacted) {
                return HashKVResponse(
                    header: ResponseHeader(revision: moment.revision), hash: hash,
                    compactRevision: compacted, hashRevision: main)
            }
            attempts -= 1
            if attempts == 0 { throw .compacted }
        }
    }
}

extension StoreMoment {
    /// `nil` when a compaction has begun before the scan had its picture of the database.
    fileprivate func hash(at main: Int64, compacted: Int64) throws(MVCCError) -> UInt32? {
        // Of compacted revisions those count that are still the state of a key at `main`. When
        // that is none at all, etcd counts whatever is stored; here that is what a finished
        // compaction leaves. A deletion at the compact revision itself never counts: releases
        // before 3.4.34 and 3.5.16 do not keep it.
        var kept = try collect(.everything, at: main, limit: Int.max) { $0.revision }
        if kept.isEmpty, compacted > 0 {
            guard let rest = try left(byCompactionAt: compacted) else { return nil }
            kept = rest
        }
        kept.removeAll { $0.main > compacted }
        kept.sort()
        var hasPicture: Bool?
        var position = 0
        var problem: MVCCError?
        var crc = CRC32C.checksum(StoreBuckets.key.name)
        var passed = ScannedPages(view)
        view.scan(StoreBuckets.key, from: .empty, to: nil) { key, record in
            passed.count(key, record)
            // The scan has taken its picture; deletions of later compactions are not in it.
            let isUsable = hasPicture ?? (reader.compactRevision == compacted)
            hasPicture = isUsable
            guard isUsable else { return false }
            guard let revisionKey = RevisionKey(key) else {
                problem = .corrupt("bucket key holds a key that is no revision")
                return false
            }
            let revision = revisionKey.revision
            if revision.main > main { return false }
            if revision.main == compacted, revisionKey.isTombstone { return true }
            if revision.main <= compacted {
                while position < kept.count, kept[position] < revision { position += 1 }
                if position == kept.count || kept[position] != revision { return true }
            }
            crc = CRC32C.extend(CRC32C.extend(crc, with: key), with: record)
            return true
        }
        passed.release()
        if let problem { throw problem }
        // A damaged page ends the scan as the end of the bucket does.
        if let damage = reader.views.damage { throw .corrupt("\(damage)") }
        return hasPicture == false ? nil : crc
    }

    /// The revisions that are not deleted by a compaction at `compacted`; `nil` when another one
    /// has begun.
    private func left(byCompactionAt compacted: Int64) throws(MVCCError) -> [Revision]? {
        do throws(MVCCError) {
            return try collect(.everything, at: compacted, limit: Int.max) { $0.revision }
        } catch {
            if reader.compactRevision != compacted { return nil }
            throw error
        }
    }
}
