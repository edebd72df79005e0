//  What the apply role does for the v3 key space besides applying: watch streams, steps of a
//  compaction, commits of the database, leases, defragmentation. Time never changes the state here;
//  what must change it is proposed.

import EtcdAuth
import EtcdBackend
import EtcdLease
import EtcdMVCC
import EtcdMembership
import EtcdProto
import Logging
import Raft
import RuntimeCore
import Synchronization

struct V3Housekeeping {
    private static let checkMilliseconds: UInt64 = 100
    private static let expiredLeasesMax = 500
    private static let checkpointsMax = 1_000
    private static let commitRetryMilliseconds: UInt64 = 500

    private let keyspace: V3Keyspace
    private let members: MemberDirectory
    private let status: ReplicaStatus
    private let databases: SnapshotDatabases
    private let clock: any Clock
    private let logger: Logger
    private let requestMilliseconds: UInt64
    private let electionMilliseconds: UInt64
    private var compactor: AutoCompactor
    private var streams: [UInt64: ReplyAddress] = [:]
    private var compactionWaiters: [(address: ReplyAddress, response: CompactionResponse)] = []
    private var nextCompactionStep: Instant?
    private var compactionBegan: Instant?
    private var nextCheck: Instant
    /// Why the last commit failed, and when the next one may be tried: each try goes through all
    /// that waits.
    private var refusal: (error: BackendError, until: Instant)?
    /// The term in which this member's lessor was told that it leads.
    private var primaryTerm: Term?
    private var defragmentWaiters: [ReplyAddress] = []
    private var isDefragmenting = false
    private var defragmentBegan = Instant(nanoseconds: 0)
    private let ids: RequestIDs

    init(
        keyspace: V3Keyspace, members: MemberDirectory, status: ReplicaStatus,
        databases: SnapshotDatabases, ids: RequestIDs, clock: any Clock, logger: Logger,
        compaction: AutoCompactor.Mode, electionMilliseconds: UInt64, now: Moment
    ) {
        self.keyspace = keyspace
        self.members = members
        self.status = status
        self.databases = databases
        self.clock = clock
        self.logger = logger
        self.electionMilliseconds = electionMilliseconds
        requestMilliseconds = Limits.requestTimeoutMilliseconds + 2 * electionMilliseconds
        compactor = AutoCompactor(mode: compaction)
        nextCheck = now.monotonic
        self.ids = ids
        keyspace.backend.clock = clock
        let metrics = keyspace.views.metrics
        keyspace.backend.afterCommit = { metrics.committed($0) }
    }

    var wakeAt: Instant? {
        var wakes = [nextCheck]
        if let commit = keyspace.backend.nextCommit, !keyspace.holdsCommits {
            wakes.append(max(commit, refusal?.until ?? commit))
        }
        if let watches = keyspace.hub.wakeAt { wakes.append(watches) }
        if let nextCompactionStep { wakes.append(nextCompactionStep) }
        return wakes.min()
    }

    /// Called at the end of every run of the role.
    ///
    /// - Returns: why the member cannot go on, if it cannot.
    mutating func run(
        now: Moment, replies: inout ReplyBatches, _ outputs: inout [ApplyOutput]
    ) -> String? {
        compactIfDue(now.monotonic, &replies)
        if let wake = keyspace.hub.wakeAt, wake <= now.monotonic {
            keyspace.hub.run(now: now.monotonic)
        }
        let isCheckDue = now.monotonic >= nextCheck
        if isCheckDue {
            nextCheck = now.monotonic.advanced(byMilliseconds: V3Housekeeping.checkMilliseconds)
            lead(now.monotonic, &outputs)
            databases.dropUnclaimed(now: now.monotonic)
            for stream in keyspace.views.takeLostCloses() {
                take(.close(stream: stream), now: now.monotonic)
            }
            let counts = keyspace.hub.counts
            keyspace.views.metrics.watches.withLock { $0 = counts }
        }
        announceWatches(&replies)
        let failure = commitIfDue(now.monotonic, &replies, &outputs)
        publishSpace()
        return failure ?? backlogFailure ?? (isCheckDue ? damageFailure : nil)
    }

