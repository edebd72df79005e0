//  What is wrong with a configuration, and what the start-up log says about how it came about.

/// One thing that is wrong, with the line that puts it right.
package struct ConfigProblem: Sendable, Hashable {
    package enum Severity: Sendable, Hashable {
        /// etcd would start with it; it is likely a mistake all the same.
        case warning
        case error
    }

    package let severity: Severity
    /// The setting to look at.
    package let setting: String
    /// What is wrong, in etcd's words where it has some.
    package let message: String
    /// The lines as they should be, in the form in which the setting was given.
    package let corrections: [String]

    package init(
        _ severity: Severity, setting: String, _ message: String, corrections: [String] = []
    ) {
        self.severity = severity
        self.setting = setting
        self.message = message
        self.corrections = corrections
    }
}

/// A line for the start-up log.
package struct ConfigNotice: Sendable, Hashable {
    package enum Level: Sendable, Hashable {
        case info, warning
    }

    package struct Field: Sendable, Hashable {
        package let key: String
        package let value: String
    }

    package let level: Level
    /// The name of the setting, or of the variable or key that is none.
    package let setting: String
    package let message: String
    /// None has an empty value.
    package let fields: [Field]

    package init(
        _ level: Level, setting: String, _ message: String,
        _ fields: KeyValuePairs<String, String> = [:]
    ) {
        self.level = level
        self.setting = setting
        self.message = message
        self.fields = fields.filter { !$0.value.isEmpty }
            .map { Field(key: $0.key, value: $0.value) }
    }
}
