//  Whether a transaction would write a key twice (spec grpc-v3 6.5).

import EtcdProto
import RuntimeCore

/// Which keys a list of operations puts and deletes, to find one that is written twice. The work
/// grows with the number of operations, however they are nested.
struct KeyUses {
    private var puts: Set<Bytes> = []
    private var deletes = DeletedKeys()

    /// Whether so many operations write that two of them could meet.
    static func needsLook(_ operations: [RequestOp]) -> Bool {
        var writes = 0
        for operation in operations {
            switch operation.request {
            case .put, .deleteRange: writes += 1
            // Its branches are looked at, too.
            case .txn: return true
            case .range, nil: break
            }
        }
        return writes > 1
    }

    /// `nil` when some key would be put twice, or put and deleted, by operations that can both run.
    static func collect(_ operations: [RequestOp]) -> KeyUses? {
        var uses = KeyUses()
        uses.deletes = DeletedKeys(
            operations.lazy.compactMap { operation in
                guard case .deleteRange(let request)? = operation.request else { return nil }
                return (request.key, request.rangeEnd)
            })
        for operation in operations {
            guard case .txn(let request)? = operation.request else { continue }
            guard uses.addNested(request) else { return nil }
        }
        for operation in operations {
            guard case .put(let request)? = operation.request else { continue }
            guard !uses.deletes.contains(request.key), uses.puts.insert(request.key).inserted
            else { return nil }
        }
        return uses
    }

    /// The branches of a nested transaction exclude each other, so that they may share keys.
    private mutating func addNested(_ request: TxnRequest) -> Bool {
        guard let success = KeyUses.collect(request.success),
            let failure = KeyUses.collect(request.failure)
        else { return false }
        for branch in [success, failure] {
            for key in branch.puts where puts.contains(key) || deletes.contains(key) {
                return false
            }
        }
        for branch in [success, failure] { add(branch) }
        return true
    }

    private mutating func add(_ branch: KeyUses) {
        var (larger, smaller) = (puts, branch.puts)
        puts = []
        if larger.count < smaller.count { swap(&larger, &smaller) }
        larger.formUnion(smaller)
        puts = larger
        deletes.formUnion(branch.deletes)
    }
}

/// Keys that are deleted one by one, and ranges of them.
private struct DeletedKeys {
    private typealias Range = (key: Bytes, end: Bytes)

    private var single: Set<Bytes> = []
    /// Ascending, and apart from each other.
    private var ranges: [Range] = []

    init() {}

    /// - Parameter deletions: keys, and ends of ranges, which are empty for single keys.
    init(_ deletions: some Sequence<(Bytes, Bytes)>) {
        var found: [Range] = []
        for (key, end) in deletions {
            if end.isEmpty {
                single.insert(key)
            } else if key < end {
                // etcd does not see an end of one zero byte as the end of all keys here.
                found.append((key, end))
            }
        }
        ranges = Self.joined(found.sorted { $0.key < $1.key })
    }

    func contains(_ key: Bytes) -> Bool {
        if single.contains(key) { return true }
        // The last range that begins at or before the key.
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].key <= key { low = middle + 1 } else { high = middle }
        }
        return low > 0 && key < ranges[low - 1].end
    }

    mutating func formUnion(_ other: DeletedKeys) {
        single.formUnion(other.single)
        if other.ranges.isEmpty { return }
        var merged: [Range] = []
        merged.reserveCapacity(ranges.count + other.ranges.count)
        var rest = other.ranges[...]
        for range in ranges {
            while let next = rest.first, next.key < range.key {
                merged.append(next)
                rest.removeFirst()
            }
            merged.append(range)
        }
        ranges = Self.joined(merged + rest)
    }

    /// Ranges in the order of their keys, those that meet made one.
    private static func joined(_ sorted: [Range]) -> [Range] {
        var result: [Range] = []
        for range in sorted {
            if let last = result.last, range.key <= last.end {
                if last.end < range.end { result[result.count - 1].end = range.end }
            } else {
                result.append(range)
            }
        }
        return result
    }
}
