//  Settings that etcd does not have: who asks for what, and how much.

extension Setting {
    static let protection: [Setting] = [
        Setting(
            "audit-log", .string, "", .auth,
            "File that notes requests of clients, one JSON object a line (empty for none)."),
        Setting(
            "audit-log-events", .choice(["all", "writes", "denied"]), "all", .auth,
            "What the audit log holds: all requests, those that may change something, or those "
                + "denied; the latter are always included."),
        Setting(
            "rate-limit-per-user", .uint(bits: 32), "0", .auth,
            "Requests a second that each user, or each address without one, may make (0 for any)."),
        Setting(
            "rate-limit-per-prefix", .list, "", .auth,
            "Requests a second for keys with a prefix, such as /jobs/=100, comma separated."),
    ]
}
