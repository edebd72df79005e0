//  From the settings of discovery to the members of a cluster.

import EtcdClient
import EtcdConfig
import EtcdDiscovery
import EtcdMembership
import EtcdNet
import EtcdServer
import Glibc
import Logging
import NIOCore

/// A discovered cluster has its members, and this process is not among them. What follows depends
/// on `--discovery-fallback`; thrown only where that says `proxy`.
struct SurplusMember: Error, Sendable, CustomStringConvertible {
    /// Of the cluster.
    let members: [ServerConfig.ClusterEntry]

    var description: String { "discovery cluster is full" }
}

struct ClusterDiscovery: Sendable {
    let config: ServerConfig
    let loop: any EventLoop
    let systemd: ServiceManager
    let logger: Logger
    /// How often systemd hears that others are waited for, and how long it is to bear with that.
    private static let patience = (askedEvery: 20, seconds: 60)

    /// The members of the cluster to be formed or joined, this one among them; it is registered
    /// where there is something to register with.
    ///
    /// Throws `BootstrapError` or `SurplusMember`.
    func run() async throws -> [ServerConfig.ClusterEntry] {
        if config.discovery == nil { return config.initialCluster }
        let waiting = Task {
            // A start that systemd cuts short leaves a registration behind, and the next one fails.
            while !Task.isCancelled {
                systemd.starting(
                    status: "waiting for the other members of the cluster",
                    moreSeconds: Self.patience.seconds)
                try? await Task.sleep(for: .seconds(Self.patience.askedEvery))
            }
        }
        defer { waiting.cancel() }
        let found: DiscoveryOutcome
        do throws(DiscoveryError) {
            found = try await outcome()
        } catch {
            throw failure(error)
        }
        switch found {
        case .joined(let members): return members
        case .full(let members):
            guard case .service(let settings) = config.discovery, settings.fallsBackToProxy else {
                throw failure(.full)
            }
            throw SurplusMember(members: members)
        }
    }

    /// The members of the cluster once it is complete, for somebody who is none of them; nothing
    /// is registered.
    func observe() async throws(BootstrapError) -> [ServerConfig.ClusterEntry] {
        do throws(DiscoveryError) {
            switch config.discovery {
            case nil: return config.initialCluster
            case .records(let domain, let suffix):
                return try await records(domain, suffix).members(withOwn: false)
            case .service(let settings):
                let client = try httpClient()
                defer { client.shutdown() }
                return try await service(settings, client).members()
            case .registry(let settings):
                return try await asking(settings) { discovery async throws(DiscoveryError) in
                    try await discovery.members()
                }
            }
        } catch {
            throw failure(error)
        }
    }

    private func outcome() async throws(DiscoveryError) -> DiscoveryOutcome {
        switch config.discovery {
        case nil: return .joined(config.initialCluster)
        case .records(let domain, let suffix):
            return .joined(try await records(domain, suffix).members(withOwn: true))
        case .service(let settings):
            let client = try httpClient()
            defer { client.shutdown() }
            return try await service(settings, client).join(
                id: localID, entries: config.initialCluster)
        case .registry(let settings):
            return try await asking(settings) { discovery async throws(DiscoveryError) in
                try await discovery.join(id: localID, entries: config.initialCluster)
            }
        }
    }

    private func records(_ domain: String, _ suffix: String) -> ServiceDiscovery {
        ServiceDiscovery(
            domain: domain, suffix: suffix, name: config.name,
            advertised: config.initialAdvertisePeerURLs, resolve: HostNames.resolve, logger: logger)
    }

