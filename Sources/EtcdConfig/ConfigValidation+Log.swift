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
