//  `discovery new`: makes a token on an existing cluster, so that nobody depends on a public
//  service.

import EtcdClient
import EtcdNet
import Glibc
import NIOCore
import NIOPosix
import RuntimeCore

package enum DiscoveryCommand {
    static let usage = """
        Usage:
          etcd-swift discovery new --size N --endpoints ENDPOINT[,ENDPOINT...] [options]

        Makes a token with which N members find each other, in the key space of a running cluster,
        and prints what to pass to each of them.

        Options:
          --size N                    number of members of the new cluster
          --endpoints LIST            client URLs of the running cluster, http://127.0.0.1:2379
                                      unless given
          --protocol v2|v3            v2: for --discovery (etcd 2.0 to 3.6)
                                      v3: for --discovery-token and --discovery-endpoints
                                      (etcd 3.6 on), unless v2 is given
          --token TEXT                the token, instead of a random one
          --user NAME[:PASSWORD]      log in to the running cluster
          --password TEXT             password of --user
          --cacert FILE               authorities that sign the running cluster's certificates
          --cert FILE, --key FILE     certificate to show to it, and its key
          --insecure-skip-tls-verify  do not verify its certificate

        """

    /// What the command line asks for.
    struct Options: Sendable, Hashable {
        enum Version: String, Sendable { case v2, v3 }

        var size = 0
        var endpoints = ["http://127.0.0.1:2379"]
        var version = Version.v3
        var token = ""
        var user = ""
        var password = ""
        var trustedCAFile = ""
        var certFile = ""
        var keyFile = ""
        var skipsVerification = false
    }

    struct UsageError: Error, Sendable, Hashable { let description: String }

    /// - Parameter arguments: what follows `discovery`.
    /// - Returns: the exit code: 0, 1 for a failure, 2 for a command line that cannot be read.
    package static func run(arguments: [String]) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        if arguments.contains(where: { ["-h", "--help", "help"].contains($0) }) {
            write(usage, to: STDOUT_FILENO)
            return 0
        }
        let options: Options
        do throws(UsageError) {
            options = try parse(arguments)
        } catch {
            write("etcd-swift discovery: \(error.description)\n\n\(usage)", to: STDERR_FILENO)
            return 2
        }
        do throws(DiscoveryError) {
            write(try await make(options), to: STDOUT_FILENO)
            return 0
        } catch {
            write("etcd-swift discovery new: \(error)\n", to: STDERR_FILENO)
            return 1
        }
    }

    // MARK: The command line

    static func parse(_ arguments: [String]) throws(UsageError) -> Options {
        guard arguments.first == "new" else {
            let given = arguments.first.map { "unknown command \"\($0)\"" } ?? "no command"
            throw UsageError(description: "\(given); there is: new")
        }
        var options = Options()
        var rest = arguments.dropFirst()
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else {
                throw UsageError(description: "unexpected argument \"\(argument)\"")
            }
            let parts = argument.drop { $0 == "-" }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            if name == "insecure-skip-tls-verify", parts.count == 1 {
                options.skipsVerification = true
                continue
            }
            guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                throw UsageError(description: "--\(name) needs a value")
            }
            try set(name, value, in: &options)
        }
        if options.size == 0 { throw UsageError(description: "--size is required") }
        return options
    }

    private static func set(_ name: String, _ value: String, in options: inout Options)
        throws(UsageError)
    {
        switch name {
        case "size":
            guard let size = Int(value), size > 0 else {
                throw UsageError(description: "--size \"\(value)\": it must be a number above 0")
            }
            options.size = size
        case "endpoints":
            options.endpoints = value.split(separator: ",").map { String($0) }
            if options.endpoints.isEmpty {
                throw UsageError(description: "--endpoints must not be empty")
            }
        case "protocol":
            guard let version = Options.Version(rawValue: value) else {
                throw UsageError(description: "--protocol \"\(value)\": it must be v2 or v3")
            }
            options.version = version
        case "token":
            let isPlain = value.utf8.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || $0 == 0x2D
                    || $0 == 0x5F
            }
            guard isPlain, !value.isEmpty, !value.hasPrefix("_") else {
                throw UsageError(
                    description: "--token \"\(value)\": it must be of letters, digits, - and _, "
                        + "and not begin with _")
            }
            options.token = value
        case "user":
            let parts = value.split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            options.user = String(parts[0])
            if parts.count == 2 { options.password = String(parts[1]) }
        case "password": options.password = value
        case "cacert": options.trustedCAFile = value
        case "cert": options.certFile = value
        case "key": options.keyFile = value
        case "insecure-skip-tls-verify":
            guard let flag = ["true": true, "false": false][value] else {
                throw UsageError(description: "--\(name) must be true or false")
            }
            options.skipsVerification = flag
        default:
            throw UsageError(description: "unknown option --\(name)")
        }
    }

    // MARK: The token

    /// Makes the token; the text says how to use it.
    static func make(_ given: Options) async throws(DiscoveryError) -> String {
        var options = given
        if options.token.isEmpty { options.token = randomToken() }
        do throws(RegistryFailure) {
            return options.version == .v2
                ? try await makeV2(options) : try await makeV3(options)
        } catch {
            switch error {
            case .transient(let reason): throw DiscoveryError(reason)
            case .permanent(let error): throw error
            }
        }
    }

    private static func randomToken() -> String {
        var source = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let text = String(source.next(), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    private static func tls(_ options: Options) -> TLSOptions {
        var tls = TLSOptions()
        tls.trustedCAFile = options.trustedCAFile
        tls.clientCertificateFile = options.certFile
        tls.clientKeyFile = options.keyFile
        tls.trustsAnyServer = options.skipsVerification
        tls.dials = true
        return tls
    }

    private static func usesTLS(_ options: Options) -> Bool {
        !(options.trustedCAFile + options.certFile + options.keyFile).isEmpty
    }

    private static func makeV2(_ options: Options) async throws(RegistryFailure) -> String {
        let group = MultiThreadedEventLoopGroup.singleton
        let client: HTTPClient
        do throws(TLSError) {
            client = HTTPClient(loops: group, tls: try TLSContext(tls(options)))
        } catch {
            throw .permanent(DiscoveryError(error.description))
        }
        defer { client.shutdown() }
        var failures: [String] = []
        for endpoint in options.endpoints {
            var origin = endpoint.contains("://") ? endpoint : "http://" + endpoint
            if !endpoint.contains("://"), usesTLS(options) { origin = "https://" + endpoint }
            while origin.hasSuffix("/") { origin.removeLast() }
            let text = "\(origin)/v2/keys/_etcd/registry/\(options.token)"
            let url: DiscoveryURL
            do throws(DiscoveryError) {
                url = try DiscoveryURL(
                    text, user: options.user.isEmpty ? nil : "\(options.user):\(options.password)")
            } catch {
                throw .permanent(error)
            }
            do throws(RegistryFailure) {
                try await V2Registry(url, proxy: nil, client: client, loop: group.next())
                    .create(size: options.size)
            } catch {
                guard case .transient(let reason) = error else { throw error }
                failures.append("\(endpoint): \(reason)")
                continue
            }
            return """
                A token for \(options.size) members; start each of them with
                  --discovery \(text)
                and without --initial-cluster.

                """
        }
        throw .transient(failures.joined(separator: "; "))
    }

    private static func makeV3(_ options: Options) async throws(RegistryFailure) -> String {
        var settings = ClientSettings(endpoints: options.endpoints)
        settings.tls = tls(options)
        settings.prefersTLS = usesTLS(options)
        if !options.user.isEmpty {
            settings.user = ClientSettings.User(name: options.user, password: options.password)
        }
        let client: Client
        do throws(TLSError) {
            client = try Client(settings, loop: MultiThreadedEventLoopGroup.singleton.next())
        } catch {
            throw .permanent(DiscoveryError(error.description))
        }
        do throws(RegistryFailure) {
            try await V3Registry(client, token: options.token, requestTimeout: .seconds(5))
                .create(size: options.size)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        var lines = """
            A token for \(options.size) members; start each of them with
              --discovery-token \(options.token) \
            --discovery-endpoints \(options.endpoints.joined(separator: ","))
            and without --initial-cluster.

            """
        if usesTLS(options) || options.endpoints.contains(where: { $0.hasPrefix("https://") }) {
            lines +=
                "They need --discovery-cacert, and --discovery-cert with --discovery-key, as given "
                + "here.\n"
        }
        if !options.user.isEmpty {
            lines += "They need --discovery-user and --discovery-password.\n"
        }
        return lines
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
