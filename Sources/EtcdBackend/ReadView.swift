//  A consistent state of all buckets that any thread may read: committed pages below, the writes
//  of the running generation above.

import Bolt
package import RuntimeCore

/// The buckets as they were when the view was taken, and perhaps writes made after that.
///
/// What was committed when the view was taken neither changes nor disappears by commits,
/// defragmentations or a replacement of the file. Writes and deletions of the running generation do
/// show in it, until that generation is committed: whoever needs a key twice must expect it to have
/// changed. Pages of old states cannot be reused while a view of them lives, so let go of it.
/// Lookups and scans may be made from any thread.
package final class ReadView: Sendable {
    let snapshot: Snapshot
    let buffer: WriteBuffer
    /// By bucket number; `nil` for numbers nobody declared.
    private let buckets: [BucketView?]
    private let declared: [Bucket]

    init(_ snapshot: Snapshot, _ buffer: WriteBuffer, _ declared: [Bucket]) {
        self.snapshot = snapshot
        self.buffer = buffer
        self.declared = declared
        var buckets = [BucketView?](repeating: nil, count: declared.numberBound)
        for bucket in declared { buckets[bucket.number] = snapshot.bucket(bucket.name) }
        self.buckets = buckets
    }

    /// Calls `body` with the value of `key`; false when there is none. The bytes are valid inside
    /// `body` only.
    package func withValue(
        _ bucket: Bucket, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        switch buffer.find(bucket.number, key) {
        case .value(let value): value.withUnsafeBytes(body)
        case .deleted: return false
        case .unknown:
            guard let value = buckets[bucket.number]?.value(of: key) else { return false }
            withExtendedLifetime(snapshot) { body(value) }
        }
        return true
    }

    package func get(_ bucket: Bucket, key: Bytes) -> Bytes? {
        key.withUnsafeBytes { key in
            switch buffer.find(bucket.number, key) {
            case .value(let value): value
            case .deleted: nil
            case .unknown: buckets[bucket.number]?.withValue(key) { Bytes(Array($0)) }
            }
        }
    }

    /// Calls `body` with keys and values from `from` on, below `to` (`nil` for the end of the
    /// bucket), in order, until it answers false. The bytes are valid inside `body` only.
    package func scan(
        _ bucket: Bucket, from: Bytes, to: Bytes?,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        let writes = buffer.writes(bucket.number)
        from.withUnsafeBytes { from in
            guard let to else {
                merge(buckets[bucket.number], writes, from: from, to: nil, body)
                return
            }
            to.withUnsafeBytes { to in
                merge(buckets[bucket.number], writes, from: from, to: to, body)
            }
        }
    }

    /// CRC-32C over all buckets in order of their names: the name, then each key and value.
    ///
    /// - Parameter ignoring: bucket name and key of what shall not count.
    package func hash(ignoring: (Bytes, UnsafeRawBufferPointer) -> Bool) -> UInt32 {
        var crc: UInt32 = 0
        for name in snapshot.bucketNames.sorted() {
            crc = CRC32C.extend(crc, with: name)
            let bucket = declared.first { $0.name == name }
            let writes = bucket.map { buffer.writes($0.number) } ?? OrderedWrites()
            let start = UnsafeRawBufferPointer(start: nil, count: 0)
            merge(snapshot.bucket(name), writes, from: start, to: nil) { key, value in
                if !ignoring(name, key) {
                    crc = CRC32C.extend(CRC32C.extend(crc, with: key), with: value)
                }
                return true
            }
        }
        return crc
    }

    /// After reading much of the database: the memory that this filled goes back to the system,
    /// whose page cache keeps the content. Costs all readers of the file a little.
    package func releaseResidentPages() { snapshot.releaseResidentPages() }

    /// Both layers as one ascending sequence; a write hides the committed value of its key.
    private func merge(
        _ committed: BucketView?, _ writes: OrderedWrites, from: UnsafeRawBufferPointer,
        to: UnsafeRawBufferPointer?,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        var upper = BufferedRange(writes, from: from, to: to)
        if var cursor = committed?.makeCursor() {
            var hasLower = from.isEmpty ? cursor.first() : cursor.seek(from)
            while hasLower {
                let key = cursor.key
                if let to, KeyOrder.compare(key, to) >= 0 { break }
                switch upper.visit(through: key, body) {
                case .stopped: return
                case .hidden: break
                // A bucket within a bucket has no value; etcd makes none.
                case .passed: if !cursor.isBucket, !body(key, cursor.value) { return }
                }
                hasLower = cursor.next()
            }
        }
        upper.visitRest(body)
    }
}

/// The writes of a scan's range, consumed in order beside the committed keys.
private struct BufferedRange {
    enum Step {
        /// `body` wants no more.
        case stopped
        /// A write of the very key was met: the committed value does not count.
        case hidden
        /// The committed value counts.
        case passed
    }

    private let writes: OrderedWrites
    private var position: OrderedWrites.Position
    private let to: UnsafeRawBufferPointer?

    init(
        _ writes: OrderedWrites, from: UnsafeRawBufferPointer, to: UnsafeRawBufferPointer?
    ) {
        self.writes = writes
        self.to = to
        position = writes.lowerBound(from)
    }

    /// Hands over every write up to `key`, and tells what is to be done with `key` itself.
    mutating func visit(
        through key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) -> Step {
        while let write = writes.write(at: position) {
            let order = KeyOrder.compare(write, key, prefix: KeyOrder.prefix(key))
            if order > 0 { return .passed }
            position = writes.position(after: position)
            if !hand(write, body) { return .stopped }
            if order == 0 { return .hidden }
        }
        return .passed
    }

    mutating func visitRest(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        while let write = writes.write(at: position) {
            if let to, KeyOrder.compare(write, to, prefix: KeyOrder.prefix(to)) >= 0 { return }
            if !hand(write, body) { return }
            position = writes.position(after: position)
        }
    }

    private func hand(
        _ write: Write, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        guard let value = write.value else { return true }
        return write.key.withUnsafeBytes { key in value.withUnsafeBytes { body(key, $0) } }
    }
}
