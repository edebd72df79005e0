//  One running member: everything it is made of, in the order of start and stop.

import EtcdConfig
import EtcdHTTP
import EtcdMembership
import EtcdNet
import EtcdServer
import EtcdTransport
import Glibc
import Logging
import NIOCore
import Raft
import RuntimeCore
import RuntimePosix
import UnixSignals

/// Why a member ends.
enum StopReason: Sendable, Hashable {
    case signal(String)
    case removed(String)
    case failed(String)
}

final class MemberService: Sendable {
    /// Connections that finish their answers get this long when the member stops.
    private static let drainMilliseconds: UInt64 = 5_000

    private let config: ServerConfig
    private let parts: MemberParts
    private let tls: MemberTLS
    private let wiring: RoleWiring
    private let listeners: MemberListeners
    private let systemd: ServiceManager
    private let logger: Logger
    private let events: AsyncStream<ReplicaEvent>
    private let stops: AsyncStream<StopReason>
    private let stop: AsyncStream<StopReason>.Continuation

    private init(
        config: ServerConfig, parts: MemberParts, tls: MemberTLS, wiring: RoleWiring,
        listeners: MemberListeners, systemd: ServiceManager, logger: Logger,
        events: AsyncStream<ReplicaEvent>,
        stops: AsyncStream<StopReason>, stop: AsyncStream<StopReason>.Continuation
    ) {
        self.config = config
        self.parts = parts
        self.tls = tls
        self.wiring = wiring
        self.listeners = listeners
        self.systemd = systemd
        self.logger = logger
        self.events = events
        self.stops = stops
        self.stop = stop
    }

    // MARK: start

