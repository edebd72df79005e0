//  The multi-version store: every write makes a new revision, and old ones stay readable until they
//  are compacted away. Reads: StoreReader. Writes: Store+Writes.swift, Store+Txn.swift. Start:
//  Store+Restore.swift. Compaction: Store+Compaction.swift.

package import EtcdBackend
import EtcdProto
import RuntimeCore
import Synchronization

/// The owner's side of the store; the apply thread only.
///
/// A pure state machine: equal stores that apply equal requests make equal records, answers and
/// events. Records go to the backend's buffer at once and become durable with its next commit;
/// after a crash the log is applied again from the index that was committed with them.
package final class Store {
    package struct Settings: Sendable {
        /// Leaves of the index that one step of a compaction looks at, with some fifty keys each:
        /// about a millisecond.
        package var compactionLeavesMax = 64

        package init() {}
    }

    package let reader: StoreReader
    let backend: Backend
    let settings: Settings
    /// The changes of the last write.
    var events: [StoreEvent] = []
    /// What is left of a compaction.
    var compaction: Compaction?
    /// Deleted by compactions since somebody asked.
    var compactedRecords = 0

    /// Reads the index from `backend` and takes up a compaction that was not finished.
    ///
    /// - Throws: `corrupt` when a record or a page cannot be read.
    package static func open(backend: Backend, settings: Settings = Settings())
        throws(MVCCError) -> Store
    {
        let store = Store(backend: backend, settings: settings)
        try store.restore()
        return store
    }

    private init(backend: Backend, settings: Settings) {
        self.backend = backend
        self.settings = settings
        reader = StoreReader(views: backend.views)
    }

    /// The changes of the last write in the order of their execution, all of them at
    /// `reader.currentRevision`; empty when it changed nothing or they were taken before.
    package func takeEvents() -> [StoreEvent] {
        let taken = events
        events = []
        return taken
    }

    // MARK: a received database

    /// To be called before the backend's file is replaced: from now on until `restore`, reads that
    /// do not find their records fail as `unavailable`.
    package func willReplace() {
        reader.startReplacing()
        compaction = nil
        events = []
    }

    /// Reads everything anew from the backend; `reader` stays the same object. When that fails the
    /// member must stop.
    package func restore() throws(MVCCError) {
        let content = try StoreContent(of: backend)
        compaction = content.unfinishedCompaction.map {
            Compaction(at: $0, after: content.finishedCompaction)
        }
        reader.install(
            content.takeIndex(), current: content.currentRevision,
            compact: content.compactRevision)
    }

    /// Every key that hangs on a lease, in key order: what the lessor has to know after a start.
    package func leaseAttachments() -> [LeaseAttachment] {
        reader.state.withLock { state in
            var attachments: [LeaseAttachment] = []
            let all = TreeIndex.Bounds(lower: nil, upper: nil)
            state.index.visit(all, at: Int64.max) { found in
                let lease = found.entry.lease
                if lease != 0 {
                    let key = Bytes(Array(found.entry.key))
                    attachments.append(LeaseAttachment(key: key, lease: lease))
                }
                return true
            }
            return attachments
        }
    }
}

@available(*, unavailable)
extension Store: Sendable {}
