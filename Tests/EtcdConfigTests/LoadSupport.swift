//  Short ways to load a configuration in tests.

import EtcdConfig
import Testing

struct MissingFile: Error, CustomStringConvertible {
    let path: String
    var description: String { "open \(path): no such file or directory" }
}

func load(
    _ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:],
    host: ConfigHost = ConfigHost()
) -> ConfigOutcome {
    ConfigLoader.load(
        arguments: arguments, environment: environment,
        readFile: { path in
            guard let text = files[path] else { throw MissingFile(path: path) }
            return Array(text.utf8)
        }, host: host)
}

/// The configuration, or `nil` with an issue when there is none.
func started(_ outcome: ConfigOutcome, _ place: SourceLocation = #_sourceLocation) -> ServerConfig?
{
    guard case .run(let config, _) = outcome else {
        Issue.record("expected a configuration, got \(outcome)", sourceLocation: place)
        return nil
    }
    return config
}

func notices(_ outcome: ConfigOutcome) -> [ConfigNotice] {
    guard case .run(_, let notices) = outcome else { return [] }
    return notices
}

/// Message and code of a failure.
func failure(_ outcome: ConfigOutcome, _ place: SourceLocation = #_sourceLocation)
    -> (message: String, code: Int32)
{
    guard case .failure(let message, let code) = outcome else {
        Issue.record("expected a failure, got \(outcome)", sourceLocation: place)
        return ("", 0)
    }
    return (message, code)
}

/// What `config check` says.
func check(
    _ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:],
    host: ConfigHost = ConfigHost()
) -> (text: String, code: Int32) {
    let outcome = load(["config", "check"] + arguments, environment, files: files, host: host)
    guard case .check(let text, let code) = outcome else {
        Issue.record("expected the result of a check, got \(outcome)")
        return ("", -1)
    }
    return (text, code)
}

/// What `config print` says.
func printed(
    _ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:]
) -> String {
    guard case .print(let text) = load(["config", "print"] + arguments, environment, files: files)
    else { return "" }
    return text
}
