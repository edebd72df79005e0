//  A running proxy of the v2 API: everything it is made of, in the order of start and stop.

import EtcdConfig
import EtcdNet
import EtcdProxy
import EtcdServer
import Glibc
import Logging
import NIOCore
import RuntimeCore
import RuntimePosix
import UnixSignals

final class ProxyService: Sendable {
    /// Long polls end only with their clients: nobody is waited for much longer than an answer
    /// takes.
    private static let drainMilliseconds: UInt64 = 2_000
    /// Connections kept to each member per event loop (etcd's value).
    private static let idleConnectionsMax = 128
    /// Time for the answer to a question about the members, connecting not included.
    private static let answerMilliseconds: UInt64 = 2_000
    /// What Go reads of a form at most, and so what a member takes.
    private static let formBytesMax = 10 << 20

    private let membership: ProxyMembership
    private let clients: Listeners
    private let metrics: Listeners
    private let loops: EventLoops
    private let connections: [HTTPClient]
    private let tls: MemberTLS
    private let forwardingTLS: TLSContext
    private let systemd: ServiceManager
    private let logger: Logger

    private init(
        membership: ProxyMembership, clients: Listeners, metrics: Listeners, loops: EventLoops,
        connections: [HTTPClient], tls: MemberTLS, forwardingTLS: TLSContext,
        systemd: ServiceManager, logger: Logger
    ) {
        self.membership = membership
        self.clients = clients
        self.metrics = metrics
        self.loops = loops
        self.connections = connections
        self.tls = tls
        self.forwardingTLS = forwardingTLS
        self.systemd = systemd
        self.logger = logger
    }

    // MARK: start

    /// Everything up to served clients.
    ///
    /// - Parameter peerURLs: of the members, when they are known already; else the settings tell,
    ///   or whom they send us to. The file of an earlier run counts more.
    static func start(
        _ config: ServerConfig, peerURLs: [String]? = nil, systemd: ServiceManager, logger: Logger
    ) async throws -> ProxyService {
        logger.info("proxy: this proxy supports v2 API only!")
        FileDescriptors.raiseLimit()
        let files = PosixFileSystem()
        let file = ProxyClusterFile(directory: "\(config.dataDirectory)/proxy")
        try DataDirectoryCheck.run(
            DataDirectory(root: config.dataDirectory, walDirectory: ""), in: files, logger: logger)
        try files.createDirectory(file.directory, permissions: 0o700)
        let tls = try MemberTLS.open(
            config, directory: file.directory, in: files, logger: logger)
        let forwardingTLS = try MemberTLS.asClient(config, peer: tls.peer, logger: logger)
        let loops = EventLoops(count: EventLoops.suitableCount)
        let discovery = ClusterDiscovery(
            config: config, loop: loops.next(), systemd: systemd, logger: logger)
        let known = try await knownPeers(discovery, peerURLs, file, files, logger)
        let asking = HTTPClient(loops: loops, tls: tls.peer)
        let forwarding = HTTPClient(
            loops: loops, tls: forwardingTLS, idleConnectionsMax: idleConnectionsMax)
        let times = config.proxy
        let director = ProxyDirector(
            failureWait: time(times.failureWaitMilliseconds) ?? .nanoseconds(0),
            timers: loops.next(), logger: logger)
        let queries = ClusterQueries(client: asking, loop: loops.next())
        let patience = time(dialMilliseconds(times) + answerMilliseconds) ?? .minutes(1)
        let membership = ProxyMembership(
            director: director, peerURLs: known, intervalMilliseconds: times.refreshMilliseconds,
            logger: logger,
            ask: { await queries.members(from: $0, timeout: patience)?.members },
            remember: { try file.write($0, in: PosixFileSystem()) })
        await membership.refresh()
        let counters = ProxyMetrics()
        let page = metricsPage(counters)
        let shares = ConnectionShares(descriptors: FileDescriptors.limit)
        // Every client's request may need a connection to a member, too.
        let room = max(1, shares.clients / 2)
        let handler = ProxyHandler(
            settings: handlerSettings(config, exchangesMax: room), director: director,
            metrics: counters,
            client: forwarding, logger: logger, metricsPage: page)
        let inherited = systemd.inheritedSockets()
        let clients = try await Listeners.bind(
            config.listenClientURLs + config.listenClientHTTPURLs,
            inherited: inherited.filter { $0.name == "client" }.map(\.descriptor), loops: loops,
            settings: ListenerSettings(maxConnections: room), tls: { tls.forClients($0) },
            handler: handler, what: "client", logger: logger)
        let metrics = try await Listeners.bind(
            config.listenMetricsURLs,
            inherited: inherited.filter { $0.name == "metrics" }.map(\.descriptor), loops: loops,
            settings: ListenerSettings(maxConnections: shares.metrics),
            tls: { tls.forMetrics($0) },
            handler: ProxyMetricsHandler(page: page), what: "metrics", logger: logger)
        for listener in clients.all {
            logger.info(
                "v2 proxy started listening on client requests",
                metadata: ["host": "\(listener.localAddress)"])
        }
        systemd.ready(status: "v2 proxy (\(config.proxy.mode.rawValue))")
        return ProxyService(
            membership: membership, clients: clients, metrics: metrics, loops: loops,
            connections: [asking, forwarding], tls: tls, forwardingTLS: forwardingTLS,
            systemd: systemd, logger: logger)
    }

