//  A file system in memory whose disk can be full or broken, and whose power can fail.

import RuntimeCore

/// Files by path. Names are durable at once; content only after a sync.
final class MemoryFileSystem: FileSystem {
    final class Node {
        var content: [UInt8] = []
        var durable: [UInt8] = []
        var isLocked = false
        let isDirectory: Bool

        init(isDirectory: Bool) { self.isDirectory = isDirectory }
    }

    var nodes: [String: Node] = [:]
    /// Bytes that may still be written before the disk is full, whether files grow or not.
    var writableBytes = Int.max
    var failsSync = false
    private(set) var writes = 0
    private(set) var syncs = 0
    private(set) var renames: [String] = []
    private var generation = 0

    /// Everything not synced is lost; open files and locks are gone.
    func losePower() {
        generation += 1
        for node in nodes.values {
            node.content = node.durable
            node.isLocked = false
        }
    }

    /// The process ends; all it wrote stays.
    func endProcess() {
        generation += 1
        for node in nodes.values { node.isLocked = false }
    }

    func failure(_ kind: FileError.Kind, _ operation: String, _ path: String) -> FileError {
        FileError(kind: kind, operation: operation, path: path, reason: "\(kind)")
    }

    func file(_ path: String, _ operation: String) throws(FileError) -> Node {
        guard let node = nodes[path], !node.isDirectory else {
            throw failure(.notFound, operation, path)
        }
        return node
    }

    func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    {
        if nodes[path] == nil {
            guard mode == .replace || mode == .readWriteCreate, nodes[parent(path)] != nil else {
                throw failure(.notFound, "open", path)
            }
            nodes[path] = Node(isDirectory: false)
        }
        let node = try file(path, "open")
        if mode == .replace { node.content = [] }
        return Handle(path: path, node: node, system: self, generation: generation)
    }

    private func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {
        if !path.isEmpty {
            try createDirectory(parent(path), permissions: permissions)
        }
        if nodes[path] == nil { nodes[path] = Node(isDirectory: true) }
    }

    func list(_ path: String) throws(FileError) -> [String] {
        guard nodes[path]?.isDirectory == true else { throw failure(.notFound, "readdir", path) }
        return nodes.keys.filter { !$0.isEmpty && parent($0) == path }
            .map { String($0.dropFirst(path.count + 1)) }.sorted()
    }

    func rename(_ source: String, to destination: String) throws(FileError) {
        guard nodes[source] != nil else { throw failure(.notFound, "rename", source) }
        renames.append("\(source) \(destination)")
        for path in nodes.keys where path == source || path.hasPrefix(source + "/") {
            nodes[destination + path.dropFirst(source.count)] = nodes.removeValue(forKey: path)
        }
    }

    func remove(_ path: String) throws(FileError) {
        guard nodes.removeValue(forKey: path) != nil else {
            throw failure(.notFound, "unlink", path)
        }
    }

    func removeTree(_ path: String) throws(FileError) {
        for name in nodes.keys where name == path || name.hasPrefix(path + "/") {
            nodes[name] = nil
        }
    }

    func syncDirectory(_ path: String) throws(FileError) {}

    func info(_ path: String) throws(FileError) -> FileInfo? {
        nodes[path].map {
            FileInfo(size: $0.content.count, isDirectory: $0.isDirectory, permissions: 0o600)
        }
    }

    final class Handle: File {
        let path: String
        private let node: Node
        private let system: MemoryFileSystem
        private let generation: Int
        private var holdsLock = false

        init(path: String, node: Node, system: MemoryFileSystem, generation: Int) {
            self.path = path
            self.node = node
            self.system = system
            self.generation = generation
        }

        func size() throws(FileError) -> Int { node.content.count }

        func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
            let start = min(offset, node.content.count)
            return Array(node.content[start..<min(start + count, node.content.count)])
        }

        func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
            // As a real disk does: what fits is written before the failure.
            let fitting = min(bytes.count, system.writableBytes)
            if system.writableBytes != Int.max { system.writableBytes -= fitting }
            system.writes += 1
            let end = offset + fitting
            if node.content.count < end {
                node.content += [UInt8](repeating: 0, count: end - node.content.count)
            }
            node.content.replaceSubrange(offset..<end, with: bytes.prefix(fitting))
            if fitting < bytes.count { throw system.failure(.noSpace, "write", path) }
        }

        func sync() throws(FileError) {
            if system.failsSync { throw system.failure(.inputOutput, "fdatasync", path) }
            system.syncs += 1
            node.durable = node.content
        }

        func truncate(to size: Int) throws(FileError) {
            if size < node.content.count {
                node.content.removeLast(node.content.count - size)
            } else {
                node.content += [UInt8](repeating: 0, count: size - node.content.count)
            }
        }

        func preallocate(to size: Int) throws(FileError) {
            guard size > node.content.count else { return }
            if system.writableBytes == 0 { throw system.failure(.noSpace, "fallocate", path) }
            try truncate(to: size)
        }

        func map(capacity: Int) throws(FileError) -> any FileMapping {
            throw system.failure(.other, "mmap", path)
        }

        func lock() throws(FileError) {
            if node.isLocked, !holdsLock { throw system.failure(.locked, "flock", path) }
            node.isLocked = true
            holdsLock = true
        }

        func close() {
            if holdsLock, generation == system.generation { node.isLocked = false }
            holdsLock = false
        }
    }
}
