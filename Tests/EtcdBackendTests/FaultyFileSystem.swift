//  Real files that refuse one chosen operation, wait with it, or are changed by others before it.

import RuntimeCore
import RuntimePosix
import Synchronization

/// Passes everything on to the real file system, except for what it was told to refuse.
final class FaultyFileSystem: FileSystem, Sendable {
    private struct State {
        var operations = 0
        /// The number of the operation that is refused.
        var refused: Int?
        /// Everything that needs room is refused.
        var isFull = false
        var kind = FileError.Kind.noSpace
        var wasRefused = false
    }

    /// What a full disk refuses.
    private static let needsRoom: Set = ["open", "write", "truncate", "preallocate"]

    /// Where a thread waits.
    private struct Hold {
        let path: String
        let reached: Latch
        let release: Latch
    }

    private let files = PosixFileSystem()
    private let hold = Mutex<Hold?>(nil)
    private let interference = Mutex<(@Sendable () -> Void)?>(nil)
    private let state = Mutex(State())

    /// Operations that change something since `refuse`.
    var operations: Int { state.withLock { $0.operations } }
    var wasRefused: Bool { state.withLock { $0.wasRefused } }

    /// Starts to count; the operation of this number fails, `nil` for none.
    func refuse(_ number: Int?, kind: FileError.Kind = .noSpace) {
        state.withLock { $0 = State(refused: number, kind: kind) }
    }

    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    /// Whoever changes something at a path that begins like this opens `reached` and waits.
    func hold(_ path: String, reached: Latch, release: Latch) {
        hold.withLock { $0 = Hold(path: path, reached: reached, release: release) }
    }

    /// Nobody else is held; who waits still waits.
    func holdNoMore() { hold.withLock { $0 = nil } }

    /// Happens once, right before the next rename, as if another thread did it.
    func interfere(beforeRename body: @escaping @Sendable () -> Void) {
        interference.withLock { $0 = body }
    }

    fileprivate func waitIfHeld(_ path: String) {
        guard let hold = hold.withLock({ $0 }), path.hasPrefix(hold.path) else { return }
        hold.reached.open()
        hold.release.wait()
    }

    fileprivate func check(_ operation: String, _ path: String) throws(FileError) {
        waitIfHeld(path)
        let kind = state.withLock { state -> FileError.Kind? in
            defer { state.operations += 1 }
            let needsRoom = FaultyFileSystem.needsRoom.contains(operation)
            if state.isFull { return needsRoom ? .noSpace : nil }
            guard state.refused == state.operations, needsRoom || state.kind != .noSpace
            else { return nil }
            state.wasRefused = true
            return state.kind
        }
        guard let kind else { return }
        throw FileError(kind: kind, operation: operation, path: path, reason: "refused by the test")
    }

    func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    {
        if mode != .read { try check("open", path) }
        return FaultyFile(try files.open(path, mode, permissions: permissions), self)
    }

    func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {
        try files.createDirectory(path, permissions: permissions)
    }

    func list(_ path: String) throws(FileError) -> [String] { try files.list(path) }

    func rename(_ source: String, to destination: String) throws(FileError) {
        try check("rename", source)
        let body = interference.withLock { body in
            defer { body = nil }
            return body
        }
        body?()
        try files.rename(source, to: destination)
    }

    func remove(_ path: String) throws(FileError) { try files.remove(path) }
    func removeTree(_ path: String) throws(FileError) { try files.removeTree(path) }

    func syncDirectory(_ path: String) throws(FileError) {
        try check("syncDirectory", path)
        try files.syncDirectory(path)
    }

    func info(_ path: String) throws(FileError) -> FileInfo? { try files.info(path) }
}

private final class FaultyFile: File {
    private let file: any File
    private let owner: FaultyFileSystem

    init(_ file: any File, _ owner: FaultyFileSystem) {
        self.file = file
        self.owner = owner
    }

    var path: String { file.path }
    func size() throws(FileError) -> Int { try file.size() }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try file.read(at: offset, count: count)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        // A page overwritten near the start is a meta page: it has its room.
        let isMeta = offset < 8_192 && bytes.count == 4_096
        do throws(FileError) {
            try owner.check(isMeta ? "writeMeta" : "write", path)
        } catch {
            // Half of it arrived, as it may.
            try file.write(Array(bytes.prefix(bytes.count / 2)), at: offset)
            throw error
        }
        try file.write(bytes, at: offset)
    }

    func sync() throws(FileError) {
        try owner.check("sync", path)
        try file.sync()
    }

    func truncate(to size: Int) throws(FileError) {
        try owner.check("truncate", path)
        try file.truncate(to: size)
    }

    func preallocate(to size: Int) throws(FileError) {
        try owner.check("preallocate", path)
        try file.preallocate(to: size)
    }

    func map(capacity: Int) throws(FileError) -> any FileMapping {
        try file.map(capacity: capacity)
    }

    func lock() throws(FileError) { try file.lock() }
    func close() { file.close() }
}