    /// Where to ask for the members first.
    private static func knownPeers(
        _ discovery: ClusterDiscovery, _ discovered: [String]?, _ file: ProxyClusterFile,
        _ files: PosixFileSystem, _ logger: Logger
    ) async throws -> [String] {
        if let urls = try file.read(in: files) {
            logger.info(
                "proxy: using peer urls from cluster file",
                metadata: [
                    "peer-urls": .array(urls.map { .string($0) }), "cluster-file": "\(file.path)",
                ])
            return urls
        }
        let urls: [String]
        if let discovered {
            urls = discovered
        } else {
            urls = try await discovery.observe().map(\.url.text).sorted()
        }
        logger.info(
            "proxy: using peer urls", metadata: ["peer-urls": .array(urls.map { .string($0) })])
        return urls
    }

    private static func handlerSettings(_ config: ServerConfig, exchangesMax: Int)
        -> ProxyHandler.Settings
    {
        // A v3 request as JSON may be a third longer than its content.
        let requestBytes = Int(clamping: config.maxRequestBytes) * 2
        return ProxyHandler.Settings(
            isReadOnly: config.proxy.mode == .readonly, crossOrigins: config.cors,
            bodyBytesMax: max(formBytesMax, requestBytes), exchangesMax: exchangesMax,
            limits: HTTPClientRelayLimits(
                dial: time(dialMilliseconds(config.proxy)) ?? .minutes(2),
                write: time(config.proxy.writeMilliseconds),
                read: time(config.proxy.readMilliseconds)))
    }

    /// The kernel gives up by itself after two minutes.
    private static func dialMilliseconds(_ times: ProxySettings) -> UInt64 {
        let limit: UInt64 = 120_000
        return times.dialMilliseconds == 0 ? limit : min(times.dialMilliseconds, limit)
    }

    /// `nil` for 0.
    private static func time(_ milliseconds: UInt64) -> TimeAmount? {
        milliseconds == 0 ? nil : .milliseconds(Int64(min(milliseconds, 1 << 40)))
    }

    private static func metricsPage(_ counters: ProxyMetrics) -> @Sendable () -> [UInt8] {
        {
            var text = MetricsText()
            counters.write(into: &text)
            text.family(
                "etcd_server_version",
                "Which version is running. 1 for 'server_version' label "
                    + "with current version.", type: "gauge",
                [("server_version=\"\(ProgramVersion.etcd)\"", 1)])
            text.family(
                "etcd_swift_version", "Which etcd-swift is running.", type: "gauge",
                [("version=\"\(ProgramVersion.own)\"", 1)])
            ProcessStatistics.write(into: &text)
            return text.bytes
        }
    }

    // MARK: run

    /// Serves until a signal comes; then ends in good order.
    ///
    /// - Returns: the exit code.
    func runUntilStopped() async -> Int32 {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.membership.run() }
            group.addTask { await self.keepWatchdogCalm() }
            await listenToSignals()
            group.cancelAll()
        }
        systemd.stopping()
        await clients.drain(graceMilliseconds: ProxyService.drainMilliseconds)
        await metrics.drain(graceMilliseconds: 0)
        for client in connections { client.shutdown() }
        try? await loops.shutdown()
        logger.info("closed the proxy")
        return 0
    }

    private func listenToSignals() async {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            if signal == .sighup {
                logger.info(
                    "received signal; reading TLS files again", metadata: ["signal": "\(signal)"])
                tls.reload()
                forwardingTLS.reload()
                continue
            }
            logger.info("received signal; shutting down", metadata: ["signal": "\(signal)"])
            return
        }
    }

    private func keepWatchdogCalm() async {
        guard let interval = systemd.watchdogMicroseconds else { return }
        while !Task.isCancelled {
            systemd.alive()
            try? await Task.sleep(for: .microseconds(interval))
        }
    }
}
