//  The settings of section Clustering, discovery and compaction included.

extension Setting {
    static let clustering: [Setting] = [
        Setting(
            "initial-advertise-peer-urls", .urls, "http://localhost:2380", .clustering,
            "URLs under which other members reach this one."),
        Setting(
            "initial-cluster", .string, "${name}=${initial-advertise-peer-urls}", .clustering,
            "All members of the cluster as NAME=URL, comma separated; used at the first start only."
        ),
        Setting(
            "initial-cluster-state", .choice(["new", "existing"]), "new", .clustering,
            "'new' forms a cluster, 'existing' joins one."),
        Setting(
            "initial-cluster-token", .string, "etcd-cluster", .clustering,
            "Text that keeps clusters apart whose members have equal addresses."),
        Setting(
            "advertise-client-urls", .urls, "http://localhost:2379", .clustering,
            "URLs under which clients reach this member; required with --listen-client-urls."),
        Setting(
            "strict-reconfig-check", .bool, "true", .clustering,
            "Refuse changes of the membership that would cost the quorum."),
        Setting(
            "pre-vote", .bool, "true", .clustering,
            "Ask for votes before an election, so that a returning member does not disturb."),
        Setting(
            "enable-v2", .bool, "true", .clustering,
            "Serve the v2 API (default here true, unlike etcd 3.5: it is what this release serves)."
        ),
        Setting(
            "v2-deprecation",
            .choice([
                "not-yet", "write-only", "write-only-skip-check", "write-only-drop-data", "gone",
            ]), "not-yet", .clustering, "Stage of the v2 API's removal.",
            support: .accepted("the v2 API stays; --enable-v2=false turns it off")),
        Setting(
            "auto-compaction-mode", .string, "periodic", .clustering,
            "How --auto-compaction-retention is read: periodic or revision."),
        Setting(
            "auto-compaction-retention", .string, "0", .clustering,
            "How much of the keys' history is kept; 0 keeps all.",
            aliases: ["experimental-auto-compaction-retention"]),
    ]

    static let discovery: [Setting] = [
        Setting(
            "discovery", .string, "", .clustering,
            "URL of a v2 discovery service to form the cluster with."),
        Setting(
            "discovery-fallback", .choice(["exit", "proxy"]), "proxy", .clustering,
            "What a member beyond the size of a discovered cluster does."),
        Setting(
            "discovery-proxy", .string, "", .clustering,
            "HTTP proxy for the discovery service."),
        Setting(
            "discovery-srv", .string, "", .clustering,
            "DNS domain whose SRV records name the members."),
        Setting(
            "discovery-srv-name", .string, "", .clustering,
            "Suffix of the DNS service name."),
        Setting(
            "discovery-token", .string, "", .clustering, "Token of the v3 discovery service.",
            yaml: .at("discovery-config.token")),
        Setting(
            "discovery-endpoints", .list, "", .clustering,
            "Endpoints of the v3 discovery service.",
            yaml: .at("discovery-config.client.endpoints")),
        tuning(
            "discovery-dial-timeout", .duration, "2s", "client.dial-timeout",
            "Time for connecting to the v3 discovery service."),
        tuning(
            "discovery-request-timeout", .duration, "5s", "client.request-timeout",
            "Time for one request to the v3 discovery service."),
        tuning(
            "discovery-keepalive-time", .duration, "2s", "client.keepalive-time",
            "Time between pings to the v3 discovery service."),
        tuning(
            "discovery-keepalive-timeout", .duration, "6s", "client.keepalive-timeout",
            "Time for the answer to such a ping."),
        tuning(
            "discovery-insecure-transport", .bool, "true", "client.secure.insecure-transport",
            "Talk to the v3 discovery service without TLS."),
        tuning(
            "discovery-insecure-skip-tls-verify", .bool, "false",
            "client.secure.insecure-skip-tls-verify",
            "Do not verify the v3 discovery service's certificate."),
        tuning(
            "discovery-cert", .string, "", "client.secure.cert",
            "Certificate for the v3 discovery service."),
        tuning(
            "discovery-key", .string, "", "client.secure.key",
            "Private key for --discovery-cert."),
        tuning(
            "discovery-cacert", .string, "", "client.secure.cacert",
            "Authorities that sign the v3 discovery service's certificate."),
        tuning(
            "discovery-user", .string, "", "client.auth.username",
            "User of the v3 discovery service, or user:password."),
        tuning(
            "discovery-password", .string, "", "client.auth.password",
            "Password of --discovery-user."),
    ]

    private static func tuning(
        _ name: String, _ kind: SettingKind, _ standard: String, _ key: String, _ help: String
    ) -> Setting {
        Setting(
            name, kind, standard, .clustering, help,
            yaml: .at("discovery-config.\(key)"))
    }
}
