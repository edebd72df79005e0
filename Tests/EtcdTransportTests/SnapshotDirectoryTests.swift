//  Received databases in a directory: what is done to the disk, in which order, and what stays.

import EtcdTransport
import NIOCore
import RuntimeCore
import Synchronization
import Testing

@Suite("snapshot directory")
struct SnapshotDirectoryTests {
    let disk = NotedDisk()

    @Test("a database is synced, checked and renamed, and then its name is made durable")
    func commit() throws {
        let directory = SnapshotDirectory(path: "/snap", fileSystem: disk) { path, _ in
            disk.note("check \(path)")
        }
        let file = try directory.create()
        try file.append(ByteBuffer(string: "one"))
        try file.append(ByteBuffer(string: "two"))
        try file.commit(index: 0xAB)
        #expect(
            disk.notes == [
                "open /snap/tmp-db-0", "write 3 at 0", "write 3 at 3", "sync /snap/tmp-db-0",
                "close /snap/tmp-db-0", "check /snap/tmp-db-0",
                "rename /snap/tmp-db-0 /snap/00000000000000ab.snap.db", "sync directory /snap",
            ])
        #expect(disk.files == ["/snap/00000000000000ab.snap.db": Array("onetwo".utf8)])
    }

    @Test("every database has a temporary name of its own, and a discarded one is removed")
    func discard() throws {
        let directory = SnapshotDirectory(path: "/snap", fileSystem: disk)
        let (first, second) = (try directory.create(), try directory.create())
        try first.append(ByteBuffer(string: "x"))
        first.discard()
        #expect(disk.files == ["/snap/tmp-db-1": []])
        second.discard()
        #expect(disk.files.isEmpty)
    }

    @Test("what fails its check, or cannot be made durable, does not stay")
    func refused() throws {
        struct Corrupt: Error {}
        let directory = SnapshotDirectory(path: "/snap", fileSystem: disk) { _, _ in throw Corrupt()
        }
        let file = try directory.create()
        try file.append(ByteBuffer(string: "x"))
        #expect(throws: Corrupt.self) { try file.commit(index: 1) }
        file.discard()
        #expect(disk.files.isEmpty)

        for operation in ["sync /snap/tmp-db-0", "rename", "sync directory"] {
            disk.refuse(operation)
            let file = try SnapshotDirectory(path: "/snap", fileSystem: disk).create()
            #expect(throws: FileError.self) { try file.commit(index: 1) }
            file.discard()
            #expect(disk.files.isEmpty)
        }
        disk.refuse("open")
        #expect(throws: FileError.self) {
            _ = try SnapshotDirectory(path: "/snap", fileSystem: disk).create()
        }
    }

    @Test("a long database is synced as it grows")
    func keepsPace() throws {
        let file = try SnapshotDirectory(path: "/snap", fileSystem: disk).create()
        let part = ByteBuffer(repeating: 1, count: 8 << 20)
        for _ in 0..<9 { try file.append(part) }
        #expect(disk.notes.filter { $0.hasPrefix("sync") }.count == 2)
    }
}

/// Files in memory, and a note of every operation.
final class NotedDisk: FileSystem, Sendable {
    private struct State {
        var files: [String: [UInt8]] = [:]
        var notes: [String] = []
        var refused = ""
    }

    private let state = Mutex(State())
    var notes: [String] { state.withLock { $0.notes } }
    var files: [String: [UInt8]] { state.withLock { $0.files } }

    /// The next operations whose note begins so fail.
    func refuse(_ prefix: String) { state.withLock { $0.refused = prefix } }
    func note(_ text: String) { state.withLock { $0.notes.append(text) } }

    private func perform(_ text: String, _ body: (inout [String: [UInt8]]) -> Void)
        throws(FileError)
    {
        let isRefused = state.withLock { state in
            state.notes.append(text)
            if !state.refused.isEmpty, text.hasPrefix(state.refused) { return true }
            body(&state.files)
            return false
        }
        if isRefused {
            throw FileError(kind: .noSpace, operation: text, path: "", reason: "refused")
        }
    }

    func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    {
        precondition(mode == .replace && permissions == 0o600)
        try perform("open \(path)") { $0[path] = [] }
        return NotedFile(path: path, disk: self)
    }

    func rename(_ source: String, to destination: String) throws(FileError) {
        try perform("rename \(source) \(destination)") {
            $0[destination] = $0.removeValue(forKey: source)
        }
    }

    func remove(_ path: String) throws(FileError) {
        try perform("remove \(path)") { $0[path] = nil }
    }

    func syncDirectory(_ path: String) throws(FileError) {
        try perform("sync directory \(path)") { _ in }
    }

    func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {}
    func list(_ path: String) throws(FileError) -> [String] { [] }
    func removeTree(_ path: String) throws(FileError) {}
    func info(_ path: String) throws(FileError) -> FileInfo? { nil }

    private final class NotedFile: File {
        let path: String
        let disk: NotedDisk

        init(path: String, disk: NotedDisk) {
            self.path = path
            self.disk = disk
        }

        func size() throws(FileError) -> Int { disk.files[path]?.count ?? 0 }
        func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] { [] }

        func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
            try disk.perform("write \(bytes.count) at \(offset)") { $0[path, default: []] += bytes }
        }

        func sync() throws(FileError) { try disk.perform("sync \(path)") { _ in } }
        func truncate(to size: Int) throws(FileError) {}
        func preallocate(to size: Int) throws(FileError) {}

        func map(capacity: Int) throws(FileError) -> any FileMapping {
            throw FileError(kind: .other, operation: "map", path: path, reason: "not mapped")
        }

        func lock() throws(FileError) {}
        func close() { disk.note("close \(path)") }
    }
}
