//  How the members of a new cluster are found when they are not listed.

package enum DiscoverySettings: Sendable, Hashable {
    /// A token in the v2 key space of some etcd.
    case service(Service)
    /// A token in the v3 key space of some etcd.
    case registry(Registry)
    /// SRV records of a domain. The suffix of the service's name is empty when there is none.
    case records(domain: String, suffix: String)

    package struct Service: Sendable, Hashable {
        package let url: String
        /// Empty for what the environment says.
        package let proxy: String
        /// A member for which there is no place becomes a proxy of the v2 API.
        package let fallsBackToProxy: Bool
    }

    package struct Registry: Sendable, Hashable {
        package let token: String
        package let endpoints: [String]
        package let dialMilliseconds: UInt64
        package let requestMilliseconds: UInt64
        package let keepAliveMilliseconds: UInt64
        package let keepAliveTimeoutMilliseconds: UInt64
        /// Endpoints without a scheme are spoken to without TLS, unless there are files for it.
        package let insecureTransport: Bool
        package let skipsVerification: Bool
        // Paths; empty when not set.
        package let certFile: String
        package let keyFile: String
        package let trustedCAFile: String
        /// Empty for no login.
        package let user: String
        package let password: String
    }
}

extension ConfigValidation {
    private static let serviceSettings = ["discovery", "discovery-proxy"]
    private static let registrySettings = [
        "discovery-token", "discovery-endpoints", "discovery-cert", "discovery-key",
        "discovery-cacert", "discovery-user", "discovery-password",
    ]

    private func given(_ name: String) -> Bool {
        settings.isSet(name) && !settings.text(name).trimmingBlanks.isEmpty
    }

    /// Whether the members are found by one of the ways other than a list.
    var discovers: Bool {
        ["discovery", "discovery-endpoints", "discovery-srv"].contains { given($0) }
    }

    mutating func checkDiscovery() {
        if Self.serviceSettings.contains(where: { given($0) }),
            let other = Self.registrySettings.first(where: { given($0) })
        {
            error(
                other,
                "both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings "
                    + "(\(Self.registrySettings.joined(separator: ", "))) are set")
        }
        if given("discovery-token") != given("discovery-endpoints") {
            error(
                given("discovery-token") ? "discovery-endpoints" : "discovery-token",
                "both --discovery-token and --discovery-endpoints must be set")
        }
        if given("discovery-cert") != given("discovery-key") {
            error(
                given("discovery-cert") ? "discovery-key" : "discovery-cert",
                "--discovery-cert and --discovery-key must be set together")
        }
        for name in ["discovery-dial-timeout", "discovery-request-timeout"]
        where settings.milliseconds(name) == 0 {
            let standard = Setting.named(name)?.standard ?? ""
            error(
                name, "--\(name) must be longer than a millisecond",
                corrections: [settings.line(name, standard)])
        }
        if discovers, host.isInitialized(dataDirectory, settings.text("wal-dir")) {
            note(
                .warning, "discovery",
                given("discovery-srv")
                    ? "server has already been initialized; the settings that form a cluster do "
                        + "not count"
                    : "discovery token is ignored since cluster already initialized; valid logs "
                        + "are found", ["data-dir": dataDirectory])
        }
    }

    var discoverySettings: DiscoverySettings? {
        if given("discovery") {
            return .service(
                DiscoverySettings.Service(
                    url: settings.text("discovery").trimmingBlanks,
                    proxy: settings.text("discovery-proxy").trimmingBlanks,
                    fallsBackToProxy: settings.text("discovery-fallback") == "proxy"))
        }
        if given("discovery-endpoints") { return .registry(registry) }
        if given("discovery-srv") {
            return .records(
                domain: settings.text("discovery-srv").trimmingBlanks,
                suffix: settings.text("discovery-srv-name").trimmingBlanks)
        }
        return nil
    }

    private var registry: DiscoverySettings.Registry {
        var user = settings.text("discovery-user")
        var password = settings.text("discovery-password")
        if password.isEmpty, let colon = user.firstIndex(of: ":") {
            password = String(user[user.index(after: colon)...])
            user = String(user[..<colon])
        }
        return DiscoverySettings.Registry(
            token: settings.text("discovery-token").trimmingBlanks,
            endpoints: settings.list("discovery-endpoints"),
            dialMilliseconds: settings.milliseconds("discovery-dial-timeout"),
            requestMilliseconds: settings.milliseconds("discovery-request-timeout"),
            keepAliveMilliseconds: settings.milliseconds("discovery-keepalive-time"),
            keepAliveTimeoutMilliseconds: settings.milliseconds("discovery-keepalive-timeout"),
            insecureTransport: settings.flag("discovery-insecure-transport"),
            skipsVerification: settings.flag("discovery-insecure-skip-tls-verify"),
            certFile: settings.text("discovery-cert"), keyFile: settings.text("discovery-key"),
            trustedCAFile: settings.text("discovery-cacert"), user: user, password: password)
    }

    /// The salt of the ids: the token of the discovery service where one is asked.
    var clusterToken: String {
        switch discoverySettings {
        case .service(let service): service.url
        case .registry(let registry): registry.token
        case .records, nil: settings.text("initial-cluster-token")
        }
    }
}
