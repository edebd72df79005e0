//  Applies committed entries in order, tells those who wait, and decides when the state is saved.
//  The same entries give the same state on every member: time never changes an apply, it only
//  causes proposals.

import EtcdBackend
package import EtcdMembership
import EtcdProto
import EtcdV2Store
package import Logging
package import Raft
package import RuntimeCore
import Synchronization

/// The apply role. Owns the write side of the key space and of the membership.
package struct ApplyRole: Role {
    package struct Settings: Sendable {
        /// Entries applied between two snapshots of the state.
        package var snapshotCount: UInt64
        package var maxLearners: Int
        /// What this member publishes about itself.
        package var name: String
        package var clientURLs: [String]
        package var electionMilliseconds: UInt64
        /// An apply batch longer than this is worth a warning.
        package var slowApplyMilliseconds: UInt64
        /// Where received databases lie.
        package var snapshotDirectory: String
        package var compaction: AutoCompactor.Mode

        package init(
            snapshotCount: UInt64, maxLearners: Int, name: String, clientURLs: [String],
            electionMilliseconds: UInt64, slowApplyMilliseconds: UInt64 = 100,
            snapshotDirectory: String = "", compaction: AutoCompactor.Mode = .off
        ) {
            self.snapshotCount = snapshotCount
            self.maxLearners = maxLearners
            self.name = name
            self.clientURLs = clientURLs
            self.electionMilliseconds = electionMilliseconds
            self.slowApplyMilliseconds = slowApplyMilliseconds
            self.snapshotDirectory = snapshotDirectory
            self.compaction = compaction
        }
    }

    /// What the state holds when the role starts.
    package struct Start: Sendable {
        package var index: LogIndex
        package var term: Term
        package var confState: ConfState

        package init(index: LogIndex, term: Term, confState: ConfState) {
            self.index = index
            self.term = term
            self.confState = confState
        }
    }

    /// Entries applied under one hold of the key space's lock: readers wait that long at most.
    private static let entriesPerLock = 256
    private static let checkMilliseconds: UInt64 = 100

    let settings: Settings
    let keyspace: V2Keyspace
    let v3: V3Keyspace
    let members: MemberDirectory
    let registry: ProposalRegistry
    let status: ReplicaStatus
    let metrics: ReplicaMetrics
    let logger: Logger
    private let clock: any Clock

    private(set) var appliedIndex: LogIndex
    private(set) var appliedTerm: Term
    private var confState: ConfState
    /// True between applying a membership change and learning the configuration it led to: no
    /// snapshot may be made meanwhile.
    private var awaitsConfState = false
    private var snapshotIndex: LogIndex
    /// Confirmed reads whose index is not applied yet. Sorted by index.
    private var waitingReads: [(index: LogIndex, ids: [UInt64])] = []
    private var snapshotRequests = SnapshotRequests()
    var replies = ReplyBatches()
    private var housekeeping: ReplicaHousekeeping
    private var v3Housekeeping: V3Housekeeping
    private let databases: SnapshotDatabases
    private var nextCheck: Instant
    /// Or was stopped: the database is closed, or holds half of an entry in its buffer, and nothing
    /// may write to it or commit it any more.
    private var hasFailed = false

    package init(
        settings: Settings, start: Start, keyspace: V2Keyspace, v3: V3Keyspace,
        members: MemberDirectory, registry: ProposalRegistry, status: ReplicaStatus,
        metrics: ReplicaMetrics, databases: SnapshotDatabases, ids: RequestIDs, clock: any Clock,
        logger: Logger,
        now: Moment
    ) {
        self.settings = settings
        self.keyspace = keyspace
        self.members = members
        self.registry = registry
        self.status = status
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
        appliedIndex = start.index
        appliedTerm = start.term
        confState = start.confState
        snapshotIndex = start.index
        housekeeping = ReplicaHousekeeping(
            localID: members.localID, ids: ids, name: settings.name,
            clientURLs: settings.clientURLs,
            retryMilliseconds: Limits.requestTimeoutMilliseconds
                + 2 * settings.electionMilliseconds)
        self.v3 = v3
        self.databases = databases
        v3Housekeeping = V3Housekeeping(
            keyspace: v3, members: members, status: status, databases: databases, ids: ids,
            clock: clock,
            logger: logger, compaction: settings.compaction,
            electionMilliseconds: settings.electionMilliseconds, now: now)
        nextCheck = now.monotonic
        v3.set(start.confState)
        status.publish(applied: start.index)
    }

    package var wakeAt: Instant? {
        if hasFailed { return nil }
        return min(nextCheck, v3Housekeeping.wakeAt ?? nextCheck)
    }

    package mutating func run(_ inputs: [ApplyInput], now: Moment, outputs: inout [ApplyOutput]) {
        for input in inputs {
            take(input, now: now, &outputs)
        }
        if now.monotonic >= nextCheck, !hasFailed {
            nextCheck = now.monotonic.advanced(byMilliseconds: ApplyRole.checkMilliseconds)
            housekeeping.check(
                now: now, keyspace: keyspace, members: members, status: status, &outputs)
            for peer in snapshotRequests.takeRefused(now: now.monotonic) {
                outputs.append(.consensus(.snapshotSent(peer, succeeded: false)))
            }
            if let failure = status.consensusFailure { fail(failure, &outputs) }
        }
        if !hasFailed,
            let failure = v3Housekeeping.run(now: now, replies: &replies, &outputs)
        {
            fail(failure, &outputs)
        }
        replies.flush(into: &outputs)
    }

    private mutating func take(
        _ input: ApplyInput, now: Moment, _ outputs: inout [ApplyOutput]
    ) {
        switch input {
        case .entries(let entries):
            if !hasFailed { apply(entries, now: now, &outputs) }
        case .restore(let snapshot):
            if !hasFailed { restore(snapshot, &outputs) }
        case .confState(let state):
            confState = state
            awaitsConfState = false
            v3.set(state)
            for peer in snapshotRequests.takeHeld() {
                answerSnapshotWanted(peer, now: now.monotonic, &outputs)
            }
        case .snapshotWanted(let peer):
            snapshotRequests.forget(peer)
            if awaitsConfState {
                snapshotRequests.hold(peer)
            } else {
                answerSnapshotWanted(peer, now: now.monotonic, &outputs)
            }
        case .readConfirmed(let index, let ids):
            if index <= appliedIndex {
                for id in ids { reply(id, .barrier) }
            } else {
                let position =
                    waitingReads.firstIndex { $0.index > index } ?? waitingReads.endIndex
                waitingReads.insert((index, ids), at: position)
            }
        case .failed(let ids, let error):
            metrics.proposalsFailed.add(UInt64(ids.count))
            for id in ids { reply(id, .failed(error)) }
        case .watch(let command):
            v3Housekeeping.take(command, now: now.monotonic)
        case .openDatabase(let address):
            openDatabase(address, now: now.monotonic, &outputs)
        case .defragment(let address):
            if hasFailed {
                replies.add(address, .failed(.stopped))
            } else {
                v3Housekeeping.defragment(address, replies: &replies, &outputs)
            }
        case .databaseCopied(let job):
            v3Housekeeping.finishDefragment(job, replies: &replies)
        case .databaseSynced(let sync):
            if !hasFailed, let failure = v3Housekeeping.finishCommit(sync, now.monotonic) {
                fail(failure, &outputs)
            }
        case .endWatches:
            keyspace.endWatches { replies.add($0.edge, $1) }
            v3Housekeeping.endWatches(&replies)
        case .stop:
            closeDatabase()
            for address in registry.takeAll() { replies.add(address, .failed(.stopped)) }
        }
    }

    // MARK: entries

    private mutating func apply(
        _ entries: [Entry], now: Moment, _ outputs: inout [ApplyOutput]
    ) {
        let timer = ApplyTimer(
            metrics: metrics, clock: clock, slowMilliseconds: settings.slowApplyMilliseconds,
            logger: logger)
        var position = 0
        while position < entries.count, !hasFailed {
            let end = min(position + ApplyRole.entriesPerLock, entries.count)
            applyChunk(entries[position..<end], timer, now: now, &outputs)
            position = end
        }
        // Watch events are queued by now, and nobody gets a reply before this is published
        // (design 2.5 rules 6 and 7).
        status.publish(applied: appliedIndex)
        outputs.append(.consensus(.applied(appliedIndex)))
        releaseReads()
        saveIfDue(now.monotonic, &outputs)
    }

    private mutating func applyChunk(
        _ entries: ArraySlice<Entry>, _ timer: ApplyTimer, now: Moment,
        _ outputs: inout [ApplyOutput]
    ) {
        // Taken out for the time under the lock, because both closures add to it.
        var collected = ReplyBatches()
        var directives: [ApplyOutput] = []
        var applied = (index: appliedIndex, term: appliedTerm)
        var failure: String?
        var changedMembership = false
        let applier = Applier(
            v3: v3, now: now, registry: registry, members: members, status: status,
            logger: logger, maxLearners: settings.maxLearners,
            announcementID: housekeeping.announcementID, timer: timer)
        var outgrewQuota = false
        keyspace.change { store in
            for entry in entries {
                precondition(entry.index == applied.index.next, "entries out of order")
                let outcome = applier.apply(entry, to: store, now: now.wall, &collected)
                if case .failed(let reason) = outcome {
                    // Not counted as applied: what it has changed must come to nothing.
                    failure = reason
                    break
                }
                applied = (entry.index, entry.term)
                switch outcome {
                case .none, .failed: break
                case .directives(let some): directives += some
                case .membership(let some):
                    directives += some
                    changedMembership = true
                case .compacting(let address, let response):
                    v3Housekeeping.wait(address, for: response)
                case .outgrewQuota: outgrewQuota = true
                }
                v3.noteApplied(entry.index, entry.term)
            }
        } deliver: { address, reply in
            collected.add(address.edge, reply)
        }
        if applied.term > appliedTerm {
            directives.append(.event(.termStarted(applied.term)))
        }
        (appliedIndex, appliedTerm) = applied
        if directives.contains(where: \.isPublished) { housekeeping.isAnnounced = true }
        awaitsConfState = awaitsConfState || changedMembership
        if changedMembership { v3.holdsCommits = true }
        if outgrewQuota { v3Housekeeping.raiseNoSpace(now.monotonic, &directives) }
        outputs += directives
        if let failure { fail(failure, &outputs) }
        publishThenSend(&collected, &outputs)
    }

    /// Replies of this chunk leave after its applied index is visible.
    private mutating func publishThenSend(
        _ collected: inout ReplyBatches, _ outputs: inout [ApplyOutput]
    ) {
        status.publish(applied: appliedIndex)
        collected.flush(into: &outputs)
    }

    private mutating func releaseReads() {
        while let first = waitingReads.first, first.index <= appliedIndex {
            waitingReads.removeFirst()
            for id in first.ids { reply(id, .barrier) }
        }
    }

    private mutating func reply(_ id: UInt64, _ reply: Reply) {
        guard let address = registry.take(id) else { return }
        replies.add(address, reply)
    }

    private mutating func fail(_ reason: String, _ outputs: inout [ApplyOutput]) {
        hasFailed = true
        v3.backend.abandonDefragment()
        logger.critical("cannot continue", metadata: ["reason": "\(reason)"])
        outputs.append(.event(.failed(reason)))
    }

    // MARK: snapshots

    /// The database is committed first: what a snapshot promises must be in it.
    private mutating func makeSnapshot(_ now: Instant) throws(BackendError) -> Snapshot {
        precondition(!awaitsConfState)
        try v3Housekeeping.commit(now)
        return Snapshot(
            metadata: SnapshotMetadata(
                confState: confState, index: appliedIndex, term: appliedTerm),
            data: Bytes(keyspace.save()))
    }

    private mutating func saveIfDue(_ now: Instant, _ outputs: inout [ApplyOutput]) {
        guard !awaitsConfState, !hasFailed, !v3Housekeeping.isPausing(now),
            appliedIndex - snapshotIndex > Int(clamping: settings.snapshotCount)
        else { return }
        logger.info(
            "triggering snapshot",
            metadata: [
                "local-member-id": "\(members.localID)",
                "local-member-applied-index": "\(appliedIndex)",
                "local-member-snapshot-index": "\(snapshotIndex)",
                "local-member-snapshot-count": "\(settings.snapshotCount)",
            ])
        do throws(BackendError) {
            outputs.append(.log(.saveSnapshot(try makeSnapshot(now))))
            snapshotIndex = appliedIndex
        } catch {
            databaseRefused(error, "a snapshot cannot be made", &outputs)
        }
    }

    private mutating func answerSnapshotWanted(
        _ peer: MemberID, now: Instant, _ outputs: inout [ApplyOutput]
    ) {
        // Nobody waits for the answer of a member that ends.
        guard !hasFailed else { return }
        do throws(BackendError) {
            let snapshot = try makeSnapshot(now)
            databases.put(v3.backend.committedSnapshot(), for: peer, now: now)
            outputs.append(.consensus(.snapshotReady(snapshot, peer: peer)))
        } catch {
            databaseRefused(error, "a follower's snapshot cannot be made", &outputs)
            snapshotRequests.refuse(peer, now: now)
        }
    }

    private mutating func openDatabase(
        _ address: ReplyAddress, now: Instant, _ outputs: inout [ApplyOutput]
    ) {
        guard !hasFailed else { return replies.add(address, .failed(.stopped)) }
        do throws(BackendError) {
            // Right after a membership change the last commit must do: it is only a little older.
            if !v3.holdsCommits { try v3Housekeeping.commit(now) }
            replies.add(address, .database(v3.backend.committedSnapshot()))
        } catch {
            replies.add(address, .failed(.other("\(error)")))
            // That the disk is full is in the log already, however many ask.
            if !error.isNoSpace { fail("the database cannot be written: \(error)", &outputs) }
        }
    }

    /// A full disk is waited for; anything else ends the member.
    private mutating func databaseRefused(
        _ error: BackendError, _ what: String, _ outputs: inout [ApplyOutput]
    ) {
        guard error.isNoSpace else {
            fail("the database cannot be written: \(error)", &outputs)
            return
        }
        logger.error("disk is full: \(what)", metadata: ["error": "\(error)"])
    }

    private mutating func closeDatabase() {
        guard !hasFailed else { return }
        do throws(BackendError) {
            if !awaitsConfState { try v3.commit() }
        } catch {
            // The log has everything; the next start replays it.
            logger.warning("last commit of the database failed", metadata: ["error": "\(error)"])
        }
        v3.backend.close()
        hasFailed = true
    }

    private mutating func restore(_ snapshot: Snapshot, _ outputs: inout [ApplyOutput]) {
        metrics.snapshotsBeingApplied.wrappingAdd(1, ordering: .relaxed)
        defer { metrics.snapshotsBeingApplied.wrappingSubtract(1, ordering: .relaxed) }
        let replaced = (snapshot: snapshotIndex, applied: appliedIndex)
        logger.info(
            "applying snapshot",
            metadata: [
                "current-applied-index": "\(appliedIndex)",
                "incoming-leader-snapshot-index": "\(snapshot.metadata.index)",
                "incoming-leader-snapshot-term": "\(snapshot.metadata.term)",
            ])
        var collected = ReplyBatches()
        let outcome = keyspace.restore(snapshot.data) { address, reply in
            collected.add(address.edge, reply)
        }
        switch outcome {
        case .failure(let error):
            fail("snapshot at index \(snapshot.metadata.index): \(error)", &outputs)
        case .success(let cluster):
            do {
                try v3.restore(
                    from: DatabaseRecords.receivedPath(
                        snapshot.metadata.index, in: settings.snapshotDirectory),
                    metadata: snapshot.metadata)
            } catch {
                fail("database of snapshot \(snapshot.metadata.index): \(error)", &outputs)
                return
            }
            logger.info("applySnapshot: opened snapshot backend")
            members.update { $0 = cluster }
            appliedIndex = snapshot.metadata.index
            appliedTerm = snapshot.metadata.term
            confState = snapshot.metadata.confState
            awaitsConfState = false
            snapshotRequests.forgetAll()
            snapshotIndex = snapshot.metadata.index
            outputs.append(.peers(.replaceAll(cluster.members)))
            if cluster.isRemoved(members.localID) { outputs.append(.event(.removed)) }
            status.publish(applied: appliedIndex)
            outputs.append(.consensus(.applied(appliedIndex)))
            collected.flush(into: &outputs)
            releaseReads()
            logger.info(
                "applied snapshot",
                metadata: [
                    "current-snapshot-index": "\(replaced.snapshot)",
                    "current-applied-index": "\(replaced.applied)",
                    "incoming-leader-snapshot-index": "\(snapshot.metadata.index)",
                    "incoming-leader-snapshot-term": "\(snapshot.metadata.term)",
                ])
        }
    }
}

@available(*, unavailable)
extension ApplyRole: Sendable {}
