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
            words: "snapshot save", arguments: "FILE [options]",
            help: "Store a running member's database in a file.", options: clientOptions),
        ProgramCommand(
            words: "snapshot status", arguments: "FILE",
            help: "Show hash, revision, keys and size of a stored database."),
        ProgramCommand(
            words: "snapshot restore", arguments: "FILE --data-dir DIR [options]",
            help: "Make a data directory of a stored database.", options: restoreOptions),
        ProgramCommand(
            words: "check", arguments: "--data-dir DIR",
            help: "Check log, snapshots and database of a data directory that is not in use.",
            options: directoryOptions),
        ProgramCommand(
            words: "recover", arguments: "--data-dir DIR",
            help: "Make a stopped member that lost its quorum the only one of its cluster.",
            options: directoryOptions + [
                Option(
                    name: "initial-advertise-peer-urls", value: "URLS",
                    help: "New peer URLs of the member; those it has by default.")
            ]),
        ProgramCommand(
            words: "defrag", arguments: "--data-dir DIR",
            help: "Rewrite the database of a data directory that is not in use.",
            options: [dataDirectory]),
        ProgramCommand(
            words: "hashkv", arguments: "FILE",
            help: "Show the hash over the history of the keys in a database file.",
            options: [
                Option(name: "rev", value: "N", help: "Highest revision; the latest by default.")
            ]),
        ProgramCommand(
            words: "version", arguments: "", help: "Show the versions of program and API."),
        ProgramCommand(
            words: "discovery new", arguments: "--size N [options]",
            help: "Make a token on a running cluster, with which N members find each other.",
            options: discoveryOptions),
        ProgramCommand(
            words: "gateway start", arguments: "[options]",
            help: "Forward TCP connections of clients to the members of a cluster.",
            options: gatewayOptions),
        ProgramCommand(
            words: "completion", arguments: "bash|zsh|fish",
            help: "Show the completion script for a shell.", choices: ShellCompletion.shells),
        ProgramCommand(
            words: "man", arguments: "",
            help: "Show the manual page: etcd-swift man | man -l -"),
        ProgramCommand(words: "--version", arguments: "", help: "Show the version."),
        ProgramCommand(words: "-h | --help", arguments: "", help: "Show this help."),
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
