//  The options of commands that are more than flags of a start.

extension ProgramCommand {
    static let healthcheckOptions: [Option] = [
        Option(name: "endpoints", value: "URLS", help: "Client URLs to ask, comma separated."),
        Option(
            name: "serializable", value: "",
            help: "Ask whether the member itself serves, even without a quorum."),
        Option(name: "timeout", value: "TIME", help: "Time for the answers; 5s by default."),
        Option(
            name: "cacert", value: "FILE",
            help: "Authorities that sign the members' certificates; the system's by default."),
        Option(name: "cert", value: "FILE", help: "Certificate to show to the members."),
        Option(name: "key", value: "FILE", help: "Key of that certificate."),
        Option(
            name: "insecure-skip-tls-verify", value: "",
            help: "Do not verify the members' certificates."),
    ]

    static let discoveryOptions: [Option] = [
        Option(name: "size", value: "N", help: "Number of members of the new cluster."),
        Option(
            name: "endpoints", value: "LIST",
            help: "Client URLs of the running cluster; http://127.0.0.1:2379 by default."),
        Option(name: "protocol", value: "v2|v3", help: "Of discovery; v3 by default."),
        Option(name: "token", value: "TEXT", help: "The token, instead of a random one."),
        Option(
            name: "user", value: "NAME[:PASSWORD]", help: "Log in to the running cluster."),
        Option(name: "password", value: "TEXT", help: "Password of --user."),
        Option(
            name: "cacert", value: "FILE",
            help: "Authorities that sign the running cluster's certificates."),
        Option(name: "cert", value: "FILE", help: "Certificate to show to it."),
        Option(name: "key", value: "FILE", help: "Key of that certificate."),
        Option(
            name: "insecure-skip-tls-verify", value: "", help: "Do not verify its certificate."),
    ]

    static let gatewayOptions: [Option] = [
        Option(
            name: "listen-addr", value: "ADDRESS",
            help: "Where clients are served; 127.0.0.1:23790 by default."),
        Option(
            name: "endpoints", value: "LIST",
            help: "Addresses of the members; 127.0.0.1:2379 by default."),
        Option(
            name: "discovery-srv", value: "DOMAIN",
            help: "Domain whose DNS records name the members."),
        Option(name: "discovery-srv-name", value: "TEXT", help: "Suffix of the records' service."),
        Option(
            name: "insecure-discovery", value: "",
            help: "Take records of services without TLS, too."),
        Option(
            name: "trusted-ca-file", value: "FILE",
            help: "Authorities with which endpoints found by DNS are checked."),
        Option(
            name: "retry-delay", value: "TIME",
            help: "Time between attempts to reach a failed endpoint; 1m by default."),
    ]

    static let clientOptions: [Option] = [
        Option(
            name: "endpoints", value: "LIST",
            help: "Client URL of the member; 127.0.0.1:2379 by default."),
        Option(name: "cacert", value: "FILE", help: "Authorities that sign its certificate."),
        Option(name: "cert", value: "FILE", help: "Certificate to show to it."),
        Option(name: "key", value: "FILE", help: "Key of that certificate."),
        Option(
            name: "insecure-skip-tls-verify", value: "", help: "Do not verify its certificate."),
        Option(name: "user", value: "NAME[:PASSWORD]", help: "Log in."),
        Option(name: "password", value: "TEXT", help: "Password of --user."),
    ]

    static let dataDirectory = Option(
        name: "data-dir", value: "DIR", help: "The data directory; required.")

    static let directoryOptions: [Option] = [
        dataDirectory,
        Option(
            name: "wal-dir", value: "DIR", help: "Directory of the log, if it has one of its own."),
    ]

    static let restoreOptions: [Option] =
        directoryOptions + [
            Option(name: "name", value: "TEXT", help: "Name of the member."),
            Option(name: "initial-cluster", value: "LIST", help: "All members as NAME=URL."),
            Option(
                name: "initial-cluster-token", value: "TEXT",
                help: "Text that keeps clusters apart."),
            Option(
                name: "initial-advertise-peer-urls", value: "URLS",
                help: "URLs under which other members reach this one."),
            Option(
                name: "bump-revision", value: "N",
                help: "How much to raise the latest revision, so that watchers notice."),
            Option(
                name: "mark-compacted", value: "",
                help: "Forget the history up to the raised revision; goes with --bump-revision."),
            Option(
                name: "skip-hash-check", value: "",
                help: "Take a file that was copied from a data directory."),
        ]
}
