//  Where received databases are kept until the state is replaced by them (spec peer-and-disk 4).

package import NIOCore
package import RuntimeCore
import Synchronization

/// A place for received databases. All calls block, and come on background threads.
package protocol SnapshotFiles: Sendable {
    /// An empty file under a name that nobody looks for.
    func create() throws -> any SnapshotFile
}

/// A database on its way in. One call at a time; nothing may follow `commit` or `discard`, except
/// that `discard` may follow a `commit` that failed.
package protocol SnapshotFile: Sendable {
    func append(_ part: ByteBuffer) throws
    /// Makes the content durable under the name that belongs to `index`.
    func commit(index: UInt64) throws
    /// Removes what was written.
    func discard()
}

/// The directory of the `.snap` files: `tmp-db-N` while a database arrives, then
/// `{index}.snap.db`.
package final class SnapshotDirectory: SnapshotFiles {
    private let path: String
    private let fileSystem: any FileSystem & Sendable
    private let check: @Sendable (_ path: String, _ index: UInt64) throws -> Void
    private let created = Atomic<UInt64>(0)

    /// - Parameter check: looks at a whole, synced file before it gets the name of that index;
    ///   what it throws refuses the file.
    package init(
        path: String, fileSystem: any FileSystem & Sendable,
        check: @escaping @Sendable (_ path: String, _ index: UInt64) throws -> Void = { _, _ in }
    ) {
        self.path = path
        self.fileSystem = fileSystem
        self.check = check
    }

    package func create() throws -> any SnapshotFile {
        let number = created.wrappingAdd(1, ordering: .relaxed).oldValue
        // A file of that name can only be a left-over of an earlier run.
        return try ReceivedDatabase(
            temporary: "\(path)/tmp-db-\(number)", directory: path, fileSystem: fileSystem,
            check: check)
    }

    /// The name of the database that belongs to a snapshot.
    package static func name(index: UInt64) -> String {
        let digits = String(index, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".snap.db"
    }
}

/// The lock is never waited for: calls come one at a time, but from changing threads.
private final class ReceivedDatabase: SnapshotFile {
    private struct State {
        let file: any File
        var path: String
        var size = 0
        /// Invariant: `syncedSize <= size`.
        var syncedSize = 0
    }

    private let directory: String
    private let fileSystem: any FileSystem & Sendable
    private let check: @Sendable (_ path: String, _ index: UInt64) throws -> Void
    private let state: Mutex<State>

    init(
        temporary: String, directory: String, fileSystem: any FileSystem & Sendable,
        check: @escaping @Sendable (_ path: String, _ index: UInt64) throws -> Void
    ) throws(FileError) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.check = check
        state = Mutex(
            State(
                file: try fileSystem.open(temporary, .replace, permissions: 0o600),
                path: temporary))
    }

    func append(_ part: ByteBuffer) throws {
        try state.withLock { state in
            try state.file.write(Array(part.readableBytesView), at: state.size)
            state.size += part.readableBytes
            // The disk keeps pace, so that the last sync does not hold up the log for long.
            if state.size - state.syncedSize >= SnapshotLimits.unsyncedBytesMax {
                try state.file.sync()
                state.syncedSize = state.size
            }
        }
    }

    func commit(index: UInt64) throws {
        try state.withLock { state in
            // In this order: the name must never lead to a file that is not whole.
            try state.file.sync()
            state.file.close()
            try check(state.path, index)
            let path = "\(directory)/\(SnapshotDirectory.name(index: index))"
            try fileSystem.rename(state.path, to: path)
            state.path = path
            try fileSystem.syncDirectory(directory)
        }
    }

    func discard() {
        state.withLock { state in
            state.file.close()
            // What stays is removed at the next start.
            try? fileSystem.remove(state.path)
        }
    }
}
