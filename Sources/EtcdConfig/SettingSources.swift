//  Flags, variables and files put over one another: flag over variable over KEY=VALUE file; a YAML
//  file instead of everything else. Each overriding is told by name.

/// Collects the settings and everything there is to say about how they came about.
struct SettingSources {
    var settings = Settings()
    var notices: [ConfigNotice] = []
    var problems: [ConfigProblem] = []
    /// Mistakes on the command line itself, which end the program with another code.
    var flagErrors: [String] = []
    private let arguments: Arguments
    private let environment: [String: String]

    init(arguments: Arguments, environment: [String: String]) {
        self.arguments = arguments
        self.environment = environment
        flagErrors = arguments.errors
    }

    /// The file that flags or variables name.
    var configFile: String? {
        if let path = arguments.configFile, !path.isEmpty { return path }
        return environment["ETCD_CONFIG_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Parameter contents: reads a file; what it throws is shown.
    mutating func read(contents: (String) throws -> [UInt8]) {
        for name in arguments.ignored {
            warn(name, "flag is no longer supported - ignoring", ["flag-name": name])
        }
        if arguments.flags.isEmpty,
            environment.contains(where: {
                !$0.value.isEmpty && Setting.with(variable: $0.key) != nil
            })
        {
            settings.preferredForm = .variable
        }
        var isComplete = false
        if let path = configFile {
            do {
                let text = String(decoding: try contents(path), as: UTF8.self)
                isComplete = readFile(path, text)
            } catch {
                // The reader's words name the path, as `open /x: no such file or directory` does.
                problem("config-file", "\(error)")
            }
        }
        if isComplete {
            nameIneffective()
        } else {
            readVariables()
            readFlags()
        }
    }

    // MARK: Flags

    private mutating func readFlags() {
        for flag in arguments.flags {
            guard let setting = Setting.named(flag.name) else { continue }
            do {
                let value = try setting.read(flag.value ?? "true")
                override(setting, by: "--\(flag.name)", value)
                assign(value, to: setting, origin: .flag, spelling: flag.name)
            } catch {
                reportFlag(flag, setting, error)
            }
        }
    }

    private mutating func reportFlag(
        _ flag: Arguments.Flag, _ setting: Setting, _ error: ValueError
    ) {
        let value = flag.value ?? ""
        flagErrors.append(
            setting.kind == .bool
                ? "invalid boolean value \"\(value)\" for -\(flag.name): \(error)"
                : "invalid value \"\(value)\" for flag -\(flag.name): \(error)")
    }

    // MARK: Variables

    private mutating func readVariables() {
        let flagged = Set(arguments.flags.compactMap { Setting.named($0.name)?.name })
        for (variable, text) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix("ETCD_") && !text.isEmpty {
            guard let (name, setting) = Setting.with(variable: variable) else {
                reportUnknownVariable(variable, text)
                continue
            }
            if flagged.contains(setting.name) {
                warn(
                    setting.name,
                    "conflicting environment variable \"\(variable)\" is shadowed by "
                        + "corresponding command-line flag (either unset environment variable or "
                        + "disable flag)", [:])
                continue
            }
            do {
                let value = try setting.read(text)
                override(setting, by: variable, value)
                assign(value, to: setting, origin: .variable, spelling: name)
                notices.append(
                    ConfigNotice(
                        .info, setting: setting.name, "recognized and used environment variable",
                        ["variable-name": variable, "variable-value": shown(text, of: setting)]))
            } catch {
                problem(setting.name, "invalid value \"\(text)\" for \(variable): \(error)")
            }
        }
    }

    private mutating func reportUnknownVariable(_ variable: String, _ text: String) {
        if Setting.otherVariables.contains(variable) {
            if variable == "ETCD_VERSION" {
                warn(variable, "cannot set the version by a variable; ignored", [:])
            } else if variable == "ETCD_VERIFY" {
                warn(variable, "ETCD_VERIFY is a test switch of etcd without effect here", [:])
            }
            return
        }
        warn(
            variable, "unrecognized environment variable",
            ["environment-variable": "\(variable)=\(text)", "hint": hint(for: variable)])
    }

    private func hint(for variable: String) -> String {
        let name = variable.dropFirst(5).lowercased().replacing("_", with: "-")
        if let successor = Setting.removedFlags[name] {
            return "gone since etcd 3; use \(Setting.variable(for: successor))"
        }
        return Setting.similar(to: name).map { "did you mean \(Setting.variable(for: $0))?" } ?? ""
    }

    // MARK: Shared steps

    mutating func assign(
        _ value: SettingValue, to setting: Setting, origin: SettingOrigin, spelling: String
    ) {
        if spelling != setting.name {
            warn(
                setting.name, "--\(spelling) is deprecated, use --\(setting.name)",
                ["deprecated": spelling])
        }
        settings.assign(value, to: setting.name, origin: origin, spelling: spelling)
    }

    /// Tells that `setting` is set anew if a file has set it to something else.
    private mutating func override(
        _ setting: Setting, by writer: String, _ value: SettingValue
    ) {
        let old = settings.origin(setting.name)
        guard case .keyValueFile = old, settings.value(setting.name) != value else { return }
        notices.append(
            ConfigNotice(
                .info, setting: setting.name,
                "\(writer) overrides \(setting.variable) of \(old.text)"))
    }

    mutating func warn(
        _ setting: String, _ message: String, _ fields: KeyValuePairs<String, String>
    ) {
        notices.append(ConfigNotice(.warning, setting: setting, message, fields))
    }

    mutating func problem(_ setting: String, _ message: String, corrections: [String] = []) {
        problems.append(
            ConfigProblem(.error, setting: setting, message, corrections: corrections))
    }

    func shown(_ text: String, of setting: Setting) -> String {
        setting.shown(text)
    }

    /// A YAML file replaces everything else; nobody may be left believing that the rest counts.
    private mutating func nameIneffective() {
        let path = configFile ?? ""
        for flag in arguments.flags {
            warn(flag.name, "--\(flag.name) has no effect: \(path) replaces all flags", [:])
        }
        for variable in environment.keys.sorted()
        where variable.hasPrefix("ETCD_") && variable != "ETCD_CONFIG_FILE" {
            guard let (name, _) = Setting.with(variable: variable) else { continue }
            warn(name, "\(variable) has no effect: \(path) replaces all variables", [:])
        }
        // Their syntax counts all the same, as with etcd.
        for flag in arguments.flags {
            guard let setting = Setting.named(flag.name) else { continue }
            do { _ = try setting.read(flag.value ?? "true") } catch {
                reportFlag(flag, setting, error)
            }
        }
    }
}

extension Setting {
    /// Whether the value must not be shown.
    private var isSecret: Bool { name == "discovery-password" || name == "discovery-user" }

    /// A command line without what must not be seen.
    package static func shown(commandLine words: [String]) -> [String] {
        var shown: [String] = []
        var pending: Setting?
        for word in words {
            if let setting = pending {
                shown.append(setting.shown(word))
                pending = nil
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let name = parts.first.map { $0.drop { $0 == "-" } } ?? ""
            guard word.hasPrefix("-"), let setting = Setting.named(String(name)) else {
                shown.append(word)
                continue
            }
            if parts.count == 2 {
                shown.append("\(parts[0])=\(setting.shown(parts[1]))")
            } else {
                shown.append(word)
                if setting.kind != .bool { pending = setting }
            }
        }
        return shown
    }

    /// The value without what must not be seen.
    func shown(_ text: String) -> String {
        if isSecret { return "***" }
        return ["discovery", "discovery-proxy"].contains(name) ? ConfigURL.withoutUser(text) : text
    }
}