    // MARK: watches

    mutating func take(_ command: WatchCommand, now: Instant) {
        let hub = keyspace.hub
        switch command {
        case .open(let outbox, let address):
            streams[outbox.streamID] = address
            hub.open(outbox)
        case .create(let stream, let request):
            hub.received(from: stream)
            hub.create(stream, request, now: now)
        case .refuse(let stream, let reason):
            hub.received(from: stream)
            hub.refuse(stream, reason: reason)
        case .cancel(let stream, let watch):
            hub.received(from: stream)
            hub.cancel(stream, watch)
        case .requestProgress(let stream):
            hub.received(from: stream)
            hub.requestProgress(stream)
        case .drained(let stream): hub.drained(stream)
        case .close(let stream):
            hub.close(stream)
            streams[stream] = nil
        }
    }

    private func announceWatches(_ replies: inout ReplyBatches) {
        for stream in keyspace.hub.takeDirty() {
            guard let address = streams[stream] else { continue }
            replies.add(address, .watchReady)
        }
    }

    /// Streams end when the member stops: their outboxes are closed and announced.
    mutating func endWatches(_ replies: inout ReplyBatches) {
        keyspace.hub.endAll()
        announceWatches(&replies)
        for address in streams.sorted(by: { $0.key < $1.key }).map(\.value) {
            replies.add(address, .failed(.stopped))
        }
        streams.removeAll()
    }

    // MARK: compaction

    /// The compaction that has just begun is to be answered when it is finished.
    mutating func wait(_ address: ReplyAddress, for response: CompactionResponse) {
        compactionWaiters.append((address, response))
    }

    /// Steps with pauses, so that neither applying nor reading waits for a large one.
    private mutating func compactIfDue(_ now: Instant, _ replies: inout ReplyBatches) {
        guard keyspace.store.hasCompaction else {
            nextCompactionStep = nil
            return
        }
        if let next = nextCompactionStep, now < next { return }
        let start = clock.monotonic()
        let began = compactionBegan ?? start
        compactionBegan = began
        let metrics = keyspace.views.metrics
        let isInIndex = keyspace.store.isCompactingIndex
        let isFinished = keyspace.store.compactStep(limit: keyspace.settings.compactionBatch)
        let end = clock.now()
        (isInIndex ? metrics.indexCompactionPause : metrics.compactionPause).observe(
            Double(end.monotonic.nanoseconds(since: start)) / 1e6)
        guard isFinished else {
            nextCompactionStep = now.advanced(
                byMilliseconds: keyspace.settings.compactionPauseMilliseconds)
            return
        }
        nextCompactionStep = nil
        compactionBegan = nil
        compactor.compacted(to: keyspace.store.reader.compactRevision)
        let took = end.monotonic.nanoseconds(since: began)
        let keys = keyspace.store.takeCompactedRecords()
        metrics.compactionTotal.observe(Double(took) / 1e6)
        metrics.compactedKeys.add(UInt64(keys))
        metrics.lastCompaction.store(
            end.wall.unixNanoseconds / 1_000_000_000, ordering: .relaxed)
        let backend = keyspace.views.backend
        logger.info(
            "finished scheduled compaction",
            metadata: [
                "compact-revision": "\(keyspace.store.reader.compactRevision)",
                "took": "\(took / 1_000_000)ms", "number-of-keys-compacted": "\(keys)",
                "current-db-size-bytes": "\(backend.sizeBytes)",
                "current-db-size-in-use-bytes": "\(backend.inUseBytes)",
            ])
    }

    // MARK: commits

    /// True after a commit that failed, until it may be tried again.
    func isPausing(_ now: Instant) -> Bool { refusal.map { now < $0.until } ?? false }

    /// Everything applied so far reaches the disk.
    ///
    /// - Throws: why it failed; without another try during the pause after a failure.
    mutating func commit(_ now: Instant) throws(BackendError) {
        if let refusal, now < refusal.until { throw refusal.error }
        do throws(BackendError) {
            try keyspace.commit()
        } catch {
            pause(after: error, now)
            throw error
        }
        refusal = nil
    }

