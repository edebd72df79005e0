//  Buckets over a database file: writes gathered in memory and committed in batches, views that
//  see them at once.

import Bolt
package import RuntimeCore

/// The owner's side, confined to one thread; everybody else reads through `views`.
///
/// A write is seen by its maker and by views at once, and is durable after the next commit. What
/// must survive a crash before that is in the caller's log. While the device works on a commit
/// (`beginCommitIfDue`), writes go on and gather for the next one.
package final class Backend {
    /// The file format has no longer keys: whoever makes keys of what clients send refuses them.
    package static let keyBytesMax = 32_768

    package let path: String
    package let views: BackendViews
    /// Called at the start of every commit: the owner writes what belongs into the same commit as
    /// the effects it stands for (the applied index).
    package var beforeCommit: (() -> Void)?
    /// Called with every commit that has become durable, and how long its parts took.
    package var afterCommit: ((CommitTimes) -> Void)?
    /// Writes since the last commit, overwritten ones included.
    package private(set) var pendingOperations = 0
    package internal(set) var statistics = Statistics()
    /// The last commit found the disk full, and what it was to write still waits in memory.
    package private(set) var isOutOfSpace = false
    /// Tells how long the parts of commits take; without one nobody wants to know.
    package var clock: (any Clock)?
    /// Of the last commit that wrote something.
    private(set) var lastCommit = CommitTimes()

    let fileSystem: any FileSystem & Sendable
    let declared: [Bucket]
    let settings: Settings
    private(set) var database: Database
    /// The present state: the newest snapshot and the buffer of the running generation.
    private(set) var view: ReadView
    /// The defragmentation that is under way.
    var job: DefragmentJob?
    /// Numbers the copies: one that was given up may still be at its file when the next begins.
    var jobsBegun = 0
    /// A rename whose directory could not be synced: nothing is committed to a file that might
    /// not be there after a crash.
    private var directoryIsUnsynced = false
    /// Keys and values of those writes.
    package private(set) var pendingBytes = 0
    /// When the pending writes are to be committed; `nil` until `beginCommitIfDue` has seen them.
    private var deadline: Instant?
    /// After a failure: not before this.
    private var retryAt: Instant?
    /// The commit that the device works on.
    private var syncing: CommitSync?

    /// Opens the file, or makes it, with all of `buckets` in it.
    package static func open(
        path: String, in fileSystem: any FileSystem & Sendable, buckets: [Bucket],
        settings: Settings
    ) throws(BackendError) -> Backend {
        let database = try openDatabase(path, in: fileSystem, buckets: buckets)
        return Backend(
            path: path, fileSystem: fileSystem, declared: buckets, settings: settings,
            database: database)
    }

    /// Opens a file only to read it, without making buckets that are missing. It stays locked until
    /// `close`; nothing may be written.
    package static func openReadOnly(
        path: String, in fileSystem: any FileSystem & Sendable, buckets: [Bucket]
    ) throws(BackendError) -> Backend {
        let database = try databaseStep { () throws(BoltError) in
            var options = BoltOptions()
            options.isReadOnly = true
            return try Database.open(path: path, in: fileSystem, options: options)
        }
        return Backend(
            path: path, fileSystem: fileSystem, declared: buckets, settings: Settings(),
            database: database)
    }

    private init(
        path: String, fileSystem: any FileSystem & Sendable, declared: [Bucket],
        settings: Settings, database: Database
    ) {
        precondition(Set(declared.map(\.number)).count == declared.count, "numbers are unique")
        precondition(Set(declared.map(\.name)).count == declared.count, "names are unique")
        self.path = path
        self.fileSystem = fileSystem
        self.declared = declared
        self.settings = settings
        self.database = database
        view = ReadView(database.snapshots.pin(), WriteBuffer(declared), declared)
        views = BackendViews(view, of: database)
    }

    /// Gives the file and its lock free, and up a running defragmentation. Pending writes are lost
    /// unless committed before. Views and snapshots stay readable until the next owner of the file
    /// writes to it: let go of them before that. Nothing else may follow.
    package func close() {
        abandonDefragment()
        database.close()
    }

    // MARK: reading and writing

    /// The key is not empty and at most `keyBytesMax` long.
    package func put(_ bucket: Bucket, key: Bytes, value: Bytes) {
        precondition(!key.isEmpty && key.count <= Backend.keyBytesMax)
        view.buffer.set(bucket.number, key: key, value: value)
        pendingOperations += 1
        pendingBytes += key.count + value.count
    }

    /// A key that is not there is no error.
    package func delete(_ bucket: Bucket, key: Bytes) {
        guard !key.isEmpty, key.count <= Backend.keyBytesMax else { return }
        view.buffer.set(bucket.number, key: key, value: nil)
        pendingOperations += 1
        pendingBytes += key.count
    }

    package func get(_ bucket: Bucket, key: Bytes) -> Bytes? { view.get(bucket, key: key) }

    /// As `ReadView.scan`, over everything written before.
    package func scan(
        _ bucket: Bucket, from: Bytes, to: Bytes?,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        view.scan(bucket, from: from, to: to, body)
    }

    /// What is wrong with the pages of the file, page by page; empty when all is sound. Reads
    /// everything; between commits only.
    package func check() -> [String] { database.check() }

    // MARK: commits

    /// Makes all pending writes durable. After a failure they are still pending and visible; when
    /// the error says `isNoSpace`, a later commit may succeed.
    package func commit() throws(BackendError) {
        try finishCommit()
        _ = try commitGeneration { transaction, finished throws(BoltError) in
            try transaction.commit(finished: finished)
            return nil
        }
    }

    /// Begins a commit when the oldest pending write has waited for the batch interval or the batch
    /// is full. To be called after every run of the owner.
    ///
    /// - Returns: what is to be run elsewhere and handed to `finishCommit`; `nil` when no commit is
    ///   due, or one is under way. Only when too much waits in memory for the next commit is that
    ///   one waited for.
    package func beginCommitIfDue(now: Instant) throws(BackendError) -> CommitSync? {
        guard pendingOperations > 0 else { return nil }
        if let retryAt, now < retryAt { return nil }
        let interval = settings.batchMilliseconds
        if deadline == nil, syncing != nil || !isFull {
            deadline = now.advanced(byMilliseconds: interval)
        }
        if syncing != nil {
            guard holdsTooMuch else { return nil }
        } else if !isFull, let deadline, now < deadline {
            return nil
        }
        do throws(BackendError) {
            try finishCommit()
            let pending = try commitGeneration { transaction, finished throws(BoltError) in
                try transaction.commitUnsynced(finished: finished)
            }
            syncing = pending.map { CommitSync($0, clock: clock) }
            return syncing
        } catch {
            // A full disk does not get emptier by asking at once again.
            retryAt = now.advanced(byMilliseconds: interval)
            throw error
        }
    }

    /// Ends a commit, whose syncs are run if nobody has. False for one that has ended before: with
    /// another commit, or with its file.
    package func finishCommit(_ sync: CommitSync) throws(BackendError) -> Bool {
        guard sync === syncing else { return false }
        try finishCommit()
        return true
    }

    private func finishCommit() throws(BackendError) {
        guard let sync = syncing else { return }
        syncing = nil
        sync.run()
        try databaseStep { () throws(BoltError) in try database.finish(sync.pending) }
        lastCommit[.writing] += sync.nanoseconds
        afterCommit?(lastCommit)
    }

    /// Everything pending becomes one generation of the database.
    private func commitGeneration(
        _ end: (WriteTransaction, (CommitPart) -> Void) throws(BoltError) -> PendingSync?
    ) throws(BackendError) -> PendingSync? {
        beforeCommit?()
        guard pendingOperations > 0 else { return nil }
        let sync: PendingSync?
        do throws(BackendError) {
            sync = try writeGeneration(end)
        } catch {
            statistics.failedCommits += 1
            isOutOfSpace = error.isNoSpace
            throw error
        }
        statistics.commits += 1
        statistics.operations += pendingOperations
        job?.journal.append(view.buffer, bytes: pendingBytes)
        clearPending()
        show(database, with: WriteBuffer(declared))
        if sync == nil { afterCommit?(lastCommit) }
        return sync
    }

    /// When `beginCommitIfDue` wants to be called; `nil` when nothing is pending, or a commit is
    /// under way that has to end first.
    package var nextCommit: Instant? {
        guard pendingOperations > 0 else { return nil }
        let atOnce = Instant(nanoseconds: 0)
        if syncing != nil { return holdsTooMuch ? retryAt ?? atOnce : nil }
        return retryAt ?? (isFull ? atOnce : deadline ?? atOnce)
    }

    private var isFull: Bool { pendingOperations >= settings.batchLimit || holdsTooMuch }

    private var holdsTooMuch: Bool { pendingBytes >= settings.batchBytesMax }

    /// The state of the last commit as a file image.
    package func committedSnapshot() -> BackendSnapshot { BackendSnapshot(view.snapshot) }

    private func writeGeneration(
        _ end: (WriteTransaction, (CommitPart) -> Void) throws(BoltError) -> PendingSync?
    ) throws(BackendError) -> PendingSync? {
        // A reader that met a damaged page saw nothing there, and so may what is written now.
        if let damage = views.damage { throw damage }
        if directoryIsUnsynced { try syncDirectory() }
        let buffer = view.buffer
        return try databaseStep { () throws(BoltError) in
            let transaction = database.beginWrite()
            buffer.apply(to: transaction, declared)
            guard let clock else { return try end(transaction) { _ in } }
            var times = CommitTimes()
            var start = clock.monotonic()
            let sync = try end(transaction) { part in
                let end = clock.monotonic()
                times[part] = end.nanoseconds(since: start)
                start = end
            }
            lastCommit = times
            return sync
        }
    }

    // MARK: states

    /// From now on `database` with the writes of `buffer` is the present state, for all.
    func show(_ database: Database, with buffer: WriteBuffer) {
        if database !== self.database { syncing = nil }
        self.database = database
        view = ReadView(database.snapshots.pin(), buffer, declared)
        views.publish(view, of: database)
    }

    /// Renames the file of `next` over the present one and goes on with it; everything fails
    /// before that or nothing. Pending writes in `buffer` stay visible, and pending.
    func replace(with next: Database, at source: String, pending buffer: WriteBuffer)
        throws(BackendError)
    {
        try nameStep { () throws(FileError) in try fileSystem.rename(source, to: path) }
        // The old file has no name any more, whatever comes now.
        let old = database
        next.path = path
        show(next, with: buffer)
        old.close()
        directoryIsUnsynced = true
        try syncDirectory()
    }

    /// Nothing waits for a commit any more.
    func clearPending() {
        pendingOperations = 0
        pendingBytes = 0
        deadline = nil
        retryAt = nil
        isOutOfSpace = false
    }

    private func syncDirectory() throws(BackendError) {
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        try nameStep { () throws(FileError) in try fileSystem.syncDirectory(directory) }
        directoryIsUnsynced = false
    }

    static func openDatabase(
        _ path: String, in fileSystem: any FileSystem & Sendable, buckets: [Bucket]
    ) throws(BackendError) -> Database {
        try databaseStep { () throws(BoltError) in
            let database = try Database.open(path: path, in: fileSystem)
            do throws(BoltError) {
                try createMissing(buckets, in: database)
            } catch {
                database.close()
                throw error
            }
            return database
        }
    }

    private static func createMissing(_ buckets: [Bucket], in database: Database) throws(BoltError)
    {
        let snapshot = database.snapshots.pin()
        let missing = buckets.filter { snapshot.bucket($0.name) == nil }
        if missing.isEmpty { return }
        let transaction = database.beginWrite()
        for bucket in missing { transaction.createBucketIfMissing(bucket.name) }
        try transaction.commit()
    }
}

@available(*, unavailable)
extension Backend: Sendable {}
