//  The ports of one member, and when each of them opens and closes.

import EtcdConfig
import EtcdHTTP
import EtcdNet
import EtcdTransport
import Logging
import RuntimeCore
import Synchronization

final class MemberListeners: Sendable {
    private let peers: Listeners
    /// Bound from the start, so that a taken port is found before anything else happens; opened
    /// when the member can answer.
    private let clients: Listeners
    private let metrics: Listeners
    private let isOpen = Atomic<Bool>(false)

    private init(peers: Listeners, clients: Listeners, metrics: Listeners) {
        self.peers = peers
        self.clients = clients
        self.metrics = metrics
    }

    static func bind(
        _ config: ServerConfig, parts: MemberParts, tls: MemberTLS,
        inherited: [ServiceManager.InheritedSocket], logger: Logger
    ) async throws -> MemberListeners {
        let shares = ConnectionShares(descriptors: FileDescriptors.limit)
        var held = ListenerSettings(maxConnections: shares.clients)
        held.startsClosed = true
        held.http2.concurrentStreams = min(
            held.http2.concurrentStreams, config.maxConcurrentStreams)
        held.http2.clientPingMilliseconds = config.keepAliveMinMilliseconds
        held.http2.pingMilliseconds = config.keepAliveIntervalMilliseconds
        held.http2.pingTimeoutMilliseconds = config.keepAliveTimeoutMilliseconds
        var peerSettings = ListenerSettings(maxConnections: shares.peers)
        // Where the links that this member dials live, too (MemberService).
        peerSettings.usesFirstLoop = true
        func sockets(_ name: String) -> [Int32] {
            inherited.filter { $0.name == name }.map(\.descriptor)
        }
        for socket in inherited where !["client", "peer", "metrics"].contains(socket.name) {
            logger.warning(
                """
                ignored an inherited socket: its FileDescriptorName must be client, peer or \
                metrics
                """, metadata: ["name": "\(socket.name)"])
        }
        let peers = try await Listeners.bind(
            config.listenPeerURLs, inherited: sockets("peer"), loops: parts.loops,
            settings: peerSettings, tls: { tls.forPeers($0) },
            handler: PeerHTTPHandler(
                transport: parts.transport, versionJSON: { parts.versionJSON() },
                services: ReplicaPeerServices(
                    handler: parts.handler, loop: parts.loops.next())),
            what: "peer", logger: logger)
        let clients = try await Listeners.bind(
            config.listenClientURLs + config.listenClientHTTPURLs, inherited: sockets("client"),
            loops: parts.loops, settings: held, tls: { tls.forClients($0) },
            handler: HTTPRouter(
                settings: parts.routerSettings, surface: .clients, services: parts.services),
            what: "client", logger: logger)
        let metrics = try await Listeners.bind(
            config.listenMetricsURLs, inherited: sockets("metrics"), loops: parts.loops,
            settings: ListenerSettings(maxConnections: shares.metrics),
            tls: { tls.forMetrics($0) },
            handler: HTTPRouter(
                settings: parts.routerSettings, surface: .metrics, services: parts.services),
            what: "metrics", logger: logger)
        return MemberListeners(peers: peers, clients: clients, metrics: metrics)
    }

    /// Lets clients in. False when they are in already.
    func open() -> Bool {
        guard !isOpen.exchange(true, ordering: .sequentiallyConsistent) else { return false }
        clients.startAccepting()
        return true
    }

    /// Says what clients find where.
    func logClients(_ logger: Logger) {
        for (listener, manners) in zip(clients.all, clients.manners) {
            let metadata: Logger.Metadata = [
                "traffic": "grpc+http", "address": "\(listener.localAddress)",
            ]
            if manners.speaksPlainText {
                logger.info(
                    "serving client traffic insecurely; this is strongly discouraged!",
                    metadata: metadata)
            }
            if manners.speaksTLS {
                logger.info("serving client traffic securely", metadata: metadata)
            }
        }
    }

    func stopAcceptingClients() async { await clients.stopAccepting() }

    func drainClients(graceMilliseconds: UInt64) async {
        await clients.drain(graceMilliseconds: graceMilliseconds)
        await metrics.drain(graceMilliseconds: 0)
    }

    /// Streams of peers never finish by themselves.
    func drainPeers() async { await peers.drain(graceMilliseconds: 0) }
}
