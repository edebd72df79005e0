//  Puts and deletions. All of a request's changes share one main revision and are seen by readers
//  together, when the request is complete.

import EtcdBackend
package import EtcdProto
package import RuntimeCore
import Synchronization

extension Store {
    /// Puts one key.
    ///
    /// - Parameter answerBytesMax: as for `txn`.
    /// - Throws: `leaseNotFound`, `keyNotFound`; nothing is written then. `answerTooLarge`: it is.
    package func put(
        _ request: PutRequest, leases: any LeaseAttachments, answerBytesMax: Int = .max
    ) throws(MVCCError) -> PutResponse {
        if request.lease != 0, !leases.contains(request.lease) { throw .leaseNotFound }
        var write = startWrite(leases, answerBytesMax)
        if request.ignoreValue || request.ignoreLease,
            try write.momentBefore.count(.single(request.key), at: write.before) == 0
        {
            throw .keyNotFound
        }
        let response = try write.put(request)
        try finish(&write)
        return response
    }

    /// Deletes one key or a range; no revision is used when nothing is there to delete.
    ///
    /// - Parameter answerBytesMax: as for `txn`.
    /// - Throws: `answerTooLarge`: all is deleted.
    package func deleteRange(
        _ request: DeleteRangeRequest, leases: any LeaseAttachments, answerBytesMax: Int = .max
    ) throws(MVCCError) -> DeleteRangeResponse {
        var write = startWrite(leases, answerBytesMax)
        let response = try write.deleteRange(request)
        try finish(&write)
        return response
    }

    /// Deletes `keys` in ascending order within one revision, as the end of a lease does; keys that
    /// are not there are passed by. Returns how many were deleted.
    @discardableResult
    package func deleteKeys(_ keys: [Bytes], leases: any LeaseAttachments)
        throws(MVCCError) -> Int
    {
        var write = startWrite(leases, 0)
        for key in keys.sorted() { _ = try write.delete(.single(key), previous: nil) }
        let count = write.events.count
        try finish(&write)
        return count
    }

    func startWrite(_ leases: any LeaseAttachments, _ answerBytesMax: Int) -> StoreWrite {
        events = []
        return StoreWrite(
            reader: reader, backend: backend, leases: leases, before: reader.currentRevision,
            budget: AnswerBudget(bytesMax: answerBytesMax))
    }

    /// Shows the changes to readers.
    ///
    /// - Throws: `answerTooLarge`, when that is done.
    func finish(_ write: inout StoreWrite) throws(MVCCError) {
        if !write.events.isEmpty {
            events = write.events
            reader.publish(write.main)
        }
        if write.budget.isExceeded {
            throw .answerTooLarge(bytesMax: write.budget.bytesMax)
        }
    }
}

/// The changes of one request while it is being executed.
///
/// Its records and index entries carry a revision that readers do not look at yet. There is no way
/// back: whatever may be refused has been checked before the first change.
struct StoreWrite {
    let reader: StoreReader
    let backend: Backend
    let leases: any LeaseAttachments
    /// The revision before the request.
    let before: Int64
    var budget: AnswerBudget
    var events: [StoreEvent] = []

    /// The revision of the changes.
    var main: Int64 { before + 1 }
    /// The revision to answer with: the new one as soon as something has changed.
    var revision: Int64 { events.isEmpty ? before : main }

    /// The store without the changes of this request.
    var momentBefore: StoreMoment {
        StoreMoment(reader: reader, revision: before, view: backend.views.view())
    }

    /// The store with the changes made so far.
    var moment: StoreMoment {
        StoreMoment(reader: reader, revision: revision, view: backend.views.view())
    }

    // MARK: puts

    mutating func put(_ request: PutRequest) throws(MVCCError) -> PutResponse {
        var response = PutResponse()
        var value = request.value
        var lease = request.lease
        let wantsPrevious = request.prevKV && budget.isOpen
        if wantsPrevious || request.ignoreValue || request.ignoreLease,
            let previous = try record(of: request.key)
        {
            guard let fields = previous.withUnsafeBytes({ KeyValueFields($0) }) else {
                throw .corrupt("the record of a key is no KeyValue")
            }
            if request.ignoreValue { value = previous[fields.value] }
            if request.ignoreLease { lease = fields.lease }
            if wantsPrevious {
                response.prevKV = KeyValue(previous, fields)
                budget.spend(previous.count)
            }
        }
        put(request.key, value: value, lease: lease)
        response.header = ResponseHeader(revision: main)
        return response
    }

