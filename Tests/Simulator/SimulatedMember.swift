//  One member: its disk, its clock, its roles and their mailboxes. The roles are the production
//  ones; only who calls `run` differs.

import EtcdMembership
import EtcdServer
import EtcdWAL
import Logging
import Raft
import RuntimeCore
import Synchronization

/// A mailbox that the scheduler empties. Sendable because edges hold it as a port; the run has one
/// thread.
final class SimulatedMailbox<Message: Sendable>: Port {
    private let waiting = Mutex<[Message]>([])

    func post(_ message: Message) -> Bool {
        waiting.withLock { $0.append(message) }
        return true
    }

    var count: Int { waiting.withLock { $0.count } }

    func take(_ number: Int) -> [Message] {
        waiting.withLock { waiting in
            let taken = Array(waiting.prefix(number))
            waiting.removeFirst(taken.count)
            return taken
        }
    }
}

/// Work for the background, which the scheduler does at a drawn time.
final class SimulatedBackground: BackgroundPool {
    private let waiting = Mutex<[@Sendable () -> Void]>([])

    func submit(_ work: @escaping @Sendable () -> Void) { waiting.withLock { $0.append(work) } }

    func take() -> [@Sendable () -> Void] {
        waiting.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
    }
}

/// Reachability as the transport would report it.
final class SimulatedConnectivity: PeerConnectivity {
    private let since = Mutex<[MemberID: Instant]>([:])

    func set(_ id: MemberID, _ instant: Instant?) { since.withLock { $0[id] = instant } }
    func activeSince(_ id: MemberID) -> Instant? { since.withLock { $0[id] } }
}

final class SimulatedMember {
    /// What a member has told others on the strength of its disk.
    struct Promise {
        /// The last entry, and its term.
        var index: LogIndex = 0
        var lastTerm: Term = 0
        var term: Term = 0
    }

    enum RoleName: CaseIterable {
        case consensus, log, apply
    }

    /// What exists only while the process runs.
    final class Process {
        /// Which start of the member this is: what an earlier one began is not for this one.
        let incarnation: Int
        let replica: Replica
        let keyspaceV3: V3Keyspace
        /// The last entry, or the snapshot, that the log held when this start began.
        let logEnd: LogIndex
        /// What the log role has been asked to keep, until it says that it has.
        var unwritten: [UInt64: Promise] = [:]
        let handler: RequestHandler
        let consensusMailbox: SimulatedMailbox<ConsensusInput>
        let logMailbox = SimulatedMailbox<LogInput>()
        let applyMailbox = SimulatedMailbox<ApplyInput>()
        let background = SimulatedBackground()
        let connectivity = SimulatedConnectivity()
        var consensus: ConsensusRole
        var log: LogRole
        var apply: ApplyRole
        /// The log role's answers are on their way until the disk is done.
        var logBusyUntil: UInt64 = 0

        init(
            incarnation: Int, replica: Replica, opened: OpenedLog, database: V3Keyspace,
            random: RandomSource
        ) {
            self.incarnation = incarnation
            self.replica = replica
            keyspaceV3 = database
            logEnd = max(
                opened.entries.last?.index ?? LogIndex(0), opened.snapshotMetadata.index)
            consensusMailbox = SimulatedMailbox()
            handler = replica.makeRequestHandler(
                consensus: consensusMailbox, apply: applyMailbox,
                pools: WorkPools(background),
                connectivity: connectivity)
            consensus = replica.makeConsensusRole(
                Replica.ConsensusStart(opened), random: random)
            log = replica.makeLogRole(wal: opened.wal, snapshotter: opened.snapshotter)
            apply = replica.makeApplyRole(v3: database)
        }
    }

    static let directory = DataDirectory(root: "/data", walDirectory: "")

    let number: Int
    let id: MemberID
    let disk = SimulatedDisk()
    let clock: SimulatedClock
    let plan: SimulationPlan
    var random: RandomSource
    var process: Process?
    private var starts = 0
    /// What must be there after any crash.
    private(set) var promise = Promise()
    /// Removed from the cluster, or stopped by an error that it may not survive.
    var isRetired = false

    init(
        number: Int, id: MemberID, clock: SimulatedClock, plan: SimulationPlan,
        random: RandomSource
    ) {
        self.number = number
        self.id = id
        self.clock = clock
        self.plan = plan
        self.random = random
    }

    var isRunning: Bool { process != nil }

    /// First start: as a founder of the cluster, or to join it (`founders` empty).
    func create(clusterID: UInt64, founders: [Member], known: [Member]) throws(BootstrapError) {
        let opened = try Bootstrap.create(
            SimulatedMember.directory, in: disk, localID: id, clusterID: clusterID,
            founders: founders, segmentBytes: plan.segmentBytes)
        try start(opened, cluster: Cluster(), keyspace: V2Keyspace())
    }

