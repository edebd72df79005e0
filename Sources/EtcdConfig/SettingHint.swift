//  What a shell may offer as the value of a setting.

enum SettingHint: Hashable {
    /// Nothing is known about it.
    case anything
    case file
    case directory
    case words([String])
}

extension Setting {
    var hint: SettingHint {
        if let words = Setting.wordsOfTexts[name] { return .words(words) }
        switch kind {
        case .bool: return .words(["true", "false"])
        case .choice(let choices): return .words(choices)
        case .string:
            if name.hasSuffix("-file") || name == "audit-log" { return .file }
            let isFile = ["discovery-cert", "discovery-key", "discovery-cacert"].contains(name)
            return isFile ? .file : name.hasSuffix("-dir") ? .directory : .anything
        case .uint, .int, .duration, .urls, .list: return .anything
        }
    }

    /// Texts whose values are checked with all others.
    private static let wordsOfTexts: [String: [String]] = [
        "log-level": ServerConfig.LogLevel.allCases.map(\.rawValue),
        "log-format": ServerConfig.LogFormat.allCases.map(\.rawValue),
        "log-outputs": ["default", "stderr", "stdout", "systemd/journal"],
        "metrics": ServerConfig.MetricsDetail.allCases.map(\.rawValue),
        "auto-compaction-mode": ["periodic", "revision"],
        "tls-min-version": ["TLS1.2", "TLS1.3"],
        "tls-max-version": ["TLS1.2", "TLS1.3"],
        "auth-token": ["simple", "jwt,"],
        "logger": ["zap"],
    ]
}
