//  The writer's side of one file: opening it, its free pages, and its single write transaction.

package import RuntimeCore

/// How a database is opened.
package struct BoltOptions: Sendable {
    /// Of a file that is made; an existing one has its own.
    package var pageSize = 4096
    /// Address space reserved for the file. A file that outgrows it gets a new, larger mapping.
    package var mappingBytes = 64 << 30
    package var permissions: UInt32 = 0o600
    /// The file must exist and stays as it is: `beginWrite` may not be called.
    package var isReadOnly = false

    package init() {}
}

/// A database file and the right to change it.
///
/// Owned by one thread; readers on any thread use `snapshots`. At most one write transaction is
/// open at a time. The file is locked against other processes until `close`.
package final class Database {
    /// Longer keys are the caller's mistake (the format's limit).
    package static let keyBytesMax = Format.keyBytesMax

    /// Only for messages: the owner may have renamed the file.
    package var path: String
    package let snapshots: SnapshotRegistry

    let file: any File
    /// The newest committed state.
    private(set) var current: Snapshot
    private var mapping: any FileMapping
    private(set) var fileBytes: Int
    /// Pages that the next transaction may write.
    var free: FreePages
    /// The pages of the free list that came with the file: the first commit frees them.
    private(set) var storedList: PageRun?
    /// Pages that a transaction freed while older states were being read, oldest first.
    private var pending: [(transaction: UInt64, runs: [PageRun])] = []
    private var pendingCount = 0
    /// After a failed sync nobody knows what the device holds.
    private(set) var isAbandoned = false
    private(set) var isWriting = false
    /// Of the newest state, until it is known to be durable.
    private var unfinished: PendingSync?
    private var isClosed = false
    /// Nobody needs the free pages of a file that is only read, and finding them fails where the
    /// file is damaged.
    private let isReadOnly: Bool

    private init(
        path: String, file: any File, fileBytes: Int, mapping: any FileMapping,
        current: Snapshot, live: LiveStates, free: FreePages, storedList: PageRun?,
        isReadOnly: Bool
    ) {
        self.isReadOnly = isReadOnly
        self.path = path
        self.file = file
        self.fileBytes = fileBytes
        self.mapping = mapping
        self.current = current
        self.free = free
        self.storedList = storedList
        snapshots = SnapshotRegistry(newest: current, live: live)
    }

    deinit { close() }

    // MARK: open

    /// Opens the file, or makes an empty one when it is missing or empty, and locks it.
    package static func open(
        path: String, in fileSystem: any FileSystem, options: BoltOptions = BoltOptions()
    ) throws(BoltError) -> Database {
        if !options.isReadOnly {
            try createIfMissing(path: path, in: fileSystem, options: options)
        }
        let file = try fileStep { () throws(FileError) in
            try fileSystem.open(
                path, options.isReadOnly ? .read : .readWrite, permissions: options.permissions)
        }
        do throws(BoltError) {
            try fileStep { () throws(FileError) in
                try file.lock()
                // A process that was killed may have left a meta that only the system's cache
                // holds; what it has freed would be written to before it is durable.
                if !options.isReadOnly { try file.sync() }
            }
            return try open(file, path: path, options: options)
        } catch {
            file.close()
            throw error
        }
    }

    private static func open(_ file: any File, path: String, options: BoltOptions)
        throws(BoltError) -> Database
    {
        let fileBytes = try fileStep { () throws(FileError) in try file.size() }
        let meta = try newestMeta(of: file, path: path)
        let contentBytes = Int(meta.highWater) * meta.pageSize
        guard contentBytes <= fileBytes else {
            throw .notDatabase(
                path: path, reason: "\(fileBytes) bytes long instead of \(contentBytes)")
        }
        let mapping = try map(file, bytes: contentBytes, wanted: options.mappingBytes)
        let live = LiveStates()
        let current = Snapshot(meta: meta, path: path, mapping: mapping, live: live)
        let (free, storedList) =
            options.isReadOnly ? (FreePages(), nil) : try FreeListLoader.load(current)
        return Database(
            path: path, file: file, fileBytes: fileBytes, mapping: mapping, current: current,
            live: live, free: free, storedList: storedList, isReadOnly: options.isReadOnly)
    }

    /// An empty database appears whole or not at all: a crash must not leave half a header.
    private static func createIfMissing(
        path: String, in fileSystem: any FileSystem, options: BoltOptions
    ) throws(BoltError) {
        precondition(Format.pageSizes.contains(options.pageSize))
        precondition(options.pageSize & (options.pageSize - 1) == 0)
        try fileStep { () throws(FileError) in
            if let info = try fileSystem.info(path), info.size > 0 || info.isDirectory { return }
            try fileSystem.replaceAtomically(
                path, temporary: path + ".new", with: emptyImage(pageSize: options.pageSize),
                permissions: options.permissions)
        }
    }

    /// As bbolt makes it: two metas, an empty free list and an empty root leaf.
    private static func emptyImage(pageSize: Int) -> [UInt8] {
        var image: [UInt8] = []
        for slot: UInt64 in 0..<2 {
            var meta = Meta(pageSize: pageSize, rootPage: 3, highWater: 4, transactionID: slot)
            meta.freeListPage = 2
            image += meta.pageImage(slot: slot)
        }
        for (page, flags) in [(2, Format.freeListFlag), (3, Format.leafFlag)] as [(UInt64, UInt16)]
        {
            var bytes = [UInt8](repeating: 0, count: pageSize)
            bytes.withUnsafeMutableBytes {
                $0.baseAddress!.storeHeader(page: page, flags: flags, count: 0, overflow: 0)
            }
            image += bytes
        }
        return image
    }

    /// The valid meta with the higher transaction. The second one stands at the page size, which
    /// has to be guessed when the first is lost.
    private static func newestMeta(of file: any File, path: String) throws(BoltError) -> Meta {
        func meta(at offset: Int) throws(BoltError) -> Meta? {
            let bytes = try fileStep { () throws(FileError) in
                try file.read(at: offset, count: Format.pageHeaderBytes + Format.metaBytes)
            }
            return bytes.withUnsafeBytes { Meta(page: $0) }
        }
        let first = try meta(at: 0)
        if let first {
            guard let second = try meta(at: first.pageSize),
                second.transactionID > first.transactionID
            else { return first }
            return second
        }
        var size = Format.pageSizes.lowerBound
        while size <= Format.pageSizes.upperBound {
            if let second = try meta(at: size), second.pageSize == size { return second }
            size *= 2
        }
        throw .notDatabase(path: path, reason: "no valid meta page")
    }

    /// As much address space as wanted, or as there is.
    private static func map(_ file: any File, bytes: Int, wanted: Int) throws(BoltError)
        -> any FileMapping
    {
        var capacity = max(wanted, bytes)
        while true {
            do throws(FileError) {
                return try file.map(capacity: capacity)
            } catch {
                if capacity == bytes { throw .file(error) }
                capacity = max(bytes, capacity / 2)
            }
        }
    }

    // MARK: inputs

    /// Begins the one write transaction. It ends with `commit`, `rollback` or its release.
    package func beginWrite() -> WriteTransaction {
        precondition(!isClosed && !isWriting && !isReadOnly && unfinished == nil)
        isWriting = true
        releasePending()
        return WriteTransaction(self)
    }

    /// Ends a commit that was made without syncs; runs them if nobody has.
    ///
    /// - Throws: when they failed. The database refuses every further commit then.
    package func finish(_ sync: PendingSync) throws(BoltError) {
        precondition(sync === unfinished)
        unfinished = nil
        if case .failure(let error) = sync.outcome() {
            abandon()
            throw .file(error)
        }
    }

    /// Gives the file and its lock back. Snapshots stay readable; a commit without syncs stays
    /// without them.
    package func close() {
        unfinished?.cancel()
        unfinished = nil
        isClosed = true
        file.close()
    }

    /// Bytes of the file that are content or were once: etcd's database size.
    package var highWaterBytes: Int { current.imageBytes }

    /// Bytes within it that are free, or will be once old snapshots are released.
    package var freeBytes: Int { (free.count + pendingCount) * current.meta.pageSize }

    /// What is wrong with the file, the accounting of its free pages included; empty when sound.
    package func check() -> [String] {
        precondition(!isWriting)
        var checker = SnapshotCheck(current)
        var problems = checker.run()
        guard problems.isEmpty else { return problems }
        if isReadOnly {
            do throws(BoltError) {
                (free, storedList) = try FreeListLoader.load(current)
            } catch {
                return ["\(error)"]
            }
        }
        var waiting = PageSet(highWater: current.meta.highWater)
        let otherwise = pending.flatMap(\.runs) + (storedList.map { [$0] } ?? [])
        for run in otherwise where !waiting.insert(run) {
            problems.append("page \(run.first): freed twice")
        }
        for page in Format.firstTreePage..<current.meta.highWater {
            let places =
                (checker.used.contains(page) ? 1 : 0) + (free.contains(page) ? 1 : 0)
                + (waiting.contains(page) ? 1 : 0)
            if places != 1 { problems.append("page \(page): in \(places) places instead of one") }
        }
        return problems
    }

    // MARK: for the transaction

    /// A page freed by transaction t is read by states older than t only.
    private func releasePending() {
        let oldest = snapshots.live.oldest ?? current.transactionID
        let released = pending.prefix { $0.transaction <= oldest }
        for run in released.flatMap(\.runs) {
            free.insert(run)
            pendingCount -= run.count
        }
        pending.removeFirst(released.count)
    }

    /// Makes the file and its mapping large enough for `highWater` pages.
    func makeRoom(for highWater: UInt64) throws(BoltError) {
        let needed = Int(highWater) * current.meta.pageSize
        if needed > fileBytes {
            let size = Database.grownSize(for: needed)
            do throws(FileError) {
                try file.preallocate(to: size)
                fileBytes = size
            } catch {
                guard error.kind == .noSpace, size > needed else { throw .file(error) }
                // The last bytes of a disk are as good as any.
                try fileStep { () throws(FileError) in try file.preallocate(to: needed) }
                fileBytes = needed
            }
        }
        if needed > mapping.capacity {
            mapping = try Database.map(file, bytes: needed, wanted: mapping.capacity * 2)
        }
    }

    /// Small files double, large ones grow in steps of 16 MiB, as bbolt's do.
    private static func grownSize(for needed: Int) -> Int {
        let step = 16 << 20
        if needed > step { return (needed + step - 1) / step * step }
        var size = 32 << 10
        while size < needed { size *= 2 }
        return size
    }

    /// The device failed at a point where its content is unknown.
    func abandon() { isAbandoned = true }

    func endTransaction() { isWriting = false }

    /// The transaction's meta is durable, or will be once `unfinished` is: readers see the new
    /// state from here on. What it has freed is written to by later transactions only.
    func publish(_ meta: Meta, freed: [PageRun], unfinished: PendingSync? = nil) {
        self.unfinished = unfinished
        let snapshot = Snapshot(
            meta: meta, path: path, mapping: mapping, live: snapshots.live)
        if !freed.isEmpty { pending.append((meta.transactionID, freed)) }
        pendingCount += freed.reduce(0) { $0 + $1.count }
        current = snapshot
        storedList = nil
        snapshots.publish(snapshot)
        isWriting = false
    }
}

@available(*, unavailable)
extension Database: Sendable {}
