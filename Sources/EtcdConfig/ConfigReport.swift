//  Problems and effective settings as text.

enum ConfigReport {
    /// All problems, numbered, each with the line that puts it right.
    static func problems(_ problems: [ConfigProblem], _ settings: Settings) -> String {
        var text = ""
        for (position, problem) in problems.enumerated() {
            let word = problem.severity == .error ? "error" : "warning"
            text += "\(position + 1). \(word): \(problem.message)\n"
            if Setting.named(problem.setting) != nil, settings.isSet(problem.setting) {
                text += "   set by: \(settings.origin(problem.setting).text)\n"
            }
            for line in problem.corrections { text += "   correct: \(line)\n" }
        }
        return text
    }

    /// `2 errors, 1 warning`, with the text after it.
    static func count(_ problems: [ConfigProblem]) -> String {
        let errors = problems.count { $0.severity == .error }
        let warnings = problems.count - errors
        let parts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        return parts.isEmpty ? "no problems" : parts.joined(separator: ", ")
    }

    /// What the start-up log would warn about besides the problems.
    static func warnings(_ notices: [ConfigNotice]) -> String {
        notices.filter { $0.level == .warning }.map { notice in
            let fields = notice.fields.filter { !$0.value.isEmpty }
                .map { "\($0.key): \($0.value)" }
            return "note: \(notice.message)"
                + (fields.isEmpty ? "" : " (\(fields.joined(separator: ", ")))") + "\n"
        }.joined()
    }

    /// The effective settings as a KEY=VALUE file; defaults are comments, problems too.
    static func print(_ validation: ConfigValidation, _ config: ServerConfig) -> String {
        let settings = validation.settings
        var text = ""
        for section in SettingSection.allCases {
            text += "#[\(section.rawValue)]\n"
            for setting in Setting.all where setting.section == section {
                let isSet = settings.isSet(setting.name)
                let value = setting.shown(effective(setting, settings, config))
                if isSet { text += "# \(settings.origin(setting.name).text)\n" }
                text += "\(isSet ? "" : "#")\(setting.variable)=\(quoted(value))\n"
            }
            text += "\n"
        }
        let problems = validation.problems
        text += "# \(count(problems))\n"
        for line in self.problems(problems, settings).split(separator: "\n") {
            text += "# \(line)\n"
        }
        return text
    }

    private static func effective(
        _ setting: Setting, _ settings: Settings, _ config: ServerConfig
    ) -> String {
        switch setting.name {
        case "name": config.name
        case "data-dir": config.dataDirectory
        case "initial-advertise-peer-urls":
            config.initialAdvertisePeerURLs.map(\.text).joined(separator: ",")
        case "advertise-client-urls":
            config.advertiseClientURLs.map(\.text).joined(separator: ",")
        case "initial-cluster" where !settings.isSet("initial-cluster"):
            config.initialClusterText
        default: settings.text(setting.name)
        }
    }

    private static func quoted(_ text: String) -> String {
        text.contains("\"") ? "'\(text)'" : "\"\(text)\""
    }
}