    private mutating func pause(after error: BackendError, _ now: Instant) {
        let until = now.advanced(byMilliseconds: V3Housekeeping.commitRetryMilliseconds)
        refusal = (error: error, until: until)
    }

    private mutating func commitIfDue(
        _ now: Instant, _ replies: inout ReplyBatches, _ outputs: inout [ApplyOutput]
    ) -> String? {
        if keyspace.holdsCommits || isPausing(now) { return nil }
        let mustAnswer = !compactionWaiters.isEmpty && !keyspace.store.hasCompaction
        do throws(BackendError) {
            if mustAnswer {
                try keyspace.backend.commit()
                answerCompactions(&replies)
            } else if let sync = try keyspace.backend.beginCommitIfDue(now: now) {
                // The device may take its time: applying goes on meanwhile.
                outputs.append(.sync(sync))
            } else {
                return nil
            }
            refusal = nil
            return nil
        } catch {
            return failure(of: error, now)
        }
    }

    /// The device has done with a commit.
    ///
    /// - Returns: why the member cannot go on, if it cannot.
    mutating func finishCommit(_ sync: CommitSync, _ now: Instant) -> String? {
        do throws(BackendError) {
            _ = try keyspace.backend.finishCommit(sync)
            return nil
        } catch {
            return failure(of: error, now)
        }
    }

    private mutating func failure(of error: BackendError, _ now: Instant) -> String? {
        pause(after: error, now)
        return error.isNoSpace ? nil : "the database cannot be written: \(error)"
    }

    /// Set when somebody has met a damaged page, and so seen less than there is. Every commit fails
    /// then, but an idle member makes none.
    private var damageFailure: String? {
        keyspace.backend.views.damage.map { "the database is damaged: \($0)" }
    }

    /// Set when more waits for a disk that is full than memory may hold.
    private var backlogFailure: String? {
        let backend = keyspace.backend
        guard backend.isOutOfSpace, backend.pendingBytes > keyspace.settings.backlogBytesMax
        else { return nil }
        return "the disk of the database is full, and \(backend.pendingBytes) bytes wait for it"
    }

    /// After any commit, whether it was due or wanted for a snapshot.
    private func publishSpace() {
        let isFull = keyspace.backend.isOutOfSpace
        guard isFull != status.isDatabaseFull else { return }
        status.publish(databaseFull: isFull)
        guard isFull else {
            if refusal == nil {
                logger.warning("disk space is back; the database is written again")
            }
            return
        }
        logger.error(
            "disk is full: the database lags behind the log until there is room again",
            metadata: refusal.map { ["error": "\($0.error)"] })
    }

    private mutating func answerCompactions(_ replies: inout ReplyBatches) {
        for waiter in compactionWaiters {
            replies.add(waiter.address, .v3(.success(.compaction(waiter.response))))
        }
        compactionWaiters.removeAll()
    }

    // MARK: the leader's duties

    private mutating func lead(_ now: Instant, _ outputs: inout [ApplyOutput]) {
        let term = status.term
        let isLeading = status.role == .leader && keyspace.appliedTerm == term
        let revision = keyspace.store.reader.currentRevision
        if let target = compactor.check(
            now: now, isLeader: isLeading, currentRevision: revision)
        {
            var request = CompactionRequest()
            request.revision = target
            propose(.compaction(request), now, &outputs)
        }
        guard isLeading else {
            if primaryTerm != nil { keyspace.lessor.demote() }
            primaryTerm = nil
            return
        }
        if primaryTerm != term {
            primaryTerm = term
            keyspace.lessor.promote(extendMilliseconds: electionMilliseconds, now: now)
        }
        for lease in keyspace.lessor.takeExpired(now: now, max: V3Housekeeping.expiredLeasesMax) {
            keyspace.views.metrics.leasesExpired.add()
            var request = LeaseRevokeRequest()
            request.id = lease
            propose(.leaseRevoke(request), basis: .leadership, now, &outputs)
        }
        let checkpoints = keyspace.lessor.takeCheckpoints(
            now: now, max: V3Housekeeping.checkpointsMax)
        if !checkpoints.isEmpty {
            var request = LeaseCheckpointRequest()
            request.checkpoints = checkpoints
            propose(.leaseCheckpoint(request), basis: .leadership, now, &outputs)
        }
    }

