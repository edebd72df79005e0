//  The v3 key space of one replica: database, revisions, watches, leases and alarms, as the apply
//  role owns them, and the part of them that any thread may read.

package import EtcdAuth
package import EtcdBackend
package import EtcdLease
package import EtcdMVCC
package import Raft
package import RuntimeCore
import Synchronization

/// What event loops and background threads see of the v3 key space.
package final class V3Views: Sendable {
    /// One object for all of the member's life; a received snapshot replaces what it shows.
    package let reader: StoreReader
    package let backend: BackendViews
    package let lessor: Lessor
    package let alarms: Alarms
    package let auth: AuthStore
    package let quota: SpaceQuota
    package let metrics = V3Metrics()
    private let downgradeState = Mutex(DowngradeState())
    /// Watch streams whose end found no place in the queue of the apply role.
    private let lostCloses = Mutex<[UInt64]>([])

    init(
        reader: StoreReader, backend: BackendViews, lessor: Lessor, alarms: Alarms,
        auth: AuthStore, quota: SpaceQuota
    ) {
        self.reader = reader
        self.backend = backend
        self.lessor = lessor
        self.alarms = alarms
        self.auth = auth
        self.quota = quota
    }

    package var downgrade: DowngradeState { downgradeState.withLock { $0 } }

    func set(_ downgrade: DowngradeState) { downgradeState.withLock { $0 = downgrade } }

    func noteLostClose(of stream: UInt64) { lostCloses.withLock { $0.append(stream) } }

    func takeLostCloses() -> [UInt64] {
        lostCloses.withLock { streams in
            defer { streams = [] }
            return streams
        }
    }
}

