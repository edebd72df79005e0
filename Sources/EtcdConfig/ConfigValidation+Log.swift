//  Rules for the log's level, form and outputs.

extension ConfigValidation {
    mutating func checkLog() {
        let logger = settings.text("logger")
        if logger == "capnslog" {
            error(
                "logger", "--logger=capnslog is removed in v3.5",
                corrections: [settings.line("logger", "zap")])
        } else if logger != "zap" {
            error(
                "logger", "unknown logger option \"\(logger)\"",
                corrections: [settings.line("logger", "zap")])
        }
        if settings.flag("debug") {
            note(.warning, "debug", "--debug is deprecated, use --log-level=debug")
        }
        let level = settings.text("log-level")
        if ServerConfig.LogLevel(rawValue: level) == nil {
            let levels = ServerConfig.LogLevel.allCases.map(\.rawValue)
            let similar = closest(to: level.lowercased(), among: levels) ?? "info"
            error(
                "log-level",
                "unrecognized level: \"\(level)\", supported values "
                    + levels.joined(separator: ", "),
                corrections: [settings.line("log-level", similar)])
        }
        let format = settings.text("log-format")
        if ServerConfig.LogFormat(rawValue: format) == nil {
            error(
                "log-format",
                "unknown log format: \(format), supported values json, console",
                corrections: [settings.line("log-format", "json")])
        }
        checkLogOutputs()
        checkLogRotation()
    }

    private mutating func checkLogRotation() {
        guard settings.flag("enable-log-rotation") else {
            let isChanged =
                settings.value("log-rotation-config-json")
                != Setting.named("log-rotation-config-json")?.standardValue
            if isChanged {
                note(
                    .warning, "log-rotation-config-json",
                    "--log-rotation-config-json has no effect without --enable-log-rotation")
            }
            return
        }
        let outputs = logOutputs
        if outputs.count != 1 || !outputs.contains(where: \.isFile) {
            error(
                "log-outputs",
                "--log-outputs requires a single file path when --log-rotate-config-json is "
                    + "defined",
                corrections: [settings.line("log-outputs", "/var/log/etcd-swift.log")])
        }
        do throws(ValueError) {
            _ = try ServerConfig.LogRotation(json: settings.text("log-rotation-config-json"))
        } catch {
            self.error(
                "log-rotation-config-json", "invalid log rotation config: \(error)",
                corrections: [
                    settings.line(
                        "log-rotation-config-json",
                        #"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "#
                            + #""compress": false}"#)
                ])
        }
    }

    var logRotation: ServerConfig.LogRotation? {
        guard settings.flag("enable-log-rotation") else { return nil }
        return try? ServerConfig.LogRotation(json: settings.text("log-rotation-config-json"))
    }

    private mutating func checkLogOutputs() {
        let outputs = settings.list("log-outputs")
        if outputs.count > 1, outputs.contains("default") {
            let rest = outputs.map { $0 == "default" ? "stderr" : $0 }
            error(
                "log-outputs", "multi logoutput for \"default\" is not supported yet",
                corrections: [
                    settings.line("log-outputs", rest.joined(separator: ","))
                ])
        }
    }

    var logLevel: ServerConfig.LogLevel {
        settings.flag("debug")
            ? .debug : ServerConfig.LogLevel(rawValue: settings.text("log-level")) ?? .info
    }

    var logOutputs: [ServerConfig.LogOutput] {
        let outputs = settings.list("log-outputs").map { name -> ServerConfig.LogOutput in
            switch name {
            case "default", "stderr": .standardError
            case "stdout": .standardOutput
            case "systemd/journal": .journal
            default: .file(name)
            }
        }
        return outputs.isEmpty ? [.standardError] : outputs
    }
}

extension ServerConfig.LogOutput {
    fileprivate var isFile: Bool {
        if case .file = self { true } else { false }
    }
}

extension ServerConfig.LogRotation {
    /// As etcd reads it: what is left out has its default, and so has a size of 0.
    init(json: String) throws(ValueError) {
        self.init()
        guard json.trimmingBlanks.hasPrefix("{") else {
            throw ValueError("it must be a JSON object, not \(json)")
        }
        for entry in try YAMLFile(json).entries where !entry.isNull {
            switch entry.key.lowercased() {
            case "maxsize":
                let megabytes = try Self.number(entry)
                if megabytes > 0 { maxBytes = megabytes << 20 }
            case "maxage": maxAgeDays = Int(try Self.number(entry))
            case "maxbackups": maxBackups = Int(try Self.number(entry))
            case "localtime": usesLocalTime = try Self.bool(entry)
            case "compress": compresses = try Self.bool(entry)
            default: throw ValueError("unknown key \"\(entry.key)\"")
            }
        }
    }

    private static func number(_ entry: YAMLFile.Entry) throws(ValueError) -> UInt64 {
        guard let number = UInt64(entry.text), number <= 1 << 30 else {
            throw ValueError(
                "\(entry.key) must be a number from 0 to 1073741824, not \(entry.text)")
        }
        return number
    }

    private static func bool(_ entry: YAMLFile.Entry) throws(ValueError) -> Bool {
        guard entry.text == "true" || entry.text == "false" else {
            throw ValueError("\(entry.key) must be true or false, not \(entry.text)")
        }
        return entry.text == "true"
    }
}
