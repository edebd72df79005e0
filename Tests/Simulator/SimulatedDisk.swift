//  A disk that forgets what was not synced, as real ones do: content per file and sector, names per
//  directory. Faults are drawn from the run's seed.

package import RuntimeCore

/// What a crash does to writes that were not synced.
package enum CrashMode: Sendable, CaseIterable {
    /// Everything unsynced is gone.
    case drop
    /// Every unsynced write is kept or lost on its own, and one may be cut at a sector.
    case tear
    /// As `tear`, and a lost sector may hold garbage.
    case corrupt
}

/// The files of one member. Everything of one run happens on one thread, hence the claim.
package final class SimulatedDisk: FileSystem, @unchecked Sendable {
    static let sectorBytes = 512
    /// No simulated file grows beyond this.
    static let mappingBytesMax = 64 << 20

    final class Inode {
        /// What programs see.
        var current: [UInt8] = []
        /// What survives a crash for certain.
        var durable: [UInt8] = []
        var unsynced: [Change] = []
        var isLocked = false
        /// Windows on the content; they see writes as they happen.
        var mappings: [WeakMapping] = []
    }

    struct WeakMapping {
        weak var mapping: SimulatedMapping?
    }

    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    enum Node {
        case directory
        case file(Inode)
    }

    /// A change of names that is durable only once one of its directories is synced.
    struct Naming {
        enum Action {
            case link(path: String, Node)
            case unlink(path: String)
            case rename(source: String, destination: String)
        }

        var action: Action
    }

    private var entries: [String: Node] = ["/": .directory]
    private var durableEntries: [String: Node] = ["/": .directory]
    private var namings: [Naming] = []
    private(set) var generation = 0

    /// Bytes that all files together may take; a full disk refuses to grow them.
    package var capacity = Int.max
    /// When set, one sync of a file fails as that of a broken device does, after so many others.
    package var syncsBeforeFailure: Int?
    /// Planted bug for the checkers' own tests: sync returns without doing anything.
    package var liesAboutSync = false

    package init() {}

    /// What programs see in a file.
    func content(_ path: String) -> Bytes? {
        guard case .file(let inode)? = entries[path] else { return nil }
        return Bytes(inode.current)
    }

    // MARK: crash

    /// The process is gone, and with it its locks; what it wrote is still to be seen.
    package func endProcess() {
        generation += 1
        for case .file(let inode) in entries.values { inode.isLocked = false }
    }

    /// Power loss: open files are dead, and only what was durable is certain to be there.
    package func crash(_ mode: CrashMode, random: inout RandomSource) {
        generation += 1
        if mode != .drop {
            // Journals keep the order of names: some prefix of the unsynced changes survived.
            let survivors = random.below(namings.count + 1)
            for naming in namings.prefix(survivors) { apply(naming, to: &durableEntries) }
        }
        namings = []
        entries = pruned(durableEntries)
        durableEntries = entries
        for path in entries.keys.sorted() {
            guard case .file(let inode) = entries[path]! else { continue }
            crash(inode, mode, random: &random)
        }
    }

    private func crash(_ inode: Inode, _ mode: CrashMode, random: inout RandomSource) {
        var image = inode.durable
        if mode != .drop {
            for change in inode.unsynced {
                if random.oneIn(2) { continue }
                switch change {
                case .resize(let size):
                    resize(&image, to: size)
                case .write(let offset, let bytes):
                    keep(bytes, at: offset, in: &image, mode, random: &random)
                }
            }
        }
        inode.current = image
        inode.durable = image
        inode.unsynced = []
        inode.isLocked = false
    }

    /// Writes sector by sector, losing or spoiling some.
    private func keep(
        _ bytes: [UInt8], at offset: Int, in image: inout [UInt8], _ mode: CrashMode,
        random: inout RandomSource
    ) {
        let isTorn = random.oneIn(2)
        var position = 0
        while position < bytes.count {
            let sectorEnd =
                ((offset + position) / SimulatedDisk.sectorBytes + 1) * SimulatedDisk.sectorBytes
            let end = min(bytes.count, sectorEnd - offset)
            if isTorn, random.oneIn(3) {
                if mode == .corrupt, random.oneIn(2) {
                    let garbage = (position..<end).map { _ in UInt8(random.below(256)) }
                    write(garbage, at: offset + position, in: &image)
                }
            } else {
                write(Array(bytes[position..<end]), at: offset + position, in: &image)
            }
            position = end
        }
    }

    private func pruned(_ all: [String: Node]) -> [String: Node] {
        all.filter { path, _ in
            var parent = SimulatedDisk.parent(of: path)
            while parent != "/" {
                guard case .directory? = all[parent] else { return false }
                parent = SimulatedDisk.parent(of: parent)
            }
            return true
        }
    }

    // MARK: files

    /// What all files together take.
    package var usedBytes: Int {
        entries.values.reduce(0) { sum, node in
            guard case .file(let inode) = node else { return sum }
            return sum + inode.current.count
        }
    }

    fileprivate func write(_ bytes: [UInt8], to inode: Inode, at offset: Int, path: String)
        throws(FileError)
    {
        let growth = max(0, offset + bytes.count - inode.current.count)
        if growth > 0, capacity != Int.max, usedBytes + growth > capacity {
            throw FileError(
                kind: .noSpace, operation: "write", path: path,
                reason: "No space left on device")
        }
        write(bytes, at: offset, in: &inode.current)
        for each in inode.mappings { each.mapping?.write(bytes, at: offset) }
        inode.unsynced.append(.write(offset: offset, bytes: bytes))
    }

    fileprivate func resize(_ inode: Inode, to size: Int, path: String) throws(FileError) {
        let growth = size - inode.current.count
        if growth > 0, capacity != Int.max, usedBytes + growth > capacity {
            throw FileError(
                kind: .noSpace, operation: "fallocate", path: path,
                reason: "No space left on device")
        }
        resize(&inode.current, to: size)
        inode.unsynced.append(.resize(size))
    }

    fileprivate func map(_ inode: Inode, capacity: Int) -> SimulatedMapping {
        let mapping = SimulatedMapping(
            capacity: min(capacity, SimulatedDisk.mappingBytesMax), content: inode.current)
        inode.mappings.removeAll { $0.mapping == nil }
        inode.mappings.append(WeakMapping(mapping: mapping))
        return mapping
    }

    fileprivate func sync(_ inode: Inode, path: String) throws(FileError) {
        if let left = syncsBeforeFailure {
            syncsBeforeFailure = left > 0 ? left - 1 : nil
            if left == 0 {
                throw FileError(
                    kind: .inputOutput, operation: "fdatasync", path: path,
                    reason: "Input/output error")
            }
        }
        if liesAboutSync { return }
        inode.durable = inode.current
        inode.unsynced = []
    }

    private func write(_ bytes: [UInt8], at offset: Int, in image: inout [UInt8]) {
        if image.count < offset + bytes.count { resize(&image, to: offset + bytes.count) }
        image.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    private func resize(_ image: inout [UInt8], to size: Int) {
        if size < image.count {
            image.removeLast(image.count - size)
        } else {
            image += [UInt8](repeating: 0, count: size - image.count)
        }
    }

    // MARK: names

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private func change(_ action: Naming.Action) {
        let naming = Naming(action: action)
        apply(naming, to: &entries)
        if case .rename(let source, let destination) = action {
            // Names given below a directory move with it.
            for position in namings.indices {
                namings[position] = moved(namings[position], from: source, to: destination)
            }
        }
        namings.append(naming)
    }

    private func moved(_ naming: Naming, from source: String, to destination: String) -> Naming {
        func moved(_ path: String) -> String {
            path.hasPrefix(source + "/") ? destination + path.dropFirst(source.count) : path
        }
        switch naming.action {
        case .link(let path, let node): return Naming(action: .link(path: moved(path), node))
        case .unlink(let path): return Naming(action: .unlink(path: moved(path)))
        case .rename(let old, let new):
            return Naming(action: .rename(source: moved(old), destination: moved(new)))
        }
    }

    private func apply(_ naming: Naming, to names: inout [String: Node]) {
        switch naming.action {
        case .link(let path, let node):
            names[path] = node
        case .unlink(let path):
            names[path] = nil
        case .rename(let source, let destination):
            guard let node = names.removeValue(forKey: source) else { return }
            names[destination] = node
            for path in names.keys where path.hasPrefix(source + "/") {
                names[destination + path.dropFirst(source.count)] = names.removeValue(forKey: path)
            }
        }
    }

    private func touches(_ naming: Naming, _ directory: String) -> Bool {
        switch naming.action {
        case .link(let path, _), .unlink(let path): SimulatedDisk.parent(of: path) == directory
        case .rename(let source, let destination):
            SimulatedDisk.parent(of: source) == directory
                || SimulatedDisk.parent(of: destination) == directory
        }
    }

    private func missing(_ path: String, _ operation: String) -> FileError {
        FileError(
            kind: .notFound, operation: operation, path: path,
            reason: "No such file or directory")
    }

    // MARK: FileSystem

    package func open(_ path: String, _ mode: FileOpenMode, permissions: UInt32) throws(FileError)
        -> any File
    {
        let inode: Inode
        switch (entries[path], mode) {
        case (.file(let found)?, _):
            inode = found
            if case .replace = mode { try resize(inode, to: 0, path: path) }
        case (.directory?, _):
            throw FileError(
                kind: .isDirectory, operation: "open", path: path, reason: "Is a directory")
        case (nil, .read), (nil, .readWrite):
            throw missing(path, "open")
        case (nil, _):
            guard case .directory? = entries[SimulatedDisk.parent(of: path)] else {
                throw missing(path, "open")
            }
            inode = Inode()
            change(.link(path: path, .file(inode)))
        }
        return SimulatedFile(path: path, inode: inode, disk: self, generation: generation)
    }

    package func createDirectory(_ path: String, permissions: UInt32) throws(FileError) {
        if case .directory? = entries[path] { return }
        let parent = SimulatedDisk.parent(of: path)
        if parent != "/" { try createDirectory(parent, permissions: permissions) }
        change(.link(path: path, .directory))
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard case .directory? = entries[path] else { throw missing(path, "readdir") }
        return entries.keys.filter { $0 != "/" && SimulatedDisk.parent(of: $0) == path }
            .map { String($0.dropFirst(path == "/" ? 1 : path.count + 1)) }.sorted()
    }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        guard entries[source] != nil else { throw missing(source, "rename") }
        change(.rename(source: source, destination: destination))
    }

    package func remove(_ path: String) throws(FileError) {
        guard entries[path] != nil else { throw missing(path, "unlink") }
        change(.unlink(path: path))
    }

    package func removeTree(_ path: String) throws(FileError) {
        for name in entries.keys.filter({ $0 == path || $0.hasPrefix(path + "/") }).sorted() {
            change(.unlink(path: name))
        }
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        guard case .directory? = entries[path] else { throw missing(path, "fsync") }
        if liesAboutSync { return }
        let touching = namings.filter { touches($0, path) }
        for naming in touching { apply(naming, to: &durableEntries) }
        namings.removeAll { touches($0, path) }
    }

    package func info(_ path: String) throws(FileError) -> FileInfo? {
        switch entries[path] {
        case nil: nil
        case .directory?: FileInfo(size: 0, isDirectory: true, permissions: 0o700)
        case .file(let inode)?:
            FileInfo(size: inode.current.count, isDirectory: false, permissions: 0o600)
        }
    }
}