    /// Tells the cluster that this member's database has outgrown its quota.
    mutating func raiseNoSpace(_ now: Instant, _ outputs: inout [ApplyOutput]) {
        var request = AlarmRequest()
        request.action = .activate
        request.memberID = members.localID.rawValue
        request.alarm = .nospace
        let alarm = AlarmMember(memberID: request.memberID, alarm: request.alarm)
        if keyspace.alarms.contains(alarm) { return }
        logger.warning(
            "database space exceeded; raising the alarm",
            metadata: ["quota-size-bytes": "\(keyspace.views.quota.bytes ?? 0)"])
        propose(.alarm(request), now, &outputs)
    }

    private mutating func propose(
        _ kind: InternalRaftRequest.Kind, basis: Proposal.Basis = .wish, _ now: Instant,
        _ outputs: inout [ApplyOutput]
    ) {
        var header = RequestHeader(id: ids.next())
        if keyspace.auth.isEnabled {
            // The member itself may do what it must, such as ending a lease with its keys.
            header.username = AuthStore.root
            header.authRevision = keyspace.auth.revision
        }
        let request = InternalRaftRequest(header: header, kind: kind)
        var data: [UInt8] = []
        request.encode(into: &data)
        let expires = now.advanced(byMilliseconds: requestMilliseconds)
        outputs.append(
            .consensus(
                .propose(
                    Proposal(
                        id: 0, payload: .normal(Bytes(data)), expires: expires, basis: basis))))
    }

    // MARK: defragmentation

    mutating func defragment(
        _ address: ReplyAddress, replies: inout ReplyBatches, _ outputs: inout [ApplyOutput]
    ) {
        // Whoever asks while one runs has its wish fulfilled by that one.
        if isDefragmenting {
            defragmentWaiters.append(address)
            return
        }
        do throws(BackendError) {
            let job = try keyspace.backend.beginDefragment()
            isDefragmenting = true
            defragmentBegan = clock.monotonic()
            keyspace.views.metrics.defragmentsNow.store(true, ordering: .relaxed)
            defragmentWaiters.append(address)
            logger.info("defragmenting", metadata: ["path": "\(keyspace.backend.path)"])
            outputs.append(
                .background {
                    job.run()
                    return .databaseCopied(job)
                })
        } catch {
            replies.add(address, .v3(.failure(.other("\(error)"))))
        }
    }

    mutating func finishDefragment(_ job: DefragmentJob, replies: inout ReplyBatches) {
        isDefragmenting = false
        let metrics = keyspace.views.metrics
        metrics.defragmentsNow.store(false, ordering: .relaxed)
        metrics.defragmentation.observe(
            nanoseconds: clock.monotonic().nanoseconds(since: defragmentBegan))
        let result: Result<V3Result, ServerError>
        let before = keyspace.views.backend.sizeBytes
        do throws(BackendError) {
            try keyspace.backend.finishDefragment(job)
            logger.info(
                "finished defragmenting directory",
                metadata: [
                    "path": "\(keyspace.backend.path)",
                    "current-db-size-bytes-diff": "\(keyspace.views.backend.sizeBytes - before)",
                    "current-db-size-bytes": "\(keyspace.views.backend.sizeBytes)",
                ])
            result = .success(.defragment(DefragmentResponse()))
        } catch {
            logger.error("defragmentation failed", metadata: ["error": "\(error)"])
            result = .failure(.other("\(error)"))
        }
        for address in defragmentWaiters { replies.add(address, .v3(result)) }
        defragmentWaiters.removeAll()
    }
}
