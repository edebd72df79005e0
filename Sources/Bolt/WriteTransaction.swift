//  All changes between two committed states, and the way they become durable.

package import RuntimeCore

/// The parts of a commit, in their order.
package enum CommitPart: Sendable {
    /// Pages that have become too small are merged.
    case merging
    /// What has changed gets its places in the file.
    case placing
    /// Pages and meta are written and synced.
    case writing
}

/// The write transaction of a database: changes in memory until `commit`.
///
/// Belongs to the database's thread. It sees its own changes; readers see none before `commit`
/// returns. A transaction that is released without a commit is rolled back.
///
/// A damaged page that a change runs into makes the change void and the next `commit` fail.
package final class WriteTransaction {
    private enum Phase { case open, staged, ended }

    private let database: Database
    /// Keeps the pages that unchanged parts stand in; gone once the transaction has ended.
    private var base: Snapshot?
    private let workspace: Workspace
    private let directory: Tree
    private var trees: [Bytes: Tree] = [:]
    /// Most changes go to the bucket of the one before.
    private var recent: (name: Bytes, tree: Tree)?
    private var phase = Phase.open

    // Made by staging, kept for another attempt to write.
    private var pages: [PlannedPage] = []
    private var freed: [PageRun] = []
    private var taken: [PageRun] = []
    private var meta: Meta

    init(_ database: Database) {
        self.database = database
        let base = database.current
        self.base = base
        meta = base.meta
        workspace = Workspace(space: base.space, path: database.path)
        directory = Tree(workspace, rootPage: meta.rootPage, sequence: meta.sequence)
    }

    deinit { rollback() }

    // MARK: buckets

    package func createBucketIfMissing(_ name: Bytes) {
        precondition(phase == .open && !name.isEmpty && name.count <= Format.keyBytesMax)
        if tree(name) != nil { return }
        let tree = Tree(workspace, root: Node(isLeaf: true), sequence: 0)
        trees[name] = tree
        enter(name, tree, root: 0)
    }

    /// Pages of this bucket are filled to 90 % from now on: for keys that arrive in order.
    package func setSequentialFill(_ bucket: Bytes) {
        existing(bucket).isSequential = true
    }

    // MARK: keys

    /// Sets a key. The bucket must exist; the key is not empty, at most 32 768 bytes long.
    package func put(_ bucket: Bytes, key: Bytes, value: Bytes) {
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { put(bucket, key: key, value: $0) }
        }
    }

    /// As above; both buffers are copied.
    package func put(
        _ bucket: Bytes, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        precondition(phase == .open)
        precondition(!key.isEmpty && key.count <= Format.keyBytesMax)
        precondition(value.count <= Format.valueBytesMax)
        existing(bucket).put(key, value)
    }

    /// - Returns: false when the key was not there.
    package func delete(_ bucket: Bytes, key: Bytes) -> Bool {
        precondition(phase == .open)
        guard !key.isEmpty else { return false }
        return key.withUnsafeBytes { existing(bucket).delete($0) }
    }

    /// The value as this transaction sees it.
    package func get(_ bucket: Bytes, key: Bytes) -> Bytes? {
        precondition(phase == .open)
        guard !key.isEmpty else { return nil }
        return key.withUnsafeBytes { key in
            guard let entry = existing(bucket).find(key), !entry.isBucket else { return nil }
            return Bytes(Array(entry.value))
        }
    }

    // MARK: end

    /// Makes the changes durable and visible: pages, sync, meta, sync.
    ///
    /// After an error the committed state is the old one. When a page could not be written (a full
    /// disk) the transaction is still there: `commit` may be called again, with no changes in
    /// between, or `rollback`. After a failed sync the database refuses every further commit.
    ///
    /// - Parameter finished: called at the end of each part, for whoever times them. A commit of
    ///   nothing has no `writing`, and another attempt nothing else.
    package func commit(finished: (CommitPart) -> Void = { _ in }) throws(BoltError) {
        guard let sync = try write(finished) else { return }
        if case .failure(let error) = sync.outcome() {
            // What the device holds is unknown, and the pages of a meta that may be there must not
            // change any more.
            database.abandon()
            throw .file(error)
        }
        finished(.writing)
        phase = .ended
        database.publish(meta, freed: freed)
        forget()
    }

    /// Makes the changes visible, and leaves it to whoever runs what is returned to make them
    /// durable: readers may see what a crash undoes. For owners who keep what they write
    /// elsewhere, too.
    ///
    /// - Returns: what `Database.finish` wants before the next transaction; `nil` for a commit of
    ///   nothing.
    package func commitUnsynced(finished: (CommitPart) -> Void = { _ in }) throws(BoltError)
        -> PendingSync?
    {
        guard let sync = try write(finished) else { return nil }
        finished(.writing)
        phase = .ended
        database.publish(meta, freed: freed, unfinished: sync)
        forget()
        return sync
    }

    /// Drops all changes. Idempotent, and nothing after a successful commit.
    package func rollback() {
        guard phase != .ended else { return }
        phase = .ended
        for run in taken { database.free.insert(run) }
        forget()
        database.endTransaction()
    }

    // MARK: private steps

    private func tree(_ name: Bytes) -> Tree? {
        if let recent, recent.name == name { return recent.tree }
        guard let tree = trees[name] ?? open(name) else { return nil }
        trees[name] = tree
        recent = (name, tree)
        return tree
    }

    private func existing(_ name: Bytes) -> Tree {
        if let tree = tree(name) { return tree }
        // On a damaged directory changes go nowhere, and the commit fails.
        precondition(workspace.failure != nil, "no such bucket")
        return Tree(workspace, root: Node(isLeaf: true), sequence: 0)
    }

    private func open(_ name: Bytes) -> Tree? {
        guard !name.isEmpty, let entry = name.withUnsafeBytes({ directory.find($0) }),
            entry.isBucket
        else { return nil }
        guard let root = BucketRoot(entry.value) else {
            workspace.fail(meta.rootPage, "a bucket entry is cut off")
            return nil
        }
        let sequence = entry.value.baseAddress!.word64(8)
        switch root {
        case .page(let number):
            return Tree(workspace, rootPage: number, sequence: sequence)
        case .inline(let address, let count):
            guard let start = UnsafeRawPointer(bitPattern: address),
                let page = Page(start, extent: count, identity: 0), page.isLeaf,
                let node = Node(page, number: 0, pageSize: meta.pageSize)
            else {
                workspace.fail(meta.rootPage, "an inline bucket makes no sense")
                return nil
            }
            return Tree(workspace, root: node, sequence: sequence)
        }
    }

    private func enter(_ name: Bytes, _ tree: Tree, root: UInt64) {
        var value = [UInt8](repeating: 0, count: Format.bucketHeaderBytes)
        value.withUnsafeMutableBytes { buffer in
            buffer.baseAddress!.store64(root, 0)
            buffer.baseAddress!.store64(tree.sequence, 8)
        }
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { directory.put(name, $0, isBucket: true) }
        }
    }

    /// Gives every changed node its pages. The nodes cannot be changed after that.
    private func stage(_ finished: (CommitPart) -> Void) throws(BoltError) {
        var staging = TreeStaging(workspace) { [self] count in allocate(count) }
        let ordered = trees.sorted { $0.key < $1.key }
        for (_, tree) in ordered where tree.isChanged { staging.merge(tree) }
        finished(.merging)
        for (name, tree) in ordered {
            // A new bucket has no page yet, changed or not.
            guard tree.isChanged || isNew(name) else { continue }
            enter(name, tree, root: staging.place(tree))
        }
        if let failure = workspace.failure {
            rollback()
            throw failure
        }
        guard directory.isChanged else {
            finished(.placing)
            return rollback()
        }
        // The new roots had to be entered first; it is small.
        staging.merge(directory)
        meta.rootPage = staging.place(directory)
        if let failure = workspace.failure {
            rollback()
            throw failure
        }
        meta.transactionID += 1
        meta.freeListPage = Format.noFreeList
        freed += staging.freed
        if let list = database.storedList { freed.append(list) }
        pages = staging.pages.sorted { $0.run.first < $1.run.first }
        phase = .staged
        finished(.placing)
    }

    /// Whether the directory still has the bucket without a root.
    private func isNew(_ name: Bytes) -> Bool {
        name.withUnsafeBytes { key in
            guard let entry = directory.find(key) else { return false }
            return entry.valueCount == Format.bucketHeaderBytes
                && entry.value.baseAddress!.word64(0) == 0
        }
    }

    private func allocate(_ count: Int) -> UInt64 {
        if let first = database.free.take(count) {
            taken.append(PageRun(first: first, count: count))
            return first
        }
        let first = meta.highWater
        meta.highWater += UInt64(count)
        return first
    }

    /// Pages get their content; the meta that makes them count is what is returned. `nil` when
    /// nothing has changed.
    private func write(_ finished: (CommitPart) -> Void) throws(BoltError) -> PendingSync? {
        precondition(phase != .ended)
        if database.isAbandoned { throw .abandoned(path: database.path) }
        if phase == .open {
            try stage(finished)
            if phase == .ended { return nil }
        }
        try database.makeRoom(for: meta.highWater)
        try PageWriter(pageSize: meta.pageSize, file: database.file).write(pages)
        let slot = meta.transactionID % 2
        return PendingSync(
            database.file, meta: meta.pageImage(slot: slot), at: Int(slot) * meta.pageSize)
    }

    private func forget() {
        base = nil
        workspace.arena.release()
        pages = []
        freed = []
        taken = []
        trees = [:]
        recent = nil
    }
}

@available(*, unavailable)
extension WriteTransaction: Sendable {}
