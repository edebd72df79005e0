//  Files of the real world.

import CLinux
import Glibc
package import RuntimeCore
import SystemPackage

package struct PosixFileSystem: FileSystem, Sendable {
    package init() {}

    package func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32)
        throws(FileError) -> any File
    {
        var options: FileDescriptor.OpenOptions = .closeOnExec
        switch mode {
        case .read, .readWrite: break
        case .readWriteCreate: options.insert(.create)
        case .replace: options.formUnion([.create, .truncate])
        }
        let descriptor = try attempt("open", path) {
            try FileDescriptor.open(
                FilePath(path), mode == .read ? .readOnly : .readWrite, options: options,
                permissions: FilePermissions(rawValue: permissions))
        }
        return PosixFile(path: path, descriptor: descriptor, isReadOnly: mode == .read)
    }

    package func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {
        if try info(path)?.isDirectory == true { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try createDirectory(String(path[..<slash]), permissions: permissions)
        }
        if mkdir(path, permissions) != 0, errno != EEXIST { throw lastError("mkdir", path) }
        guard try info(path)?.isDirectory == true else {
            throw FileError(
                kind: .notDirectory, operation: "mkdir", path: path, reason: "Not a directory")
        }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else { throw lastError("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw lastError("readdir", path) }
        return names.sorted()
    }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        if Glibc.rename(source, destination) != 0 { throw lastError("rename", source) }
    }

    package func remove(_ path: String) throws(FileError) {
        if Glibc.remove(path) != 0 { throw lastError("remove", path) }
    }

    package func removeTree(_ path: String) throws(FileError) {
        guard let info = try info(path) else { return }
        if info.isDirectory {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
        }
        try remove(path)
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        let path = path.isEmpty ? "/" : path
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw lastError("open", path) }
        defer { Glibc.close(descriptor) }
        if fsync(descriptor) != 0 { throw lastError("fsync", path) }
    }

    /// Does not follow a link in the last component.
    package func info(_ path: String) throws(FileError) -> FileInfo? {
        var status = stat()
        if lstat(path, &status) != 0 {
            if errno == ENOENT { return nil }
            throw lastError("stat", path)
        }
        if status.st_mode & S_IFMT == S_IFLNK, stat(path, &status) != 0 {
            throw lastError("stat", path)
        }
        return FileInfo(
            size: Int(status.st_size), isDirectory: status.st_mode & S_IFMT == S_IFDIR,
            permissions: status.st_mode & 0o7777)
    }
}

/// Owned by one thread at a time.
private final class PosixFile: File {
    let path: String
    private let descriptor: FileDescriptor
    private let isReadOnly: Bool
    private var isOpen = true

    init(path: String, descriptor: FileDescriptor, isReadOnly: Bool) {
        self.path = path
        self.descriptor = descriptor
        self.isReadOnly = isReadOnly
    }

    deinit { close() }

    func size() throws(FileError) -> Int {
        var status = stat()
        if fstat(descriptor.rawValue, &status) != 0 { throw lastError("stat", path) }
        return Int(status.st_size)
    }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: Errno?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            do {
                while filled < count {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                    let number = try descriptor.read(
                        fromAbsoluteOffset: Int64(offset + filled), into: rest)
                    if number == 0 { break }
                    filled += number
                }
            } catch {
                failure = error as? Errno ?? .ioError
            }
        }
        if let failure { throw fileError(failure, "read", path) }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        _ = try attempt("write", path) {
            try descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes)
        }
    }

    func sync() throws(FileError) {
        if fdatasync(descriptor.rawValue) != 0 { throw lastError("fdatasync", path) }
    }

    func truncate(to size: Int) throws(FileError) {
        if ftruncate(descriptor.rawValue, size) != 0 { throw lastError("ftruncate", path) }
    }

    func preallocate(to size: Int) throws(FileError) {
        let code = whileInterrupted { fallocate(descriptor.rawValue, 0, 0, size) }
        if code == 0 { return }
        // Some file systems cannot reserve, and one in memory gives up at every signal; then a full
        // disk shows at the write.
        guard code == EOPNOTSUPP || code == ENOSYS || code == EINTR else {
            throw fileError(Errno(rawValue: code), "fallocate", path)
        }
        if try self.size() < size { try truncate(to: size) }
    }

    func map(capacity: Int) throws(FileError) -> any FileMapping {
        try PosixFileMapping(path: path, descriptor: descriptor, capacity: capacity)
    }

    func lock() throws(FileError) {
        // Network file systems refuse exclusive locks to those who only read.
        let kind = isReadOnly ? LOCK_SH : LOCK_EX
        if flock(descriptor.rawValue, kind | LOCK_NB) == 0 { return }
        if errno == EWOULDBLOCK {
            throw FileError(
                kind: .locked, operation: "flock", path: path,
                reason: "another process holds the lock")
        }
        throw lastError("flock", path)
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        // A mapping has a descriptor of its own that would hold the lock further.
        _ = flock(descriptor.rawValue, LOCK_UN)
        // Nothing rests on an unsynced close.
        try? descriptor.close()
    }
}

func attempt<Result>(
    _ operation: String, _ path: String, _ body: () throws -> Result
) throws(FileError) -> Result {
    do {
        return try body()
    } catch {
        throw fileError(error as? Errno ?? .ioError, operation, path)
    }
}

/// Repeats a system call that signals interrupt, a few times.
///
/// - Returns: the error number of the last attempt, 0 after success.
func whileInterrupted(_ call: () -> CInt) -> CInt {
    var code = EINTR
    for _ in 0..<16 where code == EINTR {
        code = call() == 0 ? 0 : errno
    }
    return code
}

func lastError(_ operation: String, _ path: String) -> FileError {
    fileError(Errno(rawValue: errno), operation, path)
}

func fileError(_ code: Errno, _ operation: String, _ path: String) -> FileError {
    let kind: FileError.Kind =
        switch code {
        case .noSuchFileOrDirectory: .notFound
        case .fileExists, .directoryNotEmpty: .exists
        case .notDirectory: .notDirectory
        case .isDirectory: .isDirectory
        case .permissionDenied, .notPermitted, .readOnlyFileSystem: .permissionDenied
        case .noSpace, .diskQuotaExceeded: .noSpace
        case .ioError: .inputOutput
        default: .other
        }
    return FileError(kind: kind, operation: operation, path: path, reason: code.description)
}
