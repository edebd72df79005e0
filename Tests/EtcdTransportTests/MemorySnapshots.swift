//  Databases that tests send and receive, without a disk.

import EtcdTransport
import NIOCore
import Synchronization

/// Keeps received databases by index; can stall and refuse like a disk.
final class MemorySnapshots: SnapshotFiles {
    enum Trouble: Error { case full }

    struct Content {
        var databases: [UInt64: [UInt8]] = [:]
        /// Files that were made and are neither committed nor discarded.
        var openFiles = 0
        var discarded = 0
        var largestPart = 0
    }

    /// Bytes of one file after which writing fails.
    let capacity: Int
    /// Called on a background thread for every part; may block.
    let onAppend: @Sendable () -> Void
    private let content = Mutex(Content())

    init(capacity: Int = .max, onAppend: @escaping @Sendable () -> Void = {}) {
        self.capacity = capacity
        self.onAppend = onAppend
    }

    var record: Content { content.withLock { $0 } }

    func create() -> any SnapshotFile {
        content.withLock { $0.openFiles += 1 }
        return MemorySnapshot(owner: self)
    }

    private final class MemorySnapshot: SnapshotFile {
        let owner: MemorySnapshots
        let bytes = Mutex<[UInt8]>([])

        init(owner: MemorySnapshots) { self.owner = owner }

        func append(_ part: ByteBuffer) throws {
            owner.onAppend()
            let count = bytes.withLock { bytes in
                bytes += part.readableBytesView
                return bytes.count
            }
            owner.content.withLock {
                $0.largestPart = max($0.largestPart, part.readableBytes)
            }
            if count > owner.capacity { throw Trouble.full }
        }

        func commit(index: UInt64) {
            let bytes = bytes.withLock { $0 }
            owner.content.withLock {
                $0.databases[index] = bytes
                $0.openFiles -= 1
            }
        }

        func discard() {
            owner.content.withLock {
                $0.openFiles -= 1
                $0.discarded += 1
            }
        }
    }
}
