//  The readers' side of the store: what any thread may ask of it.

import EtcdBackend
package import EtcdProto
import RuntimeCore
import Synchronization

/// The store as readers of any thread see it. One object for the life of a member.
///
/// A read takes three steps in this order: the current revision R, a view of the database, the
/// revisions of the wanted keys as of R from the index. The owner writes in the opposite order:
/// records into the database, keys into the index, then the new current revision. So a view taken
/// after reading R holds all records up to R, and nothing of a write is seen before all of it.
///
/// Records disappear only by compaction at some C, whose owner publishes C before it deletes
/// anything. A read checks C <= R with every look into the index; if that holds, what the index
/// names is needed at C and is not deleted. A compaction that overtakes R after that check may take
/// a record away from under the read, views of the running batch included; then the record is
/// missing and C > R, so that the read ends as compacted, or starts again if it asked for the
/// current revision.
package final class StoreReader: Sendable {
    /// What the lock guards.
    struct State: ~Copyable {
        var index = TreeIndex()
        /// -1 when nothing was ever compacted.
        var compactRevision: Int64 = -1
    }

    let views: BackendViews
    let state = Mutex(State())
    private let current = Atomic<Int64>(1)
    private let compact = Atomic<Int64>(-1)
    private let replacing = Atomic<Bool>(false)

    init(views: BackendViews) { self.views = views }

    /// Revision of the newest complete write; 1 for a store that was never written to.
    package var currentRevision: Int64 { current.load(ordering: .acquiring) }

    /// Revisions below it cannot be read; -1 when nothing was ever compacted.
    package var compactRevision: Int64 { compact.load(ordering: .acquiring) }

    /// Keys that exist at present.
    package var keyCount: Int { state.withLock { $0.index.keyCount } }

    // MARK: reading

    /// Answers a range request; of the header only the revision is filled: the current one.
    ///
    /// - Parameter answerBytesMax: of keys and values, beyond which it throws `answerTooLarge`.
    package func range(_ request: RangeRequest, answerBytesMax: Int = .max)
        throws(MVCCError) -> RangeResponse
    {
        try read(again: request.revision <= 0) { moment throws(MVCCError) in
            try moment.range(request, bytesMax: answerBytesMax)
        }
    }

    /// Answers a transaction of ranges, all as of the same revision.
    ///
    /// - Parameter answerBytesMax: as for `range`.
    package func readTxn(_ request: TxnRequest, answerBytesMax: Int = .max)
        throws(MVCCError) -> TxnResponse
    {
        try read(again: true) { moment throws(MVCCError) in
            try moment.readTxn(request, bytesMax: answerBytesMax)
        }
    }

    /// Attempts before a read that is always overtaken by compactions gives up: each needs a
    /// compaction of its own, so that more than a few never happen.
    private static let attemptsMax = 16

    /// Runs `body` at the present moment, and once more whenever a compaction overtakes it.
    private func read<Response>(
        again: Bool, _ body: (StoreMoment) throws(MVCCError) -> Response
    ) throws(MVCCError) -> Response {
        var attempts = Self.attemptsMax
        while true {
            let moment = moment()
            do throws(MVCCError) {
                return try body(moment)
            } catch {
                attempts -= 1
                // A request may name compacted revisions itself: only a new compaction is a
                // reason to try again.
                let isOvertaken = moment.revision < compactRevision
                guard error == .compacted, again, isOvertaken, attempts > 0 else { throw error }
            }
        }
    }

    /// The present: see the type's comment for the order.
    func moment() -> StoreMoment {
        let revision = currentRevision
        return StoreMoment(reader: self, revision: revision, view: views.view())
    }

    /// Why a record that the index names is not in the view of a read at `revision`.
    func missing(_ record: Revision, at revision: Int64) -> MVCCError {
        if replacing.load(ordering: .acquiring) { return .unavailable }
        if revision < compactRevision { return .compacted }
        return .corrupt("no record of revision \(record.main), \(record.sub)")
    }

    // MARK: for the owner

    /// Makes a complete write visible.
    func publish(_ revision: Int64) {
        precondition(revision > current.load(ordering: .relaxed))
        current.store(revision, ordering: .releasing)
    }

    /// Makes revisions below `revision` unreadable, before their records are deleted.
    func publishCompaction(_ revision: Int64) {
        state.withLock { $0.compactRevision = revision }
        compact.store(revision, ordering: .releasing)
    }

    /// From here on until `install` a missing record means that another database came.
    func startReplacing() { replacing.store(true, ordering: .releasing) }

    /// Takes over what was read from the database.
    func install(_ index: consuming sending TreeIndex, current: Int64, compact: Int64) {
        var index = Optional(index)
        state.withLock { state in
            if let index = index.take() { state.index = index }
            state.compactRevision = compact
            self.current.store(current, ordering: .releasing)
            self.compact.store(compact, ordering: .releasing)
        }
        replacing.store(false, ordering: .releasing)
    }
}