/// An open file of a `SimulatedDisk`; dead after a crash.
final class SimulatedFile: File {
    let path: String
    private let inode: SimulatedDisk.Inode
    private let disk: SimulatedDisk
    private let generation: Int
    private var holdsLock = false
    private var isClosed = false

    init(path: String, inode: SimulatedDisk.Inode, disk: SimulatedDisk, generation: Int) {
        self.path = path
        self.inode = inode
        self.disk = disk
        self.generation = generation
    }

    private func checkAlive(_ operation: String) throws(FileError) {
        guard !isClosed, generation == disk.generation else {
            throw FileError(
                kind: .other, operation: operation, path: path, reason: "Bad file descriptor")
        }
    }

    func size() throws(FileError) -> Int {
        try checkAlive("fstat")
        return inode.current.count
    }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try checkAlive("pread")
        let start = min(offset, inode.current.count)
        return Array(inode.current[start..<min(start + count, inode.current.count)])
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try checkAlive("pwrite")
        try disk.write(bytes, to: inode, at: offset, path: path)
    }

    func sync() throws(FileError) {
        try checkAlive("fdatasync")
        try disk.sync(inode, path: path)
    }

    func truncate(to size: Int) throws(FileError) {
        try checkAlive("ftruncate")
        try disk.resize(inode, to: size, path: path)
    }

    func preallocate(to size: Int) throws(FileError) {
        try checkAlive("fallocate")
        if size > inode.current.count { try disk.resize(inode, to: size, path: path) }
    }

    func map(capacity: Int) throws(FileError) -> any FileMapping {
        try checkAlive("mmap")
        return disk.map(inode, capacity: capacity)
    }

    func lock() throws(FileError) {
        try checkAlive("flock")
        if inode.isLocked, !holdsLock {
            throw FileError(
                kind: .locked, operation: "flock", path: path,
                reason: "Resource temporarily unavailable")
        }
        inode.isLocked = true
        holdsLock = true
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if holdsLock, generation == disk.generation { inode.isLocked = false }
    }
}

/// A window on a simulated file: memory of its own that follows the file's writes.
final class SimulatedMapping: FileMapping {
    let capacity: Int
    private let address: UInt

    var base: UnsafeRawPointer { UnsafeRawPointer(bitPattern: address)! }
    private var memory: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: address)!
    }

    init(capacity: Int, content: [UInt8]) {
        self.capacity = capacity
        // Only touched pages cost anything.
        address = UInt(
            bitPattern: UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4_096))
        write(content, at: 0)
    }

    deinit { memory.deallocate() }

    func write(_ bytes: [UInt8], at offset: Int) {
        precondition(offset + bytes.count <= capacity, "a simulated file outgrew its mapping")
        bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            (memory + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError)
        -> Int
    {
        buffer.copyMemory(from: UnsafeRawBufferPointer(start: base + offset, count: buffer.count))
        return buffer.count
    }

    func releaseResidentPages() {}
}
