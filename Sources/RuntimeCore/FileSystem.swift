//  The file seam: everything the log and the stores ask of a disk, so that a simulated disk can
//  tear, lose and refuse exactly where a real one does.

/// What went wrong with a file, with the operation and path that a person needs to act on it.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case notFound, exists, notDirectory, isDirectory, permissionDenied, noSpace
        /// Somebody else holds the lock.
        case locked
        /// The device failed; after a failed sync the content of the file is not to be trusted.
        case inputOutput
        case other
    }

    package let kind: Kind
    /// The operation in the operating system's words: `open`, `write`, `fdatasync`.
    package let operation: String
    package let path: String
    /// The operating system's text for the failure.
    package let reason: String

    package init(kind: Kind, operation: String, path: String, reason: String) {
        self.kind = kind
        self.operation = operation
        self.path = path
        self.reason = reason
    }

    package var description: String { "\(operation) \(path): \(reason)" }
}

package enum FileOpenMode: Sendable {
    /// Must exist.
    case read
    /// Must exist.
    case readWrite
    /// Made when missing, kept when there.
    case readWriteCreate
    /// Made, or cut to zero length when there.
    case replace
}

package struct FileInfo: Sendable, Equatable {
    package let size: Int
    package let isDirectory: Bool
    /// Permission bits, such as 0o700.
    package let permissions: UInt32

    package init(size: Int, isDirectory: Bool, permissions: UInt32) {
        self.size = size
        self.isDirectory = isDirectory
        self.permissions = permissions
    }
}

/// An open file. Owned by one role; positions are explicit, there is no cursor.
package protocol File: AnyObject {
    var path: String { get }
    func size() throws(FileError) -> Int
    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Writes all of `bytes` or throws; what was written before a failure is undefined.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError)
    /// Content and length reach the device before this returns. After a failure the caller must
    /// stop using the file.
    func sync() throws(FileError)
    func truncate(to size: Int) throws(FileError)
    /// Reserves space up to `size` and extends the file to it; new bytes read as zero.
    func preallocate(to size: Int) throws(FileError)
    /// A window of `capacity` bytes of address space on this file from its start. Bytes appear in
    /// it as the file grows; it stays valid after `close`.
    func map(capacity: Int) throws(FileError) -> any FileMapping
    /// Takes the advisory lock that lasts until `close`, or throws `.locked` at once. Exclusive,
    /// or shared with others who only read if the file was opened for that.
    func lock() throws(FileError)
    /// Idempotent; never fails visibly, because nothing may rest on an unsynced close.
    func close()
}

/// A read-only window on a file that any thread may read.
///
/// Only bytes inside the file's present size may be touched: beyond it the system ends the process.
/// Bytes that are being overwritten meanwhile are undefined; whoever shares pages between a writer
/// and readers never overwrites what a reader may see.
package protocol FileMapping: AnyObject, Sendable {
    /// Valid as long as this object lives.
    var base: UnsafeRawPointer { get }
    /// Bytes of address space; a file that outgrows it needs a new mapping.
    var capacity: Int { get }
    /// Reads by a system call instead of through the window, so that a long scan does not count
    /// as memory of this process. Returns fewer bytes only at the end of the file.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int
    /// Lets the system take back what was touched so far; the content stays readable.
    func releaseResidentPages()
}

/// The operations on names. A directory's entries are durable only after `syncDirectory`.
package protocol FileSystem {
    func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    /// Makes the directory and its missing parents.
    func createDirectory(_ path: String, permissions: UInt32) throws(FileError)
    /// Names in the directory without `.` and `..`, sorted.
    func list(_ path: String) throws(FileError) -> [String]
    /// Replaces `destination` atomically.
    func rename(_ source: String, to destination: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Removes a directory with everything in it; a missing one is no error.
    func removeTree(_ path: String) throws(FileError)
    func syncDirectory(_ path: String) throws(FileError)
    /// `nil` when nothing is there.
    func info(_ path: String) throws(FileError) -> FileInfo?
}

extension FileSystem {
    /// The whole content of a file.
    package func contents(of path: String) throws(FileError) -> [UInt8] {
        let file = try open(path, .read, permissions: 0o600)
        defer { file.close() }
        return try file.read(at: 0, count: try file.size())
    }

    /// Writes a file so that after a crash either the old or the new content is there, whole.
    ///
    /// Order: temporary file, sync, rename, directory sync.
    package func replaceAtomically(
        _ path: String, temporary: String, with bytes: [UInt8], permissions: UInt32
    ) throws(FileError) {
        let file = try open(temporary, .replace, permissions: permissions)
        do throws(FileError) {
            try file.write(bytes, at: 0)
            try file.sync()
        } catch {
            file.close()
            throw error
        }
        file.close()
        try rename(temporary, to: path)
        try syncDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)))
    }
}
