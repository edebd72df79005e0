//  One consistent state of the store: a revision, and a view that holds all records up to it.

import EtcdBackend
import EtcdProto
import RuntimeCore
import Synchronization

/// The store as of one revision. Readers take one per request; the owner makes one inside a write,
/// which then sees the changes made so far.
struct StoreMoment {
    let reader: StoreReader
    /// Changes above it are not seen.
    let revision: Int64
    let view: ReadView

    /// What the index tells of one key as of a revision.
    struct Candidate {
        var revision: Revision
        /// Creation, version and lease are unknown (0) when a newer revision has replaced this
        /// one; the record tells.
        var isKnown: Bool
        var createRevision: Int64 = 0
        var version: Int64 = 0
        var lease: Int64 = 0

        init(_ found: TreeIndex.Found) {
            revision = found.revision
            isKnown = found.isNewest
            guard found.isNewest else { return }
            createRevision = found.entry.createRevision
            version = found.entry.version
            lease = found.entry.lease
        }
    }

    /// Keys handed out, or counted one by one, with the index locked; then writers and other
    /// readers get their turn.
    private static let chunk = 1_024

    /// The revision that `asked` means here.
    func resolve(_ asked: Int64) throws(MVCCError) -> Int64 {
        if asked > revision { throw .futureRevision }
        let main = asked <= 0 ? revision : asked
        if main < reader.compactRevision { throw .compacted }
        return main
    }

    // MARK: the index

    /// Number of keys in `range` as of `main`; a part at a time, as `collect`.
    func count(_ range: KeyRange, at main: Int64) throws(MVCCError) -> Int {
        var keys = 0
        var rest = range
        while true {
            let part: TreeIndex.Count? = reader.state.withLock { state in
                if main < state.compactRevision { return nil }
                return Self.countedPart(of: rest, at: main, state.index)
            }
            guard let part else { throw .compacted }
            keys += part.keys
            guard let resume = part.resume else { return keys }
            rest = KeyRange(start: Bytes(resume), end: range.end)
        }
    }

    private static func countedPart(
        of range: KeyRange, at main: Int64, _ index: borrowing TreeIndex
    ) -> TreeIndex.Count {
        if range.isSingle {
            let found = range.start.withUnsafeBytes { index.find($0, at: main) }
            return TreeIndex.Count(keys: found == nil ? 0 : 1)
        }
        return range.withBounds { index.count($0, at: main, most: chunk) }
    }

    /// The first `limit` keys in `range` as of `main`, as `transform` sees them, in key order.
    ///
    /// The index is let go of now and then. What it says of `main` does not change in between,
    /// except by a compaction, which every piece checks for.
    func collect<Element: Sendable>(
        _ range: KeyRange, at main: Int64, limit: Int,
        _ transform: (TreeIndex.Found) -> Element
    ) throws(MVCCError) -> [Element] {
        var elements: [Element] = []
        var rest = range
        var isDone = limit <= 0 || range.isEmpty
        while !isDone {
            let wanted = min(limit - elements.count, Self.chunk)
            let next: Piece? = reader.state.withLock { state in
                if main < state.compactRevision { return nil }
                return Self.piece(
                    of: rest, at: main, limit: wanted, state.index, into: &elements, transform)
            }
            guard let next else { throw .compacted }
            isDone = next.isLast || elements.count == limit
            rest = KeyRange(start: next.resume, end: range.end)
        }
        return elements
    }

    private struct Piece {
        var isLast: Bool
        /// Where the next piece starts.
        var resume: Bytes
    }

    private static func piece<Element>(
        of range: KeyRange, at main: Int64, limit: Int, _ index: borrowing TreeIndex,
        into elements: inout [Element], _ transform: (TreeIndex.Found) -> Element
    ) -> Piece {
        if range.isSingle {
            if let found = range.start.withUnsafeBytes({ index.find($0, at: main) }) {
                elements.append(transform(found))
            }
            return Piece(isLast: true, resume: .empty)
        }
        var left = limit
        var resume: [UInt8] = []
        let isLast = range.withBounds { bounds in
            index.visit(bounds, at: main) { found in
                elements.append(transform(found))
                left -= 1
                if left > 0 { return true }
                // The least key above this one.
                resume = Array(found.entry.key) + [0]
                return false
            }
        }
        return Piece(isLast: isLast, resume: Bytes(resume))
    }

    // MARK: records

    /// Lends the record of `record`, which the index named as of `main`.
    func withRecord<Result>(
        _ record: Revision, at main: Int64, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(MVCCError) -> Result {
        var result: Result?
        let isThere = RevisionKey(record).withUnsafeBytes { key in
            view.withValue(StoreBuckets.key, key) { result = body($0) }
        }
        guard isThere, let result else { throw reader.missing(record, at: main) }
        return result
    }

    func withFields<Result>(
        _ record: Revision, at main: Int64,
        _ body: (UnsafeRawBufferPointer, KeyValueFields) -> Result
    ) throws(MVCCError) -> Result {
        let result = try withRecord(record, at: main) { bytes in
            KeyValueFields(bytes).map { body(bytes, $0) }
        }
        guard let result else {
            throw .corrupt("revision \(record.main), \(record.sub) is no KeyValue")
        }
        return result
    }

    /// `candidate` with everything known.
    func complete(_ candidate: Candidate, at main: Int64) throws(MVCCError) -> Candidate {
        if candidate.isKnown { return candidate }
        return try withFields(candidate.revision, at: main) { _, fields in
            var known = candidate
            known.isKnown = true
            known.createRevision = fields.createRevision
            known.version = fields.version
            known.lease = fields.lease
            return known
        }
    }
}