    func restart() throws(BootstrapError) {
        var opened = try Bootstrap.open(
            SimulatedMember.directory, in: disk, segmentBytes: plan.segmentBytes)
        if plan.mutation == .forgetsVote {
            opened.hardState = HardState(
                term: opened.entries.last?.term ?? 0, vote: .none,
                commit: opened.hardState.commit)
        } else {
            try checkPromise(opened)
        }
        let keyspace = V2Keyspace()
        let cluster = try Bootstrap.restoreState(of: opened, into: keyspace)
        try start(opened, cluster: cluster, keyspace: keyspace)
    }

    private func start(_ opened: OpenedLog, cluster: Cluster, keyspace: V2Keyspace)
        throws(BootstrapError)
    {
        let database = try Bootstrap.openKeyspace(
            SimulatedMember.directory, in: disk, snapshot: opened.snapshotMetadata,
            cluster: cluster, settings: keyspaceSettings, random: random.split())
        sabotage(database)
        var configuration = ReplicaConfiguration(
            name: "m\(number)", clientURLs: ["http://m\(number):2379"])
        configuration.snapshotCount = plan.snapshotCount
        configuration.snapshotCatchUpEntries = plan.catchUpEntries
        configuration.preVote = plan.preVote
        configuration.strictReconfigCheck = false
        configuration.snapshotDirectory = SimulatedMember.directory.snapshots
        var logger = Logger(label: "m\(number)") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let replica = Replica(
            configuration: configuration, localID: id, clusterID: opened.clusterID,
            snapshot: opened.snapshotMetadata, keyspace: keyspace, v3: database.views,
            cluster: cluster, clock: clock, logger: logger)
        starts += 1
        process = Process(
            incarnation: starts, replica: replica, opened: opened, database: database,
            random: random.split())
    }

    /// The log role is to keep this before anybody hears of it.
    func willWrite(_ request: LogRequest) {
        guard request.number > 0 else { return }
        let last = request.entries.last?.index ?? request.snapshot?.metadata.index
        let lastTerm = request.entries.last?.term ?? request.snapshot?.metadata.term
        process?.unwritten[request.number] = Promise(
            index: last ?? LogIndex(0), lastTerm: lastTerm ?? Term(0),
            term: request.hardState?.term ?? Term(0))
    }

    /// The writes up to this number were acknowledged.
    func wrote(upTo number: UInt64) {
        guard let process else { return }
        for each in process.unwritten.keys.filter({ $0 <= number }).sorted() {
            wrote(process.unwritten.removeValue(forKey: each)!)
        }
    }

    private func wrote(_ written: Promise) {
        // A later leader's entries may take the place of more that were there.
        if written.index > 0 {
            (promise.index, promise.lastTerm) = (written.index, written.lastTerm)
        }
        promise.term = max(promise.term, written.term)
    }

    private func checkPromise(_ opened: OpenedLog) throws(BootstrapError) {
        let start = opened.snapshotMetadata
        let last = max(opened.entries.last?.index ?? LogIndex(0), start.index)
        let lastTerm = opened.entries.last?.term ?? start.term
        // What a later leader has sent may stand in the place of more, though nobody was told.
        let isShort = last < promise.index && lastTerm <= promise.lastTerm
        if isShort || lastTerm < promise.lastTerm || opened.hardState.term < promise.term {
            throw BootstrapError(
                description: "its log ends at \(last) of term \(lastTerm) in term "
                    + "\(opened.hardState.term), but it had promised \(promise.index) of term "
                    + "\(promise.lastTerm) in term \(promise.term)")
        }
    }

    private var keyspaceSettings: V3Keyspace.Settings {
        V3Keyspace.Settings(
            compactionBatch: plan.kv.compactionBatch,
            minimumLeaseSeconds: plan.kv.minimumLeaseSeconds,
            watchProgressMilliseconds: plan.kv.progressMilliseconds,
            commitMilliseconds: plan.kv.commitMilliseconds,
            commitOperations: plan.kv.commitOperations)
    }

    /// The process is gone at once, and with it whatever was not synced.
    func crash(_ mode: CrashMode) {
        process = nil
        disk.crash(mode, random: &random)
    }

    // MARK: scheduling

    /// Roles that have something to do now.
    func runnable(_ now: Instant) -> [RoleName] {
        guard let process else { return [] }
        func isDue(_ wake: Instant?) -> Bool { wake.map { $0 <= now } ?? false }
        var names: [RoleName] = []
        if process.consensusMailbox.count > 0 || isDue(process.consensus.wakeAt) {
            names.append(.consensus)
        }
        if process.logBusyUntil <= now.nanoseconds,
            process.logMailbox.count > 0 || isDue(process.log.wakeAt)
        {
            names.append(.log)
        }
        if process.applyMailbox.count > 0 || isDue(process.apply.wakeAt) {
            names.append(.apply)
        }
        return names
    }

    /// When some role wants to run although nothing arrives.
    var nextWake: UInt64? {
        guard let process else { return nil }
        var wakes = [process.consensus.wakeAt, process.apply.wakeAt].compactMap { $0?.nanoseconds }
        if let log = process.log.wakeAt { wakes.append(max(log.nanoseconds, process.logBusyUntil)) }
        if process.logMailbox.count > 0 { wakes.append(process.logBusyUntil) }
        return wakes.min()
    }
}
