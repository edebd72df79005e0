//  A file system in memory that keeps a record of every change, can be full or broken, and whose
//  files can be put together again as of any moment.

import RuntimeCore
import Synchronization

/// Memory of a file: stays where it is, like a mapping of it.
final class TestMemory: Sendable {
    let address: UInt
    let capacity: Int
    let size = Mutex(0)

    init(capacity: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4096)
        // Beyond its end a file is not zero but forbidden.
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: capacity)
        address = UInt(bitPattern: memory)
        self.capacity = capacity
    }

    deinit { UnsafeMutableRawPointer(bitPattern: address)!.deallocate() }

    var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }

    var content: [UInt8] {
        Array(UnsafeRawBufferPointer(start: pointer, count: size.withLock { $0 }))
    }
}

/// One directory in memory; names are durable at once.
final class TestDisk: FileSystem {
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
        case sync
    }

    final class Inode {
        let memory: TestMemory
        var changes: [Change] = []
        var isLocked = false

        init(capacity: Int) { memory = TestMemory(capacity: capacity) }

        var size: Int {
            get { memory.size.withLock { $0 } }
            set {
                let old = size
                if newValue > old {
                    (memory.pointer + old).initializeMemory(
                        as: UInt8.self, repeating: 0, count: newValue - old)
                }
                memory.size.withLock { $0 = newValue }
            }
        }
    }

    var inodes: [String: Inode] = [:]
    let fileCapacity: Int
    /// Writes that still succeed before the disk is full; nil: all.
    var writesLeft: Int?
    /// Bytes that a file may have.
    var sizeMax = Int.max
    /// Syncs that still succeed before the device fails; nil: all.
    var syncsLeft: Int?

    init(fileCapacity: Int = 8 << 20) { self.fileCapacity = fileCapacity }

    /// A disk with one file.
    convenience init(_ path: String, _ content: [UInt8]) {
        self.init(fileCapacity: content.count * 2 + 1 << 20)
        let inode = Inode(capacity: fileCapacity)
        inode.size = content.count
        inode.memory.pointer.copyMemory(from: content, byteCount: content.count)
        inodes[path] = inode
    }

    func failure(_ kind: FileError.Kind, _ operation: String, _ path: String) -> FileError {
        FileError(kind: kind, operation: operation, path: path, reason: "\(kind)")
    }

    func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    {
        if inodes[path] == nil {
            guard mode == .replace || mode == .readWriteCreate else {
                throw failure(.notFound, "open", path)
            }
            inodes[path] = Inode(capacity: fileCapacity)
        }
        if mode == .replace { inodes[path]!.size = 0 }
        return TestFile(path: path, inode: inodes[path]!, disk: self)
    }

    func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {}
    func list(_ path: String) throws(FileError) -> [String] { inodes.keys.sorted() }
    func rename(_ source: String, to destination: String) throws(FileError) {
        inodes[destination] = inodes.removeValue(forKey: source)
    }
    func remove(_ path: String) throws(FileError) { inodes[path] = nil }
    func removeTree(_ path: String) throws(FileError) { inodes[path] = nil }
    func syncDirectory(_ path: String) throws(FileError) {}
    func info(_ path: String) throws(FileError) -> FileInfo? {
        inodes[path].map { FileInfo(size: $0.size, isDirectory: false, permissions: 0o600) }
    }
}

final class TestFile: File {
    let path: String
    private let inode: TestDisk.Inode
    private let disk: TestDisk
    private var holdsLock = false

    init(path: String, inode: TestDisk.Inode, disk: TestDisk) {
        self.path = path
        self.inode = inode
        self.disk = disk
    }

    func size() throws(FileError) -> Int { inode.size }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let end = min(offset + count, inode.size)
        guard offset < end else { return [] }
        return Array(
            UnsafeRawBufferPointer(start: inode.memory.pointer + offset, count: end - offset))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        if let left = disk.writesLeft {
            guard left > 0 else {
                // What fits is written before the failure.
                apply(Array(bytes.prefix(bytes.count / 2)), at: offset)
                throw disk.failure(.noSpace, "write", path)
            }
            disk.writesLeft = left - 1
        }
        apply(bytes, at: offset)
    }

    private func apply(_ bytes: [UInt8], at offset: Int) {
        precondition(offset + bytes.count <= inode.memory.capacity)
        if offset + bytes.count > inode.size { inode.size = offset + bytes.count }
        (inode.memory.pointer + offset).copyMemory(from: bytes, byteCount: bytes.count)
        inode.changes.append(.write(offset: offset, bytes: bytes))
    }

    func sync() throws(FileError) {
        if let left = disk.syncsLeft {
            guard left > 0 else { throw disk.failure(.inputOutput, "fdatasync", path) }
            disk.syncsLeft = left - 1
        }
        inode.changes.append(.sync)
    }

    func truncate(to size: Int) throws(FileError) {
        guard size <= min(disk.sizeMax, inode.memory.capacity) else {
            throw disk.failure(.noSpace, "ftruncate", path)
        }
        inode.size = size
        inode.changes.append(.resize(size))
    }

    func preallocate(to size: Int) throws(FileError) {
        if size > inode.size { try truncate(to: size) }
    }

    func map(capacity: Int) throws(FileError) -> any FileMapping {
        guard capacity <= inode.memory.capacity else {
            throw disk.failure(.other, "mmap", path)
        }
        return TestMapping(memory: inode.memory, capacity: capacity)
    }

    func lock() throws(FileError) {
        if inode.isLocked, !holdsLock { throw disk.failure(.locked, "flock", path) }
        inode.isLocked = true
        holdsLock = true
    }

    func close() {
        if holdsLock { inode.isLocked = false }
        holdsLock = false
    }
}

final class TestMapping: FileMapping {
    private let memory: TestMemory
    let capacity: Int

    init(memory: TestMemory, capacity: Int) {
        self.memory = memory
        self.capacity = capacity
    }

    var base: UnsafeRawPointer { UnsafeRawPointer(memory.pointer) }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError)
        -> Int
    {
        let count = min(buffer.count, max(0, memory.size.withLock { $0 } - offset))
        guard count > 0 else { return 0 }
        buffer.baseAddress!.copyMemory(from: memory.pointer + offset, byteCount: count)
        return count
    }

    func releaseResidentPages() {}
}