    /// Everything up to running roles and a served peer port. Clients are let in once the member
    /// has found its place in the cluster.
    static func start(
        _ config: ServerConfig, systemd: ServiceManager, clock: SystemClock, log: LogSink,
        logger: Logger
    ) async throws -> MemberService {
        FileDescriptors.raiseLimit()
        guard FileDescriptors.limit > Limits.reservedDescriptors else {
            throw BootstrapError(
                description: "file descriptor limit[\(FileDescriptors.limit)] of etcd process is "
                    + "too low; please set higher than \(Limits.reservedDescriptors)")
        }
        let loops = EventLoops(count: EventLoops.suitableCount)
        let version = SemanticVersion(ProgramVersion.etcd) ?? SemanticVersion(major: 3, minor: 5)
        let directory = DataDirectory(
            root: config.dataDirectory, walDirectory: config.walDirectory)
        let fileSystem = PosixFileSystem()
        let hasLog = Bootstrap.hasLog(directory, in: fileSystem)
        StartLog.starting(config, isInitialized: hasLog, logger: logger)
        try DataDirectoryCheck.run(directory, in: fileSystem, logger: logger)
        // Before others are asked, who would only say that they know this member.
        if !hasLog { try Bootstrap.checkUnused(directory, in: fileSystem) }
        let tls = try MemberTLS.open(config, in: fileSystem, logger: logger)
        let client = HTTPClient(loops: loops, tls: tls.peer)
        let queries = ClusterQueries(client: client, loop: loops.next())
        let origin = try await OriginDecision(
            config: config,
            discovery: ClusterDiscovery(
                config: config, loop: loops.next(), systemd: systemd, logger: logger),
            queries: queries, ownVersion: version, logger: logger
        ).decide(hasLog: hasLog)

        let (stops, stop) = AsyncStream.makeStream(of: StopReason.self)
        let (events, event) = AsyncStream.makeStream(of: ReplicaEvent.self)
        let keyspace = V2Keyspace()
        let mailboxes = RoleMailboxes()
        let opening = MemberOpening(
            config: config, directory: directory, fileSystem: fileSystem, logger: logger)
        var (opened, cluster) = try opening.open(origin, keyspace: keyspace)
        let database = try opening.openDatabase(
            snapshot: opened.snapshotMetadata, cluster: cluster)
        try opening.forceIfWanted(&opened, applied: database.appliedIndex)
        // For checks only: the roles start from the snapshot and find the rest in the log.
        let known = DatabaseRecords.membership(in: database.backend, otherwise: cluster)
        try StartLog.checkVersion(known, own: version)
        let replica = Replica(
            configuration: ReplicaConfiguration(config), localID: opened.localID,
            clusterID: opened.clusterID, snapshot: opened.snapshotMetadata, keyspace: keyspace,
            v3: database.views, cluster: cluster, clock: clock, logger: logger)
        let background = BackgroundThreads()
        let inbox = PeerInbox(mailboxes: mailboxes) { stop.yield(.removed($0)) }
        let transport = PeerTransport(
            settings: PeerTransport.Settings(
                localID: opened.localID, clusterID: opened.clusterID,
                localPeerURLs: config.initialAdvertisePeerURLs.map(\.text)),
            members: replica.members, client: client,
            // One loop for all peers: what comes in, is run and goes out again never waits for
            // another thread.
            loops: [loops.all[0]], clock: clock,
            delegate: inbox,
            snapshots: SnapshotTransfers(
                files: SnapshotDirectory(
                    path: directory.snapshots, fileSystem: fileSystem,
                    check: {
                        try ReceivedDatabase.check($0, index: LogIndex($1), in: fileSystem)
                    }),
                background: background.pool), logger: logger)
        let parts = try MemberParts(
            replica: replica, transport: transport, loops: loops, client: client,
            queries: queries, clock: clock, mailboxes: mailboxes, background: background,
            config: config, log: log, logger: logger)
        let listeners = try await MemberListeners.bind(
            config, parts: parts, tls: tls, inherited: systemd.inheritedSockets(), logger: logger)
        for member in cluster.members { transport.add(member) }
        if case .joiner(_, let known, _) = origin {
            for member in known { transport.add(member) }
        }
        let wiring = RoleWiring(
            replica: replica, mailboxes: mailboxes, opened: opened, database: database,
            clock: clock,
            seed: SystemEntropy.seed(),
            listeners: RoleWiring.Listeners(
                loops: loops,
                send: { MemberService.send($0, by: transport, databases: replica.databases) },
                background: parts.scans, syncs: parts.syncs,
                peers: { change in
                    switch change {
                    case .add(let member): transport.add(member)
                    case .update(let member): transport.update(member)
                    case .remove(let id): transport.remove(id)
                    case .replaceAll(let members): transport.replaceAll(members)
                    }
                }, event: { event.yield($0) }))
        // A member that makes a cluster of its own has nobody to compare with.
        if config.initialCorruptCheck, !config.forceNewCluster, case .restart = origin {
            try await parts.corruptionMonitor(logger).checkAtStart(among: known.members)
        }
        wiring.start()
        return MemberService(
            config: config, parts: parts, tls: tls, wiring: wiring, listeners: listeners,
            systemd: systemd, logger: logger, events: events, stops: stops, stop: stop)
    }

    /// A snapshot message takes along the database that the apply role has pinned for it.
    private static func send(
        _ messages: [Message], by transport: PeerTransport, databases: SnapshotDatabases
    ) {
        guard messages.contains(where: { $0.kind == .snapshot }) else {
            return transport.send(messages)
        }
        transport.send(messages.filter { $0.kind != .snapshot })
        for message in messages where message.kind == .snapshot {
            let database = databases.take(for: message.to)
            transport.sendSnapshot(message, database: database.map { SnapshotImage(pinned: $0) })
        }
    }

    // MARK: run

    /// Serves until something ends the member; then ends it in good order.
    func runUntilStopped() async -> Int32 {
        let signals = Task { await listenToSignals() }
        defer { signals.cancel() }
        let reason = await withTaskGroup(of: Void.self) { group in
            let (terms, term) = AsyncStream.makeStream(of: Void.self)
            group.addTask { await self.follow(term) }
            group.addTask { await self.parts.versionMonitor(self.logger).run(wakeUps: terms) }
            group.addTask { await self.keepWatchdogCalm() }
            if self.config.corruptCheckMilliseconds > 0 {
                group.addTask {
                    await self.parts.corruptionMonitor(self.logger).run(
                        everyMilliseconds: self.config.corruptCheckMilliseconds)
                }
            }
            var first: StopReason?
            for await reason in stops {
                first = reason
                break
            }
            // The manager's time for a stop begins, whatever is to be waited for.
            systemd.stopping()
            group.cancelAll()
            return first ?? .failed("the member lost track of itself")
        }
        await end(reason)
        switch reason {
        case .signal, .removed: return 0
        case .failed: return 1
        }
    }

