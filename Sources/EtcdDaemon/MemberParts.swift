//  What the parts of a running member share.

import EtcdConfig
import EtcdEdge
import EtcdGRPC
import EtcdHTTP
import EtcdMembership
import EtcdNet
import EtcdServer
import EtcdTransport
import Logging
import NIOCore
import Raft
import RuntimeCore
import RuntimePosix

struct MemberParts: Sendable {
    let replica: Replica
    let transport: PeerTransport
    let loops: EventLoops
    let client: HTTPClient
    let queries: ClusterQueries
    let clock: SystemClock
    let mailboxes: RoleMailboxes
    let background: BackgroundThreads
    // Threads of their own for what takes long: a database on its way to a member or into a backup
    // must not stand in line with it, nor one kind with another.
    let passwords = BackgroundThreads()
    /// Defragmentation, too.
    let scans = BackgroundThreads(count: 1)
    let reads = BackgroundThreads()
    /// Of the database, with every commit.
    let syncs = BackgroundThreads(count: 1)
    let handler: RequestHandler
    let statistics: TransportStatistics
    let services: HTTPServices
    let v3Methods: V3MethodTable
    let audit: AuditLog?
    let routerSettings: HTTPRouter.Settings

    var members: MemberDirectory { replica.members }

    /// Throws when the audit log cannot be opened.
    init(
        replica: Replica, transport: PeerTransport, loops: EventLoops, client: HTTPClient,
        queries: ClusterQueries, clock: SystemClock, mailboxes: RoleMailboxes,
        background: BackgroundThreads, config: ServerConfig, log: LogSink, logger: Logger
    ) throws(FileError) {
        self.replica = replica
        self.transport = transport
        self.loops = loops
        self.client = client
        self.queries = queries
        self.clock = clock
        self.mailboxes = mailboxes
        self.background = background
        handler = replica.makeRequestHandler(
            consensus: mailboxes.consensusPort, apply: mailboxes.applyPort,
            pools: WorkPools(passwords: passwords, scans: scans, reads: reads),
            connectivity: TransportConnectivity(transport: transport))
        statistics = TransportStatistics(
            transport: transport, status: replica.status, clock: clock)
        let httpMetrics = HTTPMetrics()
        let edges = HTTPEdges(loops.all)
        let relay = PeerRelay(client: client, replica: replica, handler: handler, loops: loops)
        audit =
            if let settings = config.audit {
                try AuditLog(settings, clock: clock, background: background, logger: logger)
            } else {
                nil
            }
        let limits = RequestLimits(config, now: clock.monotonic())
        let methods = V3MethodTable(
            V3Services.methods(handler, relay: relay, background: background), facts: handler,
            edges: edges,
            measuresDurations: config.metrics == .extensive,
            supervision: CallSupervision(trail: audit, limits: limits, handler: handler),
            slowCalls: SlowCallLog(
                limitMilliseconds: config.warningUnaryMilliseconds, handler: handler,
                logger: logger, tellsAll: { log.isDebugging },
                timeText: TimestampText.microseconds))
        v3Methods = methods
        var services = HTTPServices(
            handler: handler, edges: edges, ownStatistics: statistics,
            leaderStatistics: statistics,
            metrics: MemberParts.metricsPage(
                replica, transport, httpMetrics, methods, gates: config.featureGates),
            httpMetrics: httpMetrics,
            remoteCalls: GRPCServer(
                table: methods, edges: edges,
                settings: GRPCServer.Settings(
                    maxRequestBytes: Int(clamping: config.maxRequestBytes))),
            gateway: config.enableGateway
                ? GatewayHandler(
                    table: methods, edges: edges,
                    maxRequestBytes: Int(clamping: config.maxRequestBytes)) : nil)
        services.logLevel = log
        services.processFacts = {
            var facts = ProcessFacts.current()
            facts.commandLine = Setting.shown(commandLine: facts.commandLine)
            return facts
        }
        services.supervision = RequestSupervision(
            trail: audit, limits: limits, handler: handler)
        self.services = services
        routerSettings = HTTPRouter.Settings(
            serverVersion: ProgramVersion.etcd, hostWhitelist: config.hostWhitelist,
            crossOrigins: config.cors, servesV2: config.enableV2)
    }

    private static func metricsPage(
        _ replica: Replica, _ transport: PeerTransport, _ http: HTTPMetrics,
        _ methods: V3MethodTable, gates: [ServerConfig.FeatureGate]
    ) -> MetricsPage {
        MetricsPage([
            { text in
                replica.metrics.write(
                    into: &text, status: replica.status, members: replica.members,
                    pending: replica.registry.count, serverVersion: ProgramVersion.etcd)
                text.family(
                    "etcd_swift_version", "Which etcd-swift is running.", type: "gauge",
                    [("version=\"\(ProgramVersion.own)\"", 1)])
                text.family(
                    "etcd_server_go_version",
                    "Which Go version server is running with. 1 for 'server_go_version' label "
                        + "with current version.",
                    type: "gauge",
                    [("server_go_version=\"\(ProgramVersion.compiler)\"", 1)])
                text.family(
                    "etcd_server_feature_enabled",
                    "Whether or not a feature is enabled. 1 is enabled, 0 is not.", type: "gauge",
                    gates.map { gate in
                        (
                            "name=\"\(gate.name)\",stage=\"\(gate.stage)\"",
                            gate.isEnabled ? 1 : 0
                        )
                    })
            },
            { text in
                replica.metrics.write(
                    into: &text, store: replica.keyspace.statistics,
                    watchers: replica.keyspace.watcherCount)
            },
            { text in
                replica.v3.writeMetrics(into: &text)
            },
            { text in PeerMetrics.write(transport, local: replica.members.localID, into: &text) },
            { text in http.write(into: &text) },
            { text in methods.write(into: &text) },
            { text in ProcessStatistics.write(into: &text) },
        ])
    }

    /// What `/version` answers, on both ports.
    func versionJSON() -> [UInt8] {
        let cluster = members.clusterVersion ?? "not_decided"
        return Array(
            "{\"etcdserver\":\"\(ProgramVersion.etcd)\",\"etcdcluster\":\"\(cluster)\"}".utf8)
    }

    func versionMonitor(_ logger: Logger) -> VersionMonitor {
        VersionMonitor(
            handler: handler, queries: queries,
            ownVersion: SemanticVersion(ProgramVersion.etcd)
                ?? SemanticVersion(major: 3, minor: 5), logger: logger)
    }

    func corruptionMonitor(_ logger: Logger) -> CorruptionMonitor {
        CorruptionMonitor(
            questions: MemberQuestions(
                handler: handler,
                client: LeaderClient(
                    client: client, clusterID: members.clusterID, loops: loops.all),
                loop: loops.next()),
            members: members, status: replica.status, clock: clock, logger: logger)
    }

    /// Whether the thread of the roles gets on.
    func isConsensusAlive() -> Bool {
        Liveness.isAlive(
            lastTick: replica.status.lastTickAt, waiting: mailboxes.consensus.count,
            now: clock.monotonic())
    }
}
