//  Reading the store back from its database (spec peer-and-disk 6).

import EtcdBackend
import RuntimeCore

/// What the database holds, read in one pass over bucket `key`.
final class StoreContent {
    /// Versions of a sound key stay below: every put adds one.
    private static let versionBound = Int64.max / 2

    private(set) var currentRevision: Int64 = 1
    private(set) var compactRevision: Int64 = -1
    /// The last compaction that was finished; -1 when there was none.
    private(set) var finishedCompaction: Int64 = -1
    /// A compaction that was begun and not finished. Its revision counts as compacted.
    private(set) var unfinishedCompaction: Int64?
    private var index: TreeIndex? = TreeIndex()
    private var problem: MVCCError?

    init(of backend: Backend) throws(MVCCError) {
        let finished = try Self.revision(StoreBuckets.finishedCompactRevision, backend)
        let scheduled = try Self.revision(StoreBuckets.scheduledCompactRevision, backend)
        restoreIndex(from: backend)
        if let problem { throw problem }
        // A damaged page ends the scan as the end of the bucket does.
        if let damage = backend.views.damage { throw .corrupt("\(damage)") }
        if let finished { finishedCompaction = finished }
        compactRevision = finishedCompaction
        if let scheduled, scheduled > compactRevision {
            compactRevision = scheduled
            unfinishedCompaction = scheduled
        }
        // A compaction may have removed the records of the newest revisions.
        currentRevision = max(currentRevision, compactRevision)
    }

    /// The index, once.
    func takeIndex() -> sending TreeIndex { index.take() ?? TreeIndex() }

    private func restoreIndex(from backend: Backend) {
        guard var index = index.take() else { return }
        let view = backend.views.view()
        var passed = ScannedPages(view)
        var last: Revision?
        view.scan(StoreBuckets.key, from: .empty, to: nil) { key, record in
            passed.count(key, record)
            guard let key = RevisionKey(key), key.revision.sub <= Int64(UInt32.max) else {
                problem = .corrupt("bucket key holds a key that is no revision")
                return false
            }
            if let found = Self.problem(with: key.revision, after: last) {
                problem = found
                return false
            }
            last = key.revision
            // A record without content is what `RevisionBump` and etcd's tools leave; it stands in
            // the index as that of the key of no bytes, which no request can name.
            guard let fields = KeyValueFields(record), !fields.key.isEmpty || record.isEmpty else {
                let revision = key.revision
                problem = .corrupt(
                    "revision \(revision.main), \(revision.sub) is no KeyValue with a key")
                return false
            }
            var state = KeyState(revision: key.revision, isTombstone: key.isTombstone)
            if !key.isTombstone {
                guard fields.version < Self.versionBound else {
                    let revision = key.revision
                    problem = .corrupt(
                        "version \(fields.version) of revision \(revision.main), "
                            + "\(revision.sub) is too large")
                    return false
                }
                state.createRevision = fields.createRevision
                state.version = fields.version
                state.lease = fields.lease
            }
            index.restore(UnsafeRawBufferPointer(rebasing: record[fields.key]), state)
            currentRevision = max(currentRevision, key.revision.main)
            return true
        }
        self.index = consume index
        passed.release()
    }

    /// The index holds no two states of a key at one revision, and the next write needs a number.
    private static func problem(with revision: Revision, after last: Revision?) -> MVCCError? {
        if let last, revision <= last {
            return .corrupt(
                "revision \(revision.main), \(revision.sub) stands behind revision \(last.main), "
                    + "\(last.sub)")
        }
        guard revision.main < Revision.mainBound else {
            return .corrupt("revision \(revision.main), \(revision.sub) is too large")
        }
        return nil
    }

    private static func revision(_ key: Bytes, _ backend: Backend) throws(MVCCError) -> Int64? {
        guard let value = backend.get(StoreBuckets.meta, key: key) else { return nil }
        guard let revision = value.withUnsafeBytes({ RevisionKey($0) }) else {
            throw .corrupt("\(key.text) holds no revision")
        }
        guard revision.revision.main < Revision.mainBound else {
            throw .corrupt("\(key.text) is too large: \(revision.revision.main)")
        }
        return revision.revision.main
    }
}

/// Lets go of the pages of a long scan now and then, so that the whole database does not come to
/// count as memory of this process.
struct ScannedPages {
    private static let bytesMax = 32 << 20

    private let view: ReadView
    private var bytes = 0

    init(_ view: ReadView) { self.view = view }

    @inline(__always)
    mutating func count(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) {
        bytes += key.count + record.count
        if bytes >= Self.bytesMax { release() }
    }

    mutating func release() {
        bytes = 0
        view.releaseResidentPages()
    }
}