    private mutating func put(_ key: Bytes, value: Bytes, lease: Int64) {
        let revision = Revision(main: main, sub: Int64(events.count))
        let written = reader.state.withLock { state in
            key.withUnsafeBytes { state.index.put($0, at: revision, lease: lease) }
        }
        let record = KeyValueRecord.make(
            key: key, createRevision: written.createRevision, modRevision: main,
            version: written.version, value: value, lease: lease)
        backend.put(StoreBuckets.key, key: RevisionKey(revision).bytes, value: record)
        append(record, at: revision, createRevision: written.createRevision, isDelete: false)
        let oldLease = written.previous?.lease ?? 0
        if oldLease == lease { return }
        // A key of its own: the lessor keeps it long after request and record are gone.
        let kept = Bytes(Array(key.array))
        if oldLease != 0 { leases.detach(kept, from: oldLease) }
        if lease != 0 { leases.attach(kept, to: lease) }
    }

    /// The newest record of `key`, changes of this request included; `nil` when it is absent.
    private func record(of key: Bytes) throws(MVCCError) -> Bytes? {
        let moment = moment
        let found = try moment.collect(.single(key), at: revision, limit: 1) { $0.revision }
        guard let newest = found.first else { return nil }
        return try record(newest)
    }

    private func record(_ revision: Revision) throws(MVCCError) -> Bytes {
        let key = RevisionKey(revision).bytes
        guard let record = backend.get(StoreBuckets.key, key: key) else {
            throw reader.missing(revision, at: self.revision)
        }
        return record
    }

    // MARK: deletions

    mutating func deleteRange(_ request: DeleteRangeRequest)
        throws(MVCCError) -> DeleteRangeResponse
    {
        var response = DeleteRangeResponse()
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        if request.prevKV, budget.isOpen {
            var previous = KeyValueList()
            let bytesLeft = budget.bytesLeft
            response.deleted = Int64(
                try delete(range) { record in
                    if previous.encodedBytes < bytesLeft { previous.append(record: record) }
                })
            budget.spend(previous.encodedBytes)
            response.prevKVs = previous
        } else {
            response.deleted = Int64(try delete(range, previous: nil))
        }
        response.header = ResponseHeader(revision: revision)
        return response
    }

    /// Deletes what is in `range`, in key order, and hands the last record of each key to
    /// `previous`. Returns how many keys that were.
    mutating func delete(
        _ range: KeyRange, previous: ((UnsafeRawBufferPointer) -> Void)?
    ) throws(MVCCError) -> Int {
        let found = try moment.collect(range, at: revision, limit: Int.max) {
            Doomed(
                key: Bytes(Array($0.entry.key)), revision: $0.revision, lease: $0.entry.lease)
        }
        if let previous {
            // All are read before anything is deleted: a record that cannot be read must not
            // leave half a request behind.
            for doomed in found {
                try record(doomed.revision).withUnsafeBytes { previous($0) }
            }
        }
        for doomed in found { delete(doomed) }
        return found.count
    }

    private struct Doomed {
        let key: Bytes
        let revision: Revision
        let lease: Int64
    }

    private mutating func delete(_ doomed: Doomed) {
        let revision = Revision(main: main, sub: Int64(events.count))
        reader.state.withLock { state in
            doomed.key.withUnsafeBytes { state.index.delete($0, at: revision) }
        }
        let record = KeyValueRecord.tombstone(key: doomed.key)
        backend.put(
            StoreBuckets.key, key: RevisionKey(revision, isTombstone: true).bytes, value: record)
        append(record, at: revision, createRevision: 0, isDelete: true)
        if doomed.lease != 0 { leases.detach(doomed.key, from: doomed.lease) }
    }

    private mutating func append(
        _ record: Bytes, at revision: Revision, createRevision: Int64, isDelete: Bool
    ) {
        events.append(
            StoreEvent(
                isDelete: isDelete, key: KeyValueRecord.key(of: record), record: record,
                modRevision: revision.main, sub: revision.sub, createRevision: createRevision))
    }
}

extension KeyValue {
    init(_ record: Bytes, _ fields: KeyValueFields) {
        self.init(
            key: record[fields.key], createRevision: fields.createRevision,
            modRevision: fields.modRevision, version: fields.version,
            value: record[fields.value], lease: fields.lease)
    }
}
