//  The settings of sections Security and Auth.

extension Setting {
    static let security: [Setting] = [
        client("cert-file", .string, "", "Certificate of the client listeners."),
        client("key-file", .string, "", "Private key of the client listeners."),
        client(
            "client-cert-file", .string, "",
            "Certificate that this member shows when it is itself the client."),
        client("client-key-file", .string, "", "Private key for --client-cert-file."),
        client("client-cert-auth", .bool, "false", "Require certificates of clients."),
        client("trusted-ca-file", .string, "", "Authorities that sign the clients' certificates."),
        Setting(
            "ca-file", .string, "", .security,
            "Older form of --trusted-ca-file.",
            yaml: .at("client-transport-security.ca-file")),
        Setting(
            "client-crl-file", .string, "", .security,
            "Revoked certificates of clients: a list in DER or PEM, read again when it changes.",
            yaml: .nowhere),
        client(
            "client-cert-allowed-hostname", .list, "",
            "Host names, one of which a client's certificate must have.", key: "allowed-hostname"),
        client(
            "client-cert-allowed-cn", .list, "",
            "Common names, one of which a client's certificate must have (no flag of etcd).",
            key: "allowed-cn"),
        client(
            "client-skip-client-san-verification", .bool, "false",
            "Do not compare certificates on metrics listeners with addresses (no flag of etcd).",
            key: "skip-client-san-verification"),
        client("auto-tls", .bool, "false", "Serve clients with a generated certificate."),
        Setting(
            "cipher-suites", .list, "", .security,
            "Cipher suites for TLS 1.2 by IANA name, comma separated (empty for a good choice)."
        ),
        Setting(
            "tls-min-version", .string, "TLS1.2", .security,
            "Lowest version of TLS: TLS1.2 or TLS1.3."),
        Setting(
            "tls-max-version", .string, "", .security,
            "Highest version of TLS: TLS1.2 or TLS1.3 (empty for the highest there is)."),
        Setting(
            "self-signed-cert-validity", .uint(bits: 64), "1", .security,
            "Years for which generated certificates are valid."),
        Setting(
            "cors", .list, "*", .security,
            "Origins that browsers may call from, comma separated (empty or * for all)."),
        Setting(
            "host-whitelist", .list, "*", .security,
            "Host names accepted in requests without TLS, comma separated (empty or * for all)."),
    ]

    static let peerSecurity: [Setting] = [
        peer("peer-cert-file", .string, "", "Certificate of the peer listeners."),
        peer("peer-key-file", .string, "", "Private key of the peer listeners."),
        peer(
            "peer-client-cert-file", .string, "",
            "Certificate that this member shows to other members.", key: "client-cert-file"),
        peer(
            "peer-client-key-file", .string, "", "Private key for --peer-client-cert-file.",
            key: "client-key-file"),
        peer(
            "peer-client-cert-auth", .bool, "false", "Require certificates of other members.",
            key: "client-cert-auth"),
        peer(
            "peer-trusted-ca-file", .string, "",
            "Authorities that sign the members' certificates."),
        Setting(
            "peer-ca-file", .string, "", .security,
            "Older form of --peer-trusted-ca-file.",
            yaml: .at("peer-transport-security.ca-file")),
        Setting(
            "peer-crl-file", .string, "", .security,
            "Revoked certificates of members: a list in DER or PEM, read again when it changes.",
            yaml: .nowhere),
        peer(
            "peer-cert-allowed-cn", .list, "",
            "Common names, one of which a member's certificate must have.", key: "allowed-cn"),
        peer(
            "peer-cert-allowed-hostname", .list, "",
            "Host names, one of which a member's certificate must have.", key: "allowed-hostname"),
        peer("peer-auto-tls", .bool, "false", "Serve members with a generated certificate."),
        Setting(
            "peer-skip-client-san-verification", .bool, "false", .security,
            "Do not compare members' certificates with their addresses.",
            aliases: ["experimental-peer-skip-client-san-verification"],
            yaml: .at("peer-transport-security.skip-client-san-verification")),
    ]

    private static func client(
        _ name: String, _ kind: SettingKind, _ standard: String, _ help: String, key: String? = nil
    ) -> Setting {
        Setting(
            name, kind, standard, .security, help,
            yaml: .at("client-transport-security.\(key ?? name)"))
    }

    private static func peer(
        _ name: String, _ kind: SettingKind, _ standard: String, _ help: String, key: String? = nil
    ) -> Setting {
        Setting(
            name, kind, standard, .security, help,
            yaml: .at("peer-transport-security.\(key ?? String(name.dropFirst(5)))"))
    }

    static let auth: [Setting] = [
        Setting(
            "auth-token", .string, "simple", .auth,
            "Kind of authentication token: simple, jwt,sign-method=METHOD with pub-key, priv-key "
                + "and ttl, or nothing for no tokens."),
        Setting(
            "bcrypt-cost", .uint(bits: 64), "10", .auth,
            "Cost of hashing passwords of the v3 API, 4 to 31."),
        Setting(
            "auth-token-ttl", .uint(bits: 64), "300", .auth,
            "Seconds for which a simple token is valid after its last use."),
    ]
}