    /// Closes the client in the end.
    private func asking<Value: Sendable>(
        _ settings: DiscoverySettings.Registry,
        _ body: (Discovery) async throws(DiscoveryError) -> Value
    ) async throws(DiscoveryError) -> Value {
        let client = try registryClient(settings)
        let value: Value
        do throws(DiscoveryError) {
            value = try await body(registry(settings, client))
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return value
    }

    /// The id this member will have: it follows from its URLs and the token.
    private var localID: String {
        let own = ClusterFormation.initialMembers(
            config.initialCluster.map { ($0.name, $0.url.text) }, token: config.initialClusterToken)
        return own.first.map { "\($0.id)" } ?? ""
    }

    // MARK: Services

    private func service(_ settings: DiscoverySettings.Service, _ client: HTTPClient)
        throws(DiscoveryError) -> Discovery
    {
        let url = try DiscoveryURL(settings.url)
        let proxy = try HTTPProxyChoice.proxy(
            for: url, setting: settings.proxy, environment: Daemon.environment())
        return Discovery(
            V2Registry(url, proxy: proxy, client: client, loop: loop), service: url.shown,
            logger: logger)
    }

    private func httpClient() throws(DiscoveryError) -> HTTPClient {
        do throws(TLSError) {
            return HTTPClient(loops: loop, tls: try TLSContext(Self.systemAuthorities))
        } catch {
            throw DiscoveryError(error.description)
        }
    }

    /// Those of SSL_CERT_FILE where it is set, as in Go.
    private static var systemAuthorities: TLSOptions {
        var options = TLSOptions()
        options.trustedCAFile = Daemon.environment()["SSL_CERT_FILE"] ?? ""
        options.dials = !options.trustedCAFile.isEmpty
        return options
    }

    private func registry(_ settings: DiscoverySettings.Registry, _ client: Client) -> Discovery {
        Discovery(
            V3Registry(
                client, token: settings.token,
                requestTimeout: .milliseconds(Int64(clamping: settings.requestMilliseconds))),
            service: settings.endpoints.joined(separator: ","), logger: logger)
    }

    private func registryClient(_ settings: DiscoverySettings.Registry) throws(DiscoveryError)
        -> Client
    {
        do throws(TLSError) {
            return try Client(ClientSettings(settings, Self.systemAuthorities), loop: loop)
        } catch {
            throw DiscoveryError(error.description)
        }
    }

    // MARK: Ends

    private func failure(_ error: DiscoveryError) -> BootstrapError {
        explain(error)
        return BootstrapError(description: text(of: error))
    }

    private func text(of error: DiscoveryError) -> String {
        if case .records = config.discovery {
            return "error setting up initial cluster: \(error.description)"
        }
        return error.isAboutURLs
            ? error.description : "failed to join discovery cluster (\(error.description))"
    }

    /// What to do about it, as etcd says it.
    private func explain(_ error: DiscoveryError) {
        let token: Logger.Metadata = ["discovery-token": "\(shownToken)", "error": "\(error)"]
        if case .records = config.discovery { return }
        switch error {
        case .duplicateID:
            logger.warning(
                "member has been registered with discovery service",
                metadata: token.merging(["name": "\(config.name)"]) { $1 })
            logger.warning(
                "but could not find valid cluster configuration",
                metadata: ["data-dir": "\(config.dataDirectory)"])
            logger.warning("check data dir if previous bootstrap succeeded")
            logger.warning("or use a new discovery token if previous bootstrap failed")
        case .duplicateName:
            logger.warning(
                "member with duplicated name has already been registered", metadata: token)
            logger.warning("cURL the discovery token URL for details")
            logger.warning(
                "do not reuse discovery token; generate a new one to bootstrap a cluster")
        default:
            logger.warning(
                "failed to bootstrap; discovery token was already used", metadata: token)
            logger.warning(
                "do not reuse discovery token; generate a new one to bootstrap a cluster")
        }
    }

    private var shownToken: String {
        switch config.discovery {
        case .service(let settings): ConfigURL.withoutUser(settings.url)
        case .registry(let settings): settings.token
        case .records, nil: ""
        }
    }
}

extension ClientSettings {
    fileprivate init(_ settings: DiscoverySettings.Registry, _ system: TLSOptions) {
        self.init(endpoints: settings.endpoints)
        let hasFiles = !(settings.certFile + settings.keyFile + settings.trustedCAFile).isEmpty
        tls = system
        if !settings.trustedCAFile.isEmpty { tls.trustedCAFile = settings.trustedCAFile }
        tls.clientCertificateFile = settings.certFile
        tls.clientKeyFile = settings.keyFile
        tls.trustsAnyServer = settings.skipsVerification
        prefersTLS = hasFiles || !settings.insecureTransport
        if !settings.user.isEmpty {
            user = User(name: settings.user, password: settings.password)
        }
        connection.dialTimeout = .milliseconds(Int64(clamping: settings.dialMilliseconds))
        if settings.keepAliveMilliseconds > 0 {
            // gRPC's clients have no shorter interval: servers end connections for less.
            connection.keepAlive = .milliseconds(
                max(10_000, Int64(clamping: settings.keepAliveMilliseconds)))
        }
        connection.keepAliveTimeout = .milliseconds(
            Int64(clamping: settings.keepAliveTimeoutMilliseconds))
    }
}
