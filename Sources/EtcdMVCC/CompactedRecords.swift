//  The records that a compaction has to delete, in the order in which the database holds them.

/// Collects revisions in the order of their keys and gives them back in their own, because
/// deletions that are neighbours in the database cost a fraction of scattered ones.
///
/// They are sorted in portions, by when they are fetched: no call takes long.
struct CompactedRecords {
    /// Portions for what an earlier compaction has left, and for what came after it.
    private static let portions: Int64 = 512

    private let earlier: Int64
    private let earlierWidth: Int64
    private let laterWidth: Int64
    private var parts: [[PastRevision]]
    /// The part being handed out, sorted descending, so that the next is its last.
    private var next = 0
    private(set) var count = 0

    /// For a compaction at `main` after one at `previous`.
    init(previous: Int64, main: Int64) {
        earlier = max(previous, 0)
        earlierWidth = earlier / Self.portions + 1
        laterWidth = (main - earlier) / Self.portions + 1
        parts = Array(repeating: [], count: Int(Self.portions) * 2)
    }

    /// Before the first `take`.
    mutating func append(_ key: RevisionKey) {
        precondition(next == 0)
        let main = key.revision.main
        let part =
            main <= earlier
            ? main / earlierWidth : Self.portions + (main - earlier - 1) / laterWidth
        parts[Int(part)].append(
            PastRevision(
                main: main, sub: UInt32(key.revision.sub), isTombstone: key.isTombstone))
        count += 1
    }

    /// The next `limit` revisions, fewer only at the end.
    mutating func take(_ limit: Int) -> [RevisionKey] {
        var taken: [RevisionKey] = []
        while taken.count < limit, count > 0 {
            if next == 0 || parts[next - 1].isEmpty {
                parts[next].sort { $0.revision > $1.revision }
                next += 1
                continue
            }
            guard let past = parts[next - 1].popLast() else { continue }
            taken.append(RevisionKey(past.revision, isTombstone: past.isTombstone))
            count -= 1
        }
        return taken
    }
}