/// Owned by the apply role; made before the roles start and handed over.
package final class V3Keyspace {
    package struct Settings: Sendable {
        package var quotaBytes: Int64
        package var compactionBatch: Int
        package var compactionPauseMilliseconds: UInt64
        package var minimumLeaseSeconds: Int64
        package var checkpointsLeases: Bool
        package var persistsLeaseCheckpoints: Bool
        package var watchProgressMilliseconds: UInt64
        package var commitMilliseconds: UInt64
        package var commitOperations: Int
        package var bcryptCost: Int
        /// Writes that wait in memory for a disk that is full: beyond this the member stops.
        package var backlogBytesMax: Int
        package var tokens: TokenKind

        package init(
            quotaBytes: Int64 = 0, compactionBatch: Int = 1_000,
            compactionPauseMilliseconds: UInt64 = 10, minimumLeaseSeconds: Int64 = 2,
            checkpointsLeases: Bool = false, persistsLeaseCheckpoints: Bool = false,
            watchProgressMilliseconds: UInt64 = 600_000,
            commitMilliseconds: UInt64 = 100, commitOperations: Int = 10_000,
            bcryptCost: Int = 10, backlogBytesMax: Int = Limits.databaseBacklogBytesMax,
            tokens: TokenKind = .simple(seconds: 300)
        ) {
            self.quotaBytes = quotaBytes
            self.compactionBatch = compactionBatch
            self.compactionPauseMilliseconds = compactionPauseMilliseconds
            self.minimumLeaseSeconds = minimumLeaseSeconds
            self.checkpointsLeases = checkpointsLeases
            self.persistsLeaseCheckpoints = persistsLeaseCheckpoints
            self.watchProgressMilliseconds = watchProgressMilliseconds
            self.commitMilliseconds = commitMilliseconds
            self.commitOperations = commitOperations
            self.bcryptCost = bcryptCost
            self.backlogBytesMax = backlogBytesMax
            self.tokens = tokens
        }
    }

    let settings: Settings
    package let backend: Backend
    package let store: Store
    let hub: WatchHub
    let lessor: Lessor
    let alarms: Alarms
    let auth: AuthStore
    let attachments: LessorAttachments
    package let views: V3Views
    /// The last entry whose effects the database, or its buffer, holds.
    package private(set) var appliedIndex: LogIndex
    private(set) var appliedTerm: Term
    private(set) var confState: ConfState
    /// True while the configuration after a membership change is not known: a commit now would
    /// record a wrong one.
    var holdsCommits = false
    private let mark: AppliedMark

    package static var buckets: [Bucket] {
        Lessor.buckets + AuthStore.buckets + [
            StoreBuckets.key, StoreBuckets.meta, Alarms.bucket, DatabaseRecords.cluster,
            DatabaseRecords.members,
            DatabaseRecords.removedMembers,
        ]
    }

    /// Reads the state that `backend` holds, all of it or none.
    package init(
        backend: Backend, confState: ConfState, settings: Settings, random: RandomSource
    ) throws {
        self.settings = settings
        self.backend = backend
        self.confState = confState
        store = try Store.open(backend: backend, settings: Store.Settings())
        lessor = Lessor(
            settings: Lessor.Settings(
                minimumTTLSeconds: settings.minimumLeaseSeconds,
                checkpoints: settings.checkpointsLeases))
        alarms = Alarms()
        auth = AuthStore(bcryptCost: settings.bcryptCost, tokens: settings.tokens)
        attachments = LessorAttachments(lessor: lessor)
        hub = WatchHub(
            history: store.reader,
            settings: WatchHub.Settings(
                progressMilliseconds: settings.watchProgressMilliseconds), random: random)
        appliedIndex = DatabaseRecords.appliedIndex(in: backend)
        appliedTerm = DatabaseRecords.appliedTerm(in: backend)
        views = V3Views(
            reader: store.reader, backend: backend.views, lessor: lessor, alarms: alarms,
            auth: auth, quota: SpaceQuota(setting: settings.quotaBytes))
        mark = AppliedMark()
        try auth.recover(from: backend)
        try recoverSideState()
        installHook()
    }

    private func recoverSideState() throws {
        try lessor.recover(from: backend)
        for each in store.leaseAttachments() { lessor.attach(each.key, to: each.lease) }
        alarms.recover(from: backend)
        views.set(DatabaseRecords.downgrade(in: backend))
        try refuseDamage()
        noteApplied(appliedIndex, appliedTerm)
    }

    /// A damaged page reads as the end of its bucket: what was read is less than what was written.
    private func refuseDamage() throws(BackendError) {
        if let damage = backend.views.damage { throw damage }
    }

    private func installHook() {
        // The index goes into the same commit as the effects it stands for (design 2.5 rule 3).
        let mark = mark
        let backend = backend
        backend.beforeCommit = { [unowned backend] in
            guard mark.index.rawValue > 0 else { return }
            DatabaseRecords.setApplied(mark.index, mark.term, mark.confState, in: backend)
        }
    }

    // MARK: progress

    func noteApplied(_ index: LogIndex, _ term: Term) {
        if index > appliedIndex { (appliedIndex, appliedTerm) = (index, term) }
        mark.index = appliedIndex
        mark.term = appliedTerm
        mark.confState = confState
    }

    func set(_ confState: ConfState) {
        self.confState = confState
        mark.confState = confState
        holdsCommits = false
    }

    func set(_ downgrade: DowngradeState) {
        DatabaseRecords.setDowngrade(downgrade, in: backend)
        views.set(downgrade)
    }

    /// Hands the events of the write that has just ended to the watchers.
    func publishEvents() {
        let events = store.takeEvents()
        if !events.isEmpty { hub.notify(revision: store.reader.currentRevision, events) }
    }

    /// Everything applied so far reaches the disk, and the database says so.
    func commit() throws(BackendError) {
        precondition(!holdsCommits)
        try backend.commit()
    }

    // MARK: snapshots

    /// Replaces everything by the database in `path`, which holds the state at `metadata`.
    func restore(from path: String, metadata: SnapshotMetadata) throws {
        store.willReplace()
        try backend.replaceFile(with: path)
        // Rules that are read in part are not to be in force for a moment.
        for bucket in AuthStore.buckets {
            backend.scan(bucket, from: .empty, to: nil) { _, _ in true }
        }
        try refuseDamage()
        // Before its keys: nobody is to read them by the rules of the past.
        try auth.recover(from: backend)
        try store.restore()
        hub.replaceHistory(store.reader)
        confState = metadata.confState
        holdsCommits = false
        appliedIndex = DatabaseRecords.appliedIndex(in: backend)
        appliedTerm = DatabaseRecords.appliedTerm(in: backend)
        try recoverSideState()
    }
}

@available(*, unavailable)
extension V3Keyspace: Sendable {}

/// What the next commit records. An object, because the backend's hook holds it.
private final class AppliedMark {
    var index: LogIndex = 0
    var term: Term = 0
    var confState = ConfState()
}

/// The lessor as the store sees it; the two modules do not know each other.
final class LessorAttachments: LeaseAttachments {
    private let lessor: Lessor

    init(lessor: Lessor) { self.lessor = lessor }

    func contains(_ lease: Int64) -> Bool { lessor.contains(lease) }
    func attach(_ key: Bytes, to lease: Int64) { lessor.attach(key, to: lease) }
    func detach(_ key: Bytes, from lease: Int64) { lessor.detach(key, from: lease) }
}
