//  The part of a defragmentation that runs beside everything else: a compact copy of one committed
//  state, and then of what was committed while it was made.

import Bolt
import RuntimeCore
import Synchronization

/// One defragmentation. Made by `beginDefragment`, run once on any thread, ended by
/// `finishDefragment` on the owner's.
package final class DefragmentJob: Sendable {
    /// Bytes written in one transaction: bounds the memory that it fills.
    private static let transactionBytes = 16 << 20
    /// Transactions after which the memory that reading the old file filled is given back: often
    /// enough to bound it, seldom enough not to take the pages from under all other readers.
    private static let transactionsBetweenReleases = 8
    /// Rounds of catching up before the owner is left with the rest.
    private static let roundsMax = 8

    enum Outcome {
        case running
        case failed(BackendError)
        case copied(DatabaseBox)
    }

    private enum Phase {
        /// Holds the state to be copied.
        case waiting(Snapshot)
        case running
        case copied(DatabaseBox)
        case failed(BackendError)
        /// Given up by the owner, or handed over to it.
        case over
    }

    let journal: DefragmentJournal
    let temporaryPath: String
    private let registry: SnapshotRegistry
    private let fileSystem: any FileSystem & Sendable
    private let declared: [Bucket]
    private let phase: Mutex<Phase>

    init(
        _ snapshot: Snapshot, registry: SnapshotRegistry, to temporaryPath: String,
        in fileSystem: any FileSystem & Sendable, _ declared: [Bucket], journalBytesMax: Int
    ) {
        self.registry = registry
        self.temporaryPath = temporaryPath
        self.fileSystem = fileSystem
        self.declared = declared
        journal = DefragmentJournal(bytesMax: journalBytesMax)
        phase = Mutex(.waiting(snapshot))
    }

    /// Copies; long. A second call does nothing. What went wrong is told by `finishDefragment`.
    package func run() {
        let source = phase.withLock { phase -> Snapshot? in
            guard case .waiting(let snapshot) = phase else { return nil }
            phase = .running
            return snapshot
        }
        guard let source else { return }
        do throws(BackendError) {
            end(with: try makeCopy(of: source))
        } catch {
            removeFile()
            phase.withLock { phase in
                if case .running = phase { phase = .failed(error) }
            }
        }
    }

    // MARK: the owner's side

    /// What came of `run`; a copy is handed over once.
    func takeOutcome() -> Outcome {
        phase.withLock { phase in
            switch phase {
            case .waiting, .running: return .running
            case .failed(let error): return .failed(error)
            case .over: return .failed(.defragmentationAbandoned("it is over"))
            case .copied(let box):
                phase = .over
                return .copied(box)
            }
        }
    }

    /// Gives up: a copy that runs ends early and removes its file.
    func abandon() {
        journal.close()
        let box = phase.withLock { phase -> DatabaseBox? in
            defer { phase = .over }
            if case .copied(let box) = phase { return box }
            return nil
        }
        if let database = box?.take() {
            database.close()
            removeFile()
        }
    }

    /// Applies what was committed since the state that was copied, or since the last time.
    func catchUp(_ copy: Database) throws(BackendError) {
        // Whoever copies a damaged page sees the end of the bucket: such a copy is not complete,
        // and may lack buckets that are written to now.
        if let damage = registry.damage { throw BackendError(damage) }
        var rest = try journal.take()[...]
        while !rest.isEmpty {
            try databaseStep { () throws(BoltError) in
                let transaction = copy.beginWrite()
                var bytes = 0
                while bytes < DefragmentJob.transactionBytes, let entry = rest.popFirst() {
                    entry.buffer.apply(to: transaction, declared)
                    bytes += entry.bytes
                }
                try transaction.commit()
            }
        }
    }

    /// Best effort: what stays is removed at the next start.
    func removeFile() {
        try? fileSystem.remove(temporaryPath)
    }

    // MARK: copying

    private var isAbandoned: Bool {
        phase.withLock { phase in
            if case .over = phase { true } else { false }
        }
    }

    private func end(with box: DatabaseBox) {
        let isWanted = phase.withLock { phase in
            guard case .running = phase else { return false }
            phase = .copied(box)
            return true
        }
        if isWanted { return }
        box.take()?.close()
        removeFile()
    }

    private func makeCopy(of source: Snapshot) throws(BackendError) -> DatabaseBox {
        let copy = try databaseStep { () throws(BoltError) in
            try Database.open(path: temporaryPath, in: fileSystem)
        }
        do throws(BackendError) {
            for name in source.bucketNames { try copyBucket(name, of: source, into: copy) }
            for _ in 0..<DefragmentJob.roundsMax where !journal.isEmpty { try catchUp(copy) }
            // Also when there was nothing to catch up with: the last look for damage.
            try catchUp(copy)
        } catch {
            copy.close()
            throw error
        }
        return DatabaseBox(copy)
    }

    private func copyBucket(_ name: Bytes, of source: Snapshot, into copy: Database)
        throws(BackendError)
    {
        guard let bucket = source.bucket(name) else { return }
        var cursor = bucket.makeCursor()
        var hasMore = cursor.first()
        var transactions = 0
        repeat {
            if isAbandoned { throw .defragmentationAbandoned("it is over") }
            try databaseStep { () throws(BoltError) in
                let transaction = copy.beginWrite()
                transaction.createBucketIfMissing(name)
                transaction.setSequentialFill(name)
                var bytes = 0
                while hasMore, bytes < DefragmentJob.transactionBytes {
                    // A bucket within a bucket is nothing that etcd has or reads.
                    if !cursor.isBucket {
                        transaction.put(name, key: cursor.key, value: cursor.value)
                        bytes += cursor.key.count + cursor.value.count
                    }
                    hasMore = cursor.next()
                }
                try transaction.commit()
            }
            transactions += 1
            if transactions % DefragmentJob.transactionsBetweenReleases == 0 || !hasMore {
                source.releaseResidentPages()
            }
        } while hasMore
    }
}

/// A database on its way from the thread that filled it to the owner.
final class DatabaseBox: Sendable {
    private let content: Mutex<Database?>

    init(_ database: consuming sending Database) { content = Mutex(database) }

    func take() -> sending Database? {
        content.withLock { content in
            let database = content
            content = nil
            return database
        }
    }
}
