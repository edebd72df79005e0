//  The way in: from the command line, the environment and a file to what the program should do.

/// What the program should do.
package enum ConfigOutcome: Sendable {
    /// Start, after logging the notices.
    case run(ServerConfig, notices: [ConfigNotice])
    /// Show on standard output, exit 0.
    case help(String)
    /// Show on standard output, exit 0.
    case version(String)
    /// The result of `config check`: show on standard output, exit with the code.
    case check(text: String, exitCode: Int32)
    /// The result of `config print`: show on standard output, exit 0.
    case print(String)
    /// Show on standard error, exit with the code: 2 for a command line that cannot be read, 1 for
    /// a configuration that cannot work.
    case failure(message: String, exitCode: Int32)
}

package enum ConfigLoader {
    private enum Purpose { case run, check, print }

    /// Pure: everything it knows of the world is handed in.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - readFile: called at most once, for the file of `--config-file`. What it throws is shown;
    ///     it should name the path.
    package static func load(
        arguments: [String], environment: [String: String],
        readFile: (String) throws -> [UInt8], host: ConfigHost = ConfigHost()
    ) -> ConfigOutcome {
        var words = arguments
        var purpose = Purpose.run
        switch words.first {
        case "config":
            switch words.dropFirst().first {
            case "check": purpose = .check
            case "print": purpose = .print
            case "help", "-h", "--help", "-help": return .help(HelpText.full)
            case let other:
                let problem = other.map { "\"\($0)\" is no command of config" } ?? "config what?"
                return .failure(
                    message: "\(problem): use config check or config print\n" + HelpText.usage,
                    exitCode: 2)
            }
            words.removeFirst(2)
        case "completion": return completion(words.dropFirst())
        case "man":
            if let extra = words.dropFirst().first {
                return .failure(message: "man takes no \"\(extra)\"\n", exitCode: 2)
            }
            return .print(ManualPage.roff)
        case "grpc-proxy":
            return .failure(
                message: "\(words[0]) is not part of this release\n", exitCode: 1)
        default: break
        }
        let parsed = Arguments(words)
        if parsed.wantsHelp { return .help(HelpText.full) }
        var sources = SettingSources(arguments: parsed, environment: environment)
        sources.read(contents: readFile)
        if !sources.flagErrors.isEmpty {
            return .failure(
                message: sources.flagErrors.map { $0 + "\n" }.joined() + hint, exitCode: 2)
        }
        if let stray = parsed.stray {
            return .failure(message: "\"\(stray)\" is not a valid flag\n" + hint, exitCode: 1)
        }
        if parsed.wantsVersion { return .version(ProgramVersion.text) }
        return outcome(purpose, sources, host)
    }

    private static func completion(_ words: ArraySlice<String>) -> ConfigOutcome {
        if words.count == 1, let shell = words.first,
            let script = ShellCompletion.script(for: shell)
        {
            return .print(script)
        }
        let shells = ShellCompletion.shells.joined(separator: ", ")
        let given =
            words.isEmpty
            ? "which shell?" : "no completion for \"\(words.joined(separator: " "))\""
        return .failure(message: "\(given): completion takes one of \(shells)\n", exitCode: 2)
    }

    private static let hint = "\n" + HelpText.usage + "\nSee 'etcd-swift --help'.\n"

    private static func outcome(
        _ purpose: Purpose, _ sources: SettingSources, _ host: ConfigHost
    ) -> ConfigOutcome {
        var validation = ConfigValidation(sources, host: host)
        let config = validation.run()
        let problems = validation.problems
        let isGood = !problems.contains { $0.severity == .error }
        let details =
            ConfigReport.problems(problems, validation.settings)
            + ConfigReport.warnings(validation.notices)
        switch purpose {
        case .print: return .print(ConfigReport.print(validation, config))
        case .check:
            return .check(
                text: "configuration: \(ConfigReport.count(problems))\n" + details,
                exitCode: isGood ? 0 : 1)
        case .run:
            guard isGood else {
                return .failure(
                    message: "failed to verify flags: \(ConfigReport.count(problems))\n" + details
                        + "See 'etcd-swift --help'; 'etcd-swift config check' checks again.\n",
                    exitCode: 1)
            }
            // They may be mistakes: the log gets them with their corrections.
            let doubts = problems.map {
                ConfigNotice(
                    .warning, setting: $0.setting, $0.message,
                    ["correct": $0.corrections.joined(separator: "; ")])
            }
            return .run(config, notices: validation.notices + doubts)
        }
    }
}
