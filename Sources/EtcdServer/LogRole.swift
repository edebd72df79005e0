//  Makes the log durable: group commit, snapshot files, and what to do when the disk refuses.

import EtcdProto
package import EtcdWAL
package import Logging
import Raft
package import RuntimeCore

/// The log role. Owns the segments and the snapshot files; the only role that waits for a disk.
package struct LogRole: Role {
    package struct Settings: Sendable {
        package var maxSnapshots: Int
        package var maxWALs: Int
        /// A sync longer than this is worth a warning (etcd's value).
        package var slowSyncMilliseconds: UInt64 = 1_000
        /// How often a write is tried again while the disk is full.
        package var retryMilliseconds: UInt64 = 500

        package init(maxSnapshots: Int, maxWALs: Int) {
            self.maxSnapshots = maxSnapshots
            self.maxWALs = maxWALs
        }
    }

    private let settings: Settings
    private let wal: WAL
    private let snapshotter: Snapshotter
    private let status: ReplicaStatus
    private let metrics: ReplicaMetrics
    private let clock: any Clock
    private let logger: Logger
    /// Not written yet because the disk was full, in order.
    private var blocked: [LogInput] = []
    private var nextRetry: Instant?
    private var nextPurge: Instant
    private var isStopped = false
    /// The next segment is made ready in steps while nothing else is to do.
    private var mustPrepare = true
    /// After a failure to prepare, when to try again.
    private var nextPreparation = Instant(nanoseconds: 0)
    /// Recent writes with their syncs, in nanoseconds: each counts an eighth.
    private var usualSync: UInt64 = 2 * LogRole.quickSyncNanoseconds

    /// What an event loop may be held up for without anybody noticing.
    private static let quickSyncNanoseconds: UInt64 = 100_000

    package init(
        settings: Settings, wal: WAL, snapshotter: Snapshotter, status: ReplicaStatus,
        metrics: ReplicaMetrics, clock: any Clock, logger: Logger, now: Instant
    ) {
        self.settings = settings
        self.wal = wal
        self.snapshotter = snapshotter
        self.status = status
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
        nextPurge = now.advanced(byMilliseconds: Limits.purgeMilliseconds)
    }

    package var wakeAt: Instant? {
        if isStopped { return nil }
        if let nextRetry { return nextRetry }
        return mustPrepare ? min(nextPreparation, nextPurge) : nextPurge
    }

    package mutating func run(_ inputs: [LogInput], now: Moment, outputs: inout [LogOutput]) {
        guard !isStopped else {
            // Whoever stops the member waits for this, also after a failure.
            for case .close in inputs { outputs.append(.closed) }
            return
        }
        var work = blocked
        work += inputs
        blocked = []
        if work.isEmpty {
            idle(now.monotonic, &outputs)
            return
        }
        if let nextRetry, now.monotonic < nextRetry, !asksToClose(work) {
            blocked = work
            return
        }
        do throws(WALError) {
            try write(&work, &outputs)
            if nextRetry != nil {
                nextRetry = nil
                nextPreparation = now.monotonic
                status.publish(storageFull: false)
                logger.warning("disk space is back; the log is written again")
                outputs.append(.storageFull(nil))
            }
        } catch {
            refused(error, work, now.monotonic, &outputs)
        }
    }

    private func asksToClose(_ work: [LogInput]) -> Bool {
        work.contains { if case .close = $0 { true } else { false } }
    }

    // MARK: writing

    /// Writes from the front of `work`, removing what is durable.
    private mutating func write(_ work: inout [LogInput], _ outputs: inout [LogOutput])
        throws(WALError)
    {
        while let first = work.first {
            switch first {
            case .append(let request) where request.snapshot == nil:
                try writeGroup(&work, &outputs)
            case .append(let request):
                try save(request.snapshot!)
                try append(
                    entries: request.entries, hardState: request.hardState, mustSync: true)
                wal.releaseSegments(upTo: request.snapshot!.metadata.index)
                outputs.append(.persisted(request.number))
                work.removeFirst()
            case .saveSnapshot(let snapshot):
                // Consensus may not have sent the commit index yet. Without it the record would
                // count for nothing after a crash, and what it replaces may be gone by then.
                try wal.raiseCommit(to: snapshot.metadata.index)
                try save(snapshot)
                wal.releaseSegments(upTo: snapshot.metadata.index)
                logger.info(
                    "saved snapshot",
                    metadata: ["snapshot-index": "\(snapshot.metadata.index)"])
                outputs.append(.snapshotSaved(snapshot.metadata))
                work.removeFirst()
            case .close:
                close(&outputs)
                work.removeAll()
            }
        }
    }

    private mutating func close(_ outputs: inout [LogOutput]) {
        wal.close()
        isStopped = true
        outputs.append(.closed)
    }

    /// Joins all appends that wait in a row into one write and one sync.
    private mutating func writeGroup(_ work: inout [LogInput], _ outputs: inout [LogOutput])
        throws(WALError)
    {
        var entries: [Entry] = []
        var hardState: HardState?
        var mustSync = false
        var numbers: [UInt64] = []
        for input in work {
            guard case .append(let request) = input, request.snapshot == nil else { break }
            if entries.isEmpty {
                entries = request.entries
            } else {
                entries += request.entries
            }
            hardState = request.hardState ?? hardState
            mustSync = mustSync || request.mustSync
            numbers.append(request.number)
        }
        try append(entries: entries, hardState: hardState, mustSync: mustSync)
        work.removeFirst(numbers.count)
        for number in numbers { outputs.append(.persisted(number)) }
    }

    private mutating func append(entries: [Entry], hardState: HardState?, mustSync: Bool)
        throws(WALError)
    {
        let start = clock.monotonic()
        try wal.write(entries: entries, hardState: hardState)
        let written = clock.monotonic()
        metrics.walWrite.observe(nanoseconds: written.nanoseconds(since: start))
        if mustSync {
            try wal.sync()
            note(entries, start: start, written: written, synced: clock.monotonic())
        }
        try wal.cutIfFull()
        mustPrepare = wal.canPrepareNextSegment
    }

    private mutating func note(
        _ entries: [Entry], start: Instant, written: Instant, synced: Instant
    ) {
        usualSync = (usualSync * 7 + synced.nanoseconds(since: start)) / 8
        status.publish(isLogQuick: usualSync < LogRole.quickSyncNanoseconds)
        let took = synced.nanoseconds(since: written)
        metrics.walSync.observe(nanoseconds: took)
        metrics.walWriteBytes.add(UInt64(entries.reduce(0) { $0 + $1.data.count + 32 }))
        if took > settings.slowSyncMilliseconds * 1_000_000 {
            logger.warning(
                "slow fdatasync",
                metadata: ["took": "\(took / 1_000_000)ms", "expected-duration": "1s"])
        }
    }

    /// File before record: a record in the log promises that the file is there (design 2.5
    /// rule 5).
    private func save(_ snapshot: Snapshot) throws(WALError) {
        let start = clock.monotonic()
        let file = Snapshotter.encode(snapshot)
        let encoded = clock.monotonic()
        metrics.snapshotEncoding.observe(nanoseconds: encoded.nanoseconds(since: start))
        try snapshotter.save(file, of: snapshot.metadata)
        metrics.snapshotSync.observe(
            nanoseconds: clock.monotonic().nanoseconds(since: encoded))
        try wal.saveSnapshot(
            WALSnapshot(
                index: snapshot.metadata.index, term: snapshot.metadata.term,
                confState: snapshot.metadata.confState))
        metrics.snapshotSave.observe(
            nanoseconds: clock.monotonic().nanoseconds(since: start))
    }

    // MARK: refusal

    /// - Parameter work: what is not written.
    private mutating func refused(
        _ error: WALError, _ work: [LogInput], _ now: Instant, _ outputs: inout [LogOutput]
    ) {
        let mustClose = asksToClose(work)
        guard error.isNoSpace else {
            isStopped = true
            logger.critical("the log cannot be written; stopping", metadata: ["error": "\(error)"])
            outputs.append(.failed("\(error)"))
            if mustClose { close(&outputs) }
            return
        }
        if mustClose {
            // Nobody was told that any of it is safe.
            logger.warning(
                "disk is full: the log is closed without what found no room",
                metadata: ["error": "\(error)"])
            close(&outputs)
            return
        }
        blocked = work
        if nextRetry == nil {
            logger.error(
                "disk is full: no write is acknowledged until there is room again",
                metadata: ["error": "\(error)"])
            status.publish(storageFull: true)
            outputs.append(.storageFull("\(error)"))
        }
        nextRetry = now.advanced(byMilliseconds: settings.retryMilliseconds)
    }

    // MARK: idle work

    private mutating func idle(_ now: Instant, _ outputs: inout [LogOutput]) {
        if mustPrepare, now >= nextPreparation {
            do throws(WALError) {
                mustPrepare = try wal.prepareNextSegment()
            } catch {
                // Only a convenience failed: a cut then makes its segment itself, or meets the
                // full disk where it can be reported to clients. What room there is should not be
                // asked for all the time: the database may need it more.
                nextPreparation = now.advanced(byMilliseconds: Limits.segmentRetryMilliseconds)
                logger.warning(
                    "cannot prepare the next log segment", metadata: ["error": "\(error)"])
            }
        }
        guard now >= nextPurge else { return }
        nextPurge = now.advanced(byMilliseconds: Limits.purgeMilliseconds)
        do throws(WALError) {
            for name in try wal.purge(keeping: settings.maxWALs) {
                logger.info("purged file", metadata: ["path": "\(name)"])
            }
            for name in try snapshotter.purge(keeping: settings.maxSnapshots) {
                logger.info("purged file", metadata: ["path": "\(name)"])
            }
        } catch {
            logger.warning("cannot purge old files", metadata: ["error": "\(error)"])
        }
    }
}

@available(*, unavailable)
extension LogRole: Sendable {}
