//  All settings with their values, each knowing where it came from: what the checks read and what
//  `config print` shows.

/// Where a value was written.
package enum SettingOrigin: Sendable, Hashable {
    case standard
    case flag
    case variable
    case keyValueFile(path: String, line: Int)
    case yamlFile(path: String, line: Int)

    package var text: String {
        switch self {
        case .standard: "default"
        case .flag: "flag"
        case .variable: "environment variable"
        case .keyValueFile(let path, let line), .yamlFile(let path, let line): "\(path):\(line)"
        }
    }
}

package struct Settings: Sendable {
    struct Assignment: Sendable, Hashable {
        let value: SettingValue
        let origin: SettingOrigin
        /// The name as written: the setting's own, or an alias.
        let spelling: String
    }

    private var assignments: [String: Assignment] = [:]
    /// The form in which a correction to something that nobody set is given.
    var preferredForm: SettingOrigin = .flag

    func isSet(_ name: String) -> Bool { assignments[name] != nil }
    func origin(_ name: String) -> SettingOrigin { assignments[name]?.origin ?? .standard }
    func spelling(_ name: String) -> String { assignments[name]?.spelling ?? name }

    mutating func assign(
        _ value: SettingValue, to name: String, origin: SettingOrigin, spelling: String
    ) {
        precondition(Setting.named(name)?.name == name, "no setting \(name)")
        assignments[name] = Assignment(value: value, origin: origin, spelling: spelling)
    }

    func value(_ name: String) -> SettingValue {
        if let assignment = assignments[name] { return assignment.value }
        return Settings.setting(name).standardValue
    }

    func text(_ name: String) -> String { value(name).text }

    func flag(_ name: String) -> Bool {
        guard case .flag(let isOn) = value(name) else { Settings.wrongKind(name) }
        return isOn
    }

    func unsigned(_ name: String) -> UInt64 {
        guard case .unsigned(let number) = value(name) else { Settings.wrongKind(name) }
        return number
    }

    func signed(_ name: String) -> Int64 {
        guard case .signed(let number) = value(name) else { Settings.wrongKind(name) }
        return number
    }

    func milliseconds(_ name: String) -> UInt64 {
        guard case .nanoseconds(let number) = value(name) else { Settings.wrongKind(name) }
        return UInt64(max(0, number)) / 1_000_000
    }

    func urls(_ name: String) -> [ConfigURL] {
        guard case .urls(let urls) = value(name) else { Settings.wrongKind(name) }
        return urls
    }

    func list(_ name: String) -> [String] {
        guard case .list(let items) = value(name) else { Settings.wrongKind(name) }
        return items
    }

    /// The line that sets `name` to `text`, in the form in which it is set now.
    func line(_ name: String, _ text: String) -> String {
        let origin = isSet(name) ? origin(name) : preferredForm
        switch origin {
        case .standard, .flag:
            if case .bool = Settings.setting(name).kind { return "--\(name)=\(text)" }
            return "--\(name) \(Settings.shellQuoted(text))"
        case .variable: return "\(Setting.variable(for: name))=\(Settings.shellQuoted(text))"
        case .keyValueFile: return "\(Setting.variable(for: name))=\"\(text)\""
        case .yamlFile:
            let key = Settings.setting(name).yamlKey ?? name
            return "\(key.replacing(".", with: ": {")): '\(text)'"
                + String(repeating: "}", count: key.count { $0 == "." })
        }
    }

    private static func setting(_ name: String) -> Setting {
        guard let setting = Setting.named(name), setting.name == name else {
            preconditionFailure("no setting \(name)")
        }
        return setting
    }

    private static func wrongKind(_ name: String) -> Never {
        preconditionFailure("setting \(name) is read as another kind than its own")
    }

    /// As one word of a shell.
    static func shellQuoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,@%+".contains($0))
            }
        return isPlain ? text : "'\(text.replacing("'", with: #"'\''"#))'"
    }
}
