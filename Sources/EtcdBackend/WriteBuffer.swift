//  The writes of one generation: made by the owner since the last commit, seen by every view of
//  that generation.

import Bolt
import RuntimeCore
import Synchronization

/// What `WriteBuffer` knows of a key.
enum BufferedValue {
    /// Not written in this generation: ask the database.
    case unknown
    case deleted
    case value(Bytes)
}

/// The writes of one generation, by bucket. The owner appends, any thread reads.
///
/// Frozen once its generation is committed: then it is the part of the past that a view of the
/// older snapshot needs, and an entry in the journal of a running defragmentation.
final class WriteBuffer: Sendable {
    /// Indexed by bucket number.
    private let parts: [Part]

    /// The writes to one bucket.
    private final class Part: Sendable {
        /// No key with a smaller prefix was written: lookups of older keys, the usual ones, pass
        /// by the lock.
        let lowestPrefix = Atomic<UInt64>(UInt64.max)
        let writes = Mutex(OrderedWrites())
    }

    init(_ declared: [Bucket]) {
        parts = (0..<declared.numberBound).map { _ in Part() }
    }

    /// Owner only.
    func set(_ bucket: Int, key: Bytes, value: Bytes?) {
        let part = parts[bucket]
        let prefix = key.withUnsafeBytes { KeyOrder.prefix($0) }
        part.writes.withLock { $0.set(Write(prefix: prefix, key: key, value: value)) }
        // Only the owner stores, so that load and store need not be one step.
        if prefix < part.lowestPrefix.load(ordering: .relaxed) {
            part.lowestPrefix.store(prefix, ordering: .releasing)
        }
    }

    func find(_ bucket: Int, _ key: UnsafeRawBufferPointer) -> BufferedValue {
        let part = parts[bucket]
        let prefix = KeyOrder.prefix(key)
        if prefix < part.lowestPrefix.load(ordering: .acquiring) { return .unknown }
        return part.writes.withLock { writes in
            guard let write = writes.find(key, prefix: prefix) else { return .unknown }
            return write.value.map { .value($0) } ?? .deleted
        }
    }

    /// The writes as of now; free of copying.
    func writes(_ bucket: Int) -> OrderedWrites {
        parts[bucket].writes.withLock { $0 }
    }

    /// Puts all writes into `transaction`, bucket by bucket in key order.
    func apply(to transaction: WriteTransaction, _ declared: [Bucket]) {
        for bucket in declared {
            let writes = writes(bucket.number)
            if bucket.isSequential { transaction.setSequentialFill(bucket.name) }
            for write in writes.blocks.joined() {
                if let value = write.value {
                    transaction.put(bucket.name, key: write.key, value: value)
                } else {
                    _ = transaction.delete(bucket.name, key: write.key)
                }
            }
        }
    }
}
