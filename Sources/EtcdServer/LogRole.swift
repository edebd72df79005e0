//  Makes the log durable: group commit, snapshot files, and what to do when the disk refuses.

import DequeModule
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
    /// Not written yet, in order; between two runs only what a full disk has refused.
    private var waiting: Deque<LogInput> = []
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
        // However much there is to write: old files may hold the room that it needs.
        if now.monotonic >= nextPurge { purge(now.monotonic) }
        waiting.append(contentsOf: inputs)
        if waiting.isEmpty {
            prepare(now.monotonic)
            return
        }
        // With or without room; it never waits.
        let mustClose = inputs.contains { if case .close = $0 { true } else { false } }
        if let nextRetry, now.monotonic < nextRetry, !mustClose { return }
        do throws(WALError) {
            try writeOrMakeRoom(now.monotonic, &outputs)
            if nextRetry != nil {
                nextRetry = nil
                nextPreparation = now.monotonic
                status.publish(storageFull: false)
                logger.warning("disk space is back; the log is written again")
                outputs.append(.storageFull(nil))
            }
        } catch {
            refused(error, mustClose: mustClose, now.monotonic, &outputs)
        }
    }

    // MARK: writing

    /// Writes what waits. What a full disk refuses is tried again at once if the log can make room
    /// for it.
    private mutating func writeOrMakeRoom(_ now: Instant, _ outputs: inout [LogOutput])
        throws(WALError)
    {
        do throws(WALError) {
            try write(&outputs)
            return
        } catch {
            guard error.isNoSpace, try makeRoom(now) else { throw error }
        }
        try write(&outputs)
    }

    /// Writes from the front of what waits, removing what is durable.
    private mutating func write(_ outputs: inout [LogOutput]) throws(WALError) {
        while let first = waiting.first {
            switch first {
            case .append(let request) where request.snapshot == nil:
                try writeGroup(&outputs)
            case .append(let request):
                try save(request.snapshot!)
                try append(
                    entries: request.entries, hardState: request.hardState, mustSync: true)
                wal.releaseSegments(upTo: request.snapshot!.metadata.index)
                report(request.number, &outputs)
                waiting.removeFirst()
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
                waiting.removeFirst()
            case .close:
                close(&outputs)
            }
        }
    }

    private mutating func close(_ outputs: inout [LogOutput]) {
        wal.close()
        waiting.removeAll()
        isStopped = true
        outputs.append(.closed)
    }

    /// Joins appends that wait in a row into one write and one sync: all, or as many as one write
    /// may take.
    private mutating func writeGroup(_ outputs: inout [LogOutput]) throws(WALError) {
        var entries: [Entry] = []
        var hardState: HardState?
        var mustSync = false
        var joined = 0
        var bytes = 0
        var last: UInt64 = 0
        for input in waiting {
            guard case .append(let request) = input, request.snapshot == nil else { break }
            bytes += request.entries.reduce(0) { $0 + $1.data.count }
            if joined > 0, bytes > Limits.walGroupBytesMax { break }
            joined += 1
            last = max(last, request.number)
            if entries.isEmpty {
                entries = request.entries
            } else {
                entries += request.entries
            }
            hardState = request.hardState ?? hardState
            mustSync = mustSync || request.mustSync
        }
        try append(entries: entries, hardState: hardState, mustSync: mustSync)
        waiting.removeFirst(joined)
        // Nobody waits for a commit index alone, whose number is 0.
        if last > 0 { report(last, &outputs) }
    }

    /// One number speaks for all before it: a backlog has more of them than a queue has places.
    private func report(_ number: UInt64, _ outputs: inout [LogOutput]) {
        if case .persisted? = outputs.last { outputs.removeLast() }
        outputs.append(.persisted(number))
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

    /// - Parameter mustClose: a request to close is among what waits.
    private mutating func refused(
        _ error: WALError, mustClose: Bool, _ now: Instant, _ outputs: inout [LogOutput]
    ) {
        guard error.isNoSpace else {
            isStopped = true
            waiting.removeAll()
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
        if nextRetry == nil {
            logger.error(
                "disk is full: no write is acknowledged until there is room again",
                metadata: ["error": "\(error)"])
            status.publish(storageFull: true)
            outputs.append(.storageFull("\(error)"))
        }
        nextRetry = now.advanced(byMilliseconds: settings.retryMilliseconds)
    }

    // MARK: room

    /// Looks for room for what the disk has just refused. True when it may be found now.
    private mutating func makeRoom(_ now: Instant) throws(WALError) -> Bool {
        // Not with every retry: what is in the way after the first is not the log's.
        let hasPurged = nextRetry == nil ? purge(now) : false
        // The room may be held by the next segment, which old ones are made into.
        return try wal.cutToPrepared() || hasPurged
    }

    /// Removes old segments and snapshot files. True when there were some.
    @discardableResult
    private mutating func purge(_ now: Instant) -> Bool {
        nextPurge = now.advanced(byMilliseconds: Limits.purgeMilliseconds)
        var hasPurged = false
        do throws(WALError) {
            for name in try wal.purge(keeping: settings.maxWALs) {
                hasPurged = true
                logger.info("purged file", metadata: ["path": "\(name)"])
            }
            // The file of a snapshot whose record waits for room counts for nothing yet: what a
            // start would take is an older one.
            guard !snapshotWaits else { return hasPurged }
            for name in try snapshotter.purge(keeping: settings.maxSnapshots) {
                hasPurged = true
                logger.info("purged file", metadata: ["path": "\(name)"])
            }
        } catch {
            logger.warning("cannot purge old files", metadata: ["error": "\(error)"])
        }
        return hasPurged
    }

    private var snapshotWaits: Bool {
        waiting.contains { input in
            switch input {
            case .saveSnapshot: true
            case .append(let request): request.snapshot != nil
            case .close: false
            }
        }
    }

    // MARK: idle work

    private mutating func prepare(_ now: Instant) {
        guard mustPrepare, now >= nextPreparation else { return }
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
}

@available(*, unavailable)
extension LogRole: Sendable {}
