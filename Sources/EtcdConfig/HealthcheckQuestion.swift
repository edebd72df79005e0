//  What `etcd-swift healthcheck` is asked: its own options, and for the rest a start's settings.

/// Whom to ask for health, and how.
package struct HealthcheckQuestion: Sendable, Hashable {
    /// Origins such as `http://127.0.0.1:2379`.
    package var endpoints: [String] = []
    /// Without a quorum read.
    package var isSerializable = false
    package var timeoutMilliseconds: UInt64 = 5000
    // Paths; empty when not set.
    package var authoritiesFile = ""
    package var certificateFile = ""
    package var keyFile = ""
    package var trustsAnyServer = false

    package enum Outcome: Sendable {
        case ask(HealthcheckQuestion)
        /// Show on standard output, exit 0.
        case help(String)
        /// Show on standard error, exit with the code.
        case failure(message: String, exitCode: Int32)
    }

    /// - Parameters:
    ///   - arguments: what follows `healthcheck`.
    ///   - readFile: as for `ConfigLoader.load`.
    package static func read(
        arguments: [String], environment: [String: String],
        readFile: (String) throws -> [UInt8]
    ) -> Outcome {
        var question = HealthcheckQuestion()
        var rest: [String] = []
        do {
            rest = try question.take(arguments)
        } catch {
            return .failure(message: "healthcheck: \(error)\n", exitCode: 2)
        }
        if let stray = rest.first, !stray.hasPrefix("-") {
            return .failure(
                message: "healthcheck: \"\(stray)\" is not a valid flag\n", exitCode: 2)
        }
        if !question.endpoints.isEmpty {
            if let stray = rest.first, !isHelp(stray) {
                return .failure(
                    message: "healthcheck: \(stray) does not go together with --endpoints\n",
                    exitCode: 2)
            }
            if rest.isEmpty { return .ask(question) }
        }
        if rest.contains(where: isHelp) {
            return .help("Usage:\n\n\(ProgramCommand.named("healthcheck").usage)")
        }
        let outcome = ConfigLoader.load(
            arguments: rest, environment: environment, readFile: readFile,
            // Whether the member could be formed anew is not asked.
            host: ConfigHost(isInitialized: { _, _ in true }))
        switch outcome {
        case .run(let config, _):
            question.aim(at: config)
            return .ask(question)
        case .failure(let message, let exitCode):
            return .failure(message: message, exitCode: exitCode)
        case .help(let text), .version(let text), .print(let text), .check(let text, _):
            return .help(text)
        }
    }

    private static func isHelp(_ word: String) -> Bool {
        ["-h", "--help", "-help"].contains(word)
    }

    /// Takes the command's own options; the rest is for the settings.
    private mutating func take(_ arguments: [String]) throws(ValueError) -> [String] {
        var rest: [String] = []
        var words = arguments[...]
        let options = ProgramCommand.named("healthcheck").options
        while let word = words.popFirst() {
            let body = word.hasPrefix("--") ? word.dropFirst(2) : word.dropFirst(1)
            let parts = body.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard word.hasPrefix("-"), let name = parts.first,
                let option = options.first(where: { $0.name == name })
            else {
                rest.append(word)
                continue
            }
            if option.value.isEmpty {
                let isOn = parts.count == 2 ? try GoSyntax.bool(String(parts[1])) : true
                set(switch: option.name, isOn)
            } else if let value = parts.count == 2 ? String(parts[1]) : words.popFirst() {
                try set(option.name, value)
            } else {
                throw ValueError("--\(option.name) needs a value")
            }
        }
        for place in endpoints.indices where !endpoints[place].contains("://") {
            let isSecure = !authoritiesFile.isEmpty || !certificateFile.isEmpty || trustsAnyServer
            endpoints[place] = (isSecure ? "https://" : "http://") + endpoints[place]
        }
        return rest
    }

    private mutating func set(switch name: String, _ isOn: Bool) {
        switch name {
        case "serializable": isSerializable = isOn
        case "insecure-skip-tls-verify": trustsAnyServer = isOn
        default: preconditionFailure("no switch --\(name)")
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(ValueError) {
        switch name {
        case "endpoints":
            endpoints = value.split(separator: ",").map(\.trimmingBlanks).filter { !$0.isEmpty }
            if endpoints.isEmpty { throw ValueError("--endpoints names no URL") }
        case "timeout":
            let nanoseconds: Int64
            do throws(ValueError) {
                nanoseconds = try GoSyntax.duration(value)
            } catch {
                throw ValueError("--timeout is no time such as 5s: \"\(value)\"")
            }
            guard nanoseconds >= 1_000_000 else {
                throw ValueError("--timeout must be at least 1ms, not \(value)")
            }
            timeoutMilliseconds = UInt64(nanoseconds) / 1_000_000
        case "cacert": authoritiesFile = value
        case "cert": certificateFile = value
        case "key": keyFile = value
        default: preconditionFailure("no option --\(name)")
        }
    }

    /// The member that a start with this configuration makes, seen from its own machine. Listeners
    /// without TLS are preferred, and such as serve nothing but health.
    private mutating func aim(at config: ServerConfig) {
        let all =
            config.listenMetricsURLs + config.listenClientHTTPURLs + config.listenClientURLs
        guard let chosen = all.first(where: { !$0.scheme.isSecure }) ?? all.first else { return }
        endpoints = [HealthcheckQuestion.local(chosen)]
        guard chosen.scheme.isSecure else { return }
        let tls = config.clientTLS
        // A certificate for the address within this machine is not to be expected.
        trustsAnyServer = true
        if certificateFile.isEmpty {
            certificateFile = tls.clientCertFile.isEmpty ? tls.certFile : tls.clientCertFile
            keyFile = tls.clientKeyFile.isEmpty ? tls.keyFile : tls.clientKeyFile
        }
    }

    private static func local(_ url: ConfigURL) -> String {
        switch url.host {
        case "0.0.0.0" where !url.scheme.isUnix: url.replacing(host: "127.0.0.1")
        case "::" where !url.scheme.isUnix: url.replacing(host: "::1")
        default: url.text
        }
    }
}