    private func follow(_ term: AsyncStream<Void>.Continuation) async {
        for await event in events {
            switch event {
            case .published: published()
            case .termStarted:
                parts.statistics.noteLeader()
                term.yield()
            case .removed:
                stop.yield(.removed("a membership change removed it"))
            case .failed(let reason):
                stop.yield(.failed(reason))
            }
        }
    }

    private func published() {
        guard listeners.open() else { return }
        logger.info(
            "published local member to cluster through raft",
            metadata: [
                "local-member-id": "\(parts.members.localID)",
                "local-member-attributes":
                    "{Name:\(config.name) ClientURLs:\(config.advertiseClientURLs)}",
                "cluster-id": "\(String(parts.members.clusterID, radix: 16))",
            ])
        logger.info("ready to serve client requests")
        listeners.logClients(logger)
        if systemd.isPresent { logger.info("notifying init daemon") }
        systemd.ready(
            status: "serving as \(config.name) (\(parts.members.localID)) "
                + "of \(parts.members.list.count) members")
        if systemd.isPresent { logger.info("successfully notified init daemon") }
    }

    /// The first request to stop begins a stop in good order; whoever is impatient asks once more.
    private func listenToSignals() async {
        var hasBeenAsked = false
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            if signal == .sighup {
                logger.info(
                    "received signal; reading TLS files and opening the audit log again",
                    metadata: ["signal": "\(signal)"])
                tls.reload()
                parts.audit?.reopen()
                continue
            }
            if hasBeenAsked {
                // Nothing is lost: what was acknowledged is on disk.
                logger.warning(
                    "received another signal; ending at once", metadata: ["signal": "\(signal)"])
                _exit(1)
            }
            hasBeenAsked = true
            stop.yield(.signal("\(signal)"))
        }
    }

    private func keepWatchdogCalm() async {
        guard let interval = systemd.watchdogMicroseconds else { return }
        while !Task.isCancelled {
            // When the roles stand still, systemd shall step in.
            if parts.isConsensusAlive() { systemd.alive() }
            try? await Task.sleep(for: .microseconds(interval))
        }
    }

    // MARK: end

    private func end(_ reason: StopReason) async {
        switch reason {
        case .signal(let name):
            logger.info("received signal; shutting down", metadata: ["signal": "\(name)"])
        case .removed(let how):
            logger.error(
                """
                the member has been permanently removed from the cluster; the data-dir used by \
                this member must be removed
                """, metadata: ["reason": "\(how)"])
        case .failed(let what):
            logger.critical("the member cannot go on", metadata: ["reason": "\(what)"])
        }
        logger.info(
            "closing etcd server",
            metadata: ["name": "\(config.name)", "data-dir": "\(config.dataDirectory)"])
        await listeners.stopAcceptingClients()
        if case .signal = reason { await LeadershipHandOver(parts: parts, logger: logger).run() }
        parts.replica.status.publishStopping()
        parts.mailboxes.apply.postReserved(.endWatches)
        await listeners.drainClients(graceMilliseconds: MemberService.drainMilliseconds)
        let wiring = wiring
        await Task.detached { wiring.stop() }.value
        parts.transport.stop()
        await listeners.drainPeers()
        parts.client.shutdown()
        for threads in [
            parts.background, parts.passwords, parts.scans, parts.reads, parts.syncs,
        ] {
            await threads.shutdown()
        }
        try? await parts.loops.shutdown()
        logger.info(
            "closed etcd server",
            metadata: ["name": "\(config.name)", "data-dir": "\(config.dataDirectory)"])
    }
}
