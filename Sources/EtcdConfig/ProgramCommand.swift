//  The one table of what the program can be asked to do; `--help`, the manual page and the shells'
//  completion follow from it.

package struct ProgramCommand: Sendable, Hashable {
    package struct Option: Sendable, Hashable {
        /// Without dashes.
        package let name: String
        /// What its value is called; empty for a switch.
        package let value: String
        package let help: String
    }

    /// Such as `config check`; empty for starting a member.
    package let words: String
    /// What follows the words, as a synopsis shows it.
    package let arguments: String
    /// Sentences for `--help` and the manual.
    package let help: String
    package var options: [Option] = []
    /// Every flag of a start may follow.
    package var takesSettings = false
    /// Words of which one must follow.
    package var choices: [String] = []

    package static let all: [ProgramCommand] = [
        ProgramCommand(
            words: "", arguments: "[flags]", help: "Start a member.", takesSettings: true),
        ProgramCommand(
            words: "", arguments: "--config-file PATH",
            help: "Start a member from a file. A YAML file replaces all flags and variables; a "
                + "KEY=VALUE file is overruled by them."),
        ProgramCommand(
            words: "config check", arguments: "[flags]",
            help: "Name everything that is wrong with a configuration, each with the corrected "
                + "line.",
            takesSettings: true),
        ProgramCommand(
            words: "config print", arguments: "[flags]",
            help: "Show the configuration that results, as a KEY=VALUE file.", takesSettings: true),
        ProgramCommand(
            words: "healthcheck", arguments: "[--endpoints URLS] [flags]",
            help: "Ask members for their health; exit 0 if all are healthy, else 1. Without "
                + "--endpoints the one that the flags, variables and file of a start describe.",
            options: healthcheckOptions, takesSettings: true),
        ProgramCommand(
            words: "discovery new", arguments: "--size N [options]",
            help: "Make a token on a running cluster, with which N members find each other.",
            options: discoveryOptions),
        ProgramCommand(
            words: "gateway start", arguments: "[options]",
            help: "Forward TCP connections of clients to the members of a cluster.",
            options: gatewayOptions),
        ProgramCommand(
            words: "snapshot save", arguments: "FILE [--endpoints URL] [flags]",
            help: "Save a snapshot of a running member's v3 keys."),
        ProgramCommand(
            words: "snapshot status", arguments: "FILE [-w FORMAT]",
            help: "Show hash, revision and sizes of a snapshot."),
        ProgramCommand(
            words: "snapshot restore", arguments: "FILE --data-dir DIR [flags]",
            help: "Make a data directory of a new cluster from a snapshot."),
        ProgramCommand(
            words: "check", arguments: "--data-dir DIR [--wal-dir DIR] [-w FORMAT]",
            help: "Name what is damaged in a data directory, and where; exit 1 if something is."),
        ProgramCommand(
            words: "recover", arguments: "--data-dir DIR [flags]",
            help: "Make a member that lost its quorum the only one of its cluster."),
        ProgramCommand(
            words: "defrag", arguments: "--data-dir DIR",
            help: "Give the free pages of a stopped member's database back."),
        ProgramCommand(
            words: "hashkv", arguments: "FILE [--rev N]",
            help: "Show the hash of a database's keys that members compare."),
        ProgramCommand(
            words: "version", arguments: "", help: "Show the version as etcd's tools do."),
        ProgramCommand(
            words: "completion", arguments: "bash|zsh|fish",
            help: "Show the completion script for a shell.", choices: ShellCompletion.shells),
        ProgramCommand(
            words: "man", arguments: "",
            help: "Show the manual page: etcd-swift man | man -l -"),
        ProgramCommand(words: "--version", arguments: "", help: "Show the version."),
        ProgramCommand(words: "-h | --help", arguments: "", help: "Show this help."),
    ]

    private static let healthcheckOptions: [Option] = [
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

    private static let discoveryOptions: [Option] = [
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

    private static let gatewayOptions: [Option] = [
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

    /// The table's row for a command.
    package static func named(_ words: String) -> ProgramCommand {
        guard let found = all.first(where: { $0.words == words }) else {
            preconditionFailure("no command \(words)")
        }
        return found
    }

    /// Commands proper: neither a start nor a flag.
    static let words = all.filter { !$0.words.isEmpty && !$0.words.hasPrefix("-") }

    package var synopsis: String {
        ["etcd-swift", words, arguments].filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Synopsis and sentences, for a terminal.
    var summary: String { "  \(synopsis)\n\(ProgramCommand.wrapped(help, indent: 4))" }

    /// The same with options.
    package var usage: String {
        var text = summary
        for option in options {
            let value = option.value.isEmpty ? "" : " \(option.value)"
            text += "\n      --\(option.name)\(value)\n"
            text += ProgramCommand.wrapped(option.help, indent: 10)
        }
        return text
    }

    private static func wrapped(_ text: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines = [""]
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if indent + last.count + 1 + word.count <= 92 {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.map { "\(margin)\($0)\n" }.joined()
    }
}
