//  The command line of `gateway start`, in the grammar of etcd's subcommands: two dashes, a value
//  after `=` or as the next word, words that are no flags do not matter.

package import EtcdConfig

package struct GatewayOptions: Sendable, Hashable {
    package var listenAddress = "127.0.0.1:23790"
    package var endpoints = ["127.0.0.1:2379"]
    /// Empty: no discovery.
    package var discoveryDomain = ""
    package var discoveryName = ""
    package var isDiscoveryInsecure = false
    package var trustedCAFile = ""
    package var retryMilliseconds: UInt64 = 60_000

    package enum Parsed: Sendable, Hashable {
        case start(GatewayOptions)
        /// To be written to standard output; the exit code is 0.
        case help(String)
        /// To be written to standard error; the exit code is 1.
        case failure(String)
    }

    private struct Flag {
        let name: String
        /// Empty for one that needs no value.
        let kind: String
        let help: String
    }

    private static let flags = [
        Flag(
            name: "discovery-srv", kind: "string",
            help: "DNS domain used to bootstrap initial cluster"),
        Flag(
            name: "discovery-srv-name", kind: "string",
            help: "service name to query when using DNS discovery"),
        Flag(
            name: "endpoints", kind: "strings",
            help: "comma separated etcd cluster endpoints (default [127.0.0.1:2379])"),
        Flag(name: "help", kind: "", help: "help for start"),
        Flag(name: "insecure-discovery", kind: "", help: "accept insecure SRV records"),
        Flag(
            name: "listen-addr", kind: "string",
            help: "listen address (default \"127.0.0.1:23790\")"),
        Flag(
            name: "retry-delay", kind: "duration",
            help: "duration of delay before retrying failed endpoints (default 1m0s)"),
        Flag(
            name: "trusted-ca-file", kind: "string",
            help: "path to the client server TLS CA file for verifying the discovered endpoints "
                + "when discovery-srv is provided."),
    ]

    package static let commandHelp = """
        gateway related command

        Usage:
          etcd-swift gateway [command]

        Available Commands:
          start       start the gateway

        Flags:
          -h, --help   help for gateway

        Use "etcd-swift gateway [command] --help" for more information about a command.

        """

    private static var usage: String {
        var text = "Usage:\n  etcd-swift gateway start [flags]\n\nFlags:\n"
        let width = flags.map { $0.name.utf8.count + $0.kind.utf8.count }.max() ?? 0
        for flag in flags {
            let short = flag.name == "help" ? "-h, " : "    "
            let named = "  \(short)--\(flag.name) \(flag.kind)"
            let gap = width + 12 - named.utf8.count
            text += named + String(repeating: " ", count: gap) + flag.help + "\n"
        }
        return text
    }

    /// - Parameter words: what follows `gateway`.
    package static func parse(_ words: [String]) -> Parsed {
        guard words.first == "start" else { return .help(commandHelp) }
        var options = GatewayOptions()
        var rest = words.dropFirst()
        var hasEndpoints = false
        do throws(ValueError) {
            while let word = rest.popFirst() {
                if word == "--" { break }
                guard word.hasPrefix("-"), word != "-" else { continue }
                if try options.take(word, &rest, &hasEndpoints) {
                    return .help("start the gateway\n\n" + usage)
                }
            }
        } catch {
            return .failure("Error: \(error)\n" + usage)
        }
        return .start(options)
    }

    /// Takes one flag; true when it asks for help.
    private mutating func take(
        _ word: String, _ rest: inout ArraySlice<String>, _ hasEndpoints: inout Bool
    ) throws(ValueError) -> Bool {
        guard word.hasPrefix("--") else {
            if word.dropFirst().first == "h" { return true }
            let letter = word.dropFirst().first.map(String.init) ?? ""
            throw ValueError("unknown shorthand flag: '\(letter)' in \(word)")
        }
        let parts = word.dropFirst(2).split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        let name = parts[0]
        guard !name.isEmpty, let flag = GatewayOptions.flags.first(where: { $0.name == name })
        else {
            throw ValueError(name.isEmpty ? "bad flag syntax: \(word)" : "unknown flag: --\(name)")
        }
        if name == "help" { return true }
        let given = parts.count == 2 ? parts[1] : nil
        if flag.kind.isEmpty {
            let text = given ?? "true"
            guard let value = try? GoSyntax.bool(text) else {
                throw GatewayOptions.refusal(
                    text, name, "strconv.ParseBool: parsing \"\(text)\": invalid syntax")
            }
            isDiscoveryInsecure = value
            return false
        }
        guard let value = given ?? rest.popFirst() else {
            throw ValueError("flag needs an argument: --\(name)")
        }
        switch name {
        case "discovery-srv": discoveryDomain = value
        case "discovery-srv-name": discoveryName = value
        case "listen-addr": listenAddress = value
        case "trusted-ca-file": trustedCAFile = value
        case "endpoints":
            // The first one takes the place of the default, others add to it.
            if !hasEndpoints { endpoints = [] }
            hasEndpoints = true
            endpoints += value.split(separator: ",", omittingEmptySubsequences: false)
                .map(String.init).filter { !value.isEmpty || !$0.isEmpty }
        default:
            guard let nanoseconds = try? GoSyntax.duration(value) else {
                let isBare =
                    !value.isEmpty && value.allSatisfy { $0.isNumber || ".+-".contains($0) }
                throw GatewayOptions.refusal(
                    value, name,
                    "time: \(isBare ? "missing unit in" : "invalid") duration \"\(value)\"")
            }
            guard nanoseconds >= 0 else {
                throw GatewayOptions.refusal(value, name, "it must not be negative")
            }
            retryMilliseconds = (UInt64(nanoseconds) + 999_999) / 1_000_000
        }
        return false
    }

    private static func refusal(_ text: String, _ name: String, _ reason: String) -> ValueError {
        ValueError("invalid argument \"\(text)\" for \"--\(name)\" flag: \(reason)")
    }
}

extension GatewayTarget {
    /// `host:port`, of which a URL's scheme and path are taken off.
    ///
    /// - Throws: etcd's words, with what is wrong.
    package init(endpoint: String) throws(ValueError) {
        var place = endpoint[...]
        if let scheme = place.firstRange(of: "://") {
            place = place[scheme.upperBound...].prefix { $0 != "/" }
        }
        guard let (host, port) = GatewayTarget.split(place), let number = UInt16(port) else {
            throw ValueError(
                "error parsing endpoint \"\(endpoint)\": it must be HOST:PORT, with a port from 0 "
                    + "to 65535")
        }
        self.init(host: host, port: number)
    }

    /// The parts of `host:port`; brackets around an IPv6 address are taken off.
    package static func split(_ place: some StringProtocol) -> (host: String, port: String)? {
        guard let colon = place.lastIndex(of: ":") else { return nil }
        var host = place[..<colon]
        let port = place[place.index(after: colon)...]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return (String(host), String(port))
    }
}
