//  The commands that the program knows besides running a member: by the name of the program, or by
//  the first argument.

import EtcdDaemon
import EtcdDiscovery
import EtcdTools

enum Subcommand {
    /// - Parameters:
    ///   - program: the program's name.
    ///   - arguments: what follows the subcommand's name.
    /// - Returns: the exit code.
    private typealias Body =
        @Sendable (_ program: String, _ arguments: [String]) async -> Int32

    private static let bodies: [String: Body] = [
        "check": tool("check"),
        "defrag": tool("defrag"),
        "discovery": { await DiscoveryCommand.run(arguments: $1) },
        "gateway": { await GatewayCommand.run(arguments: $1) },
        "hashkv": tool("hashkv"),
        "healthcheck": { await HealthcheckCommand.run(arguments: $1) },
        "recover": tool("recover"),
        "snapshot": tool("snapshot"),
        "version": tool("version"),
    ]

    /// Runs what the name of the program or the first argument asks for.
    ///
    /// - Parameters:
    ///   - program: as the system gives it, with or without a path.
    ///   - arguments: without the program.
    /// - Returns: the exit code; `nil` when a member is to be started.
    static func run(program: String, arguments: [String]) async -> Int32? {
        let name = program.split(separator: "/").last.map { String($0) } ?? "etcd-swift"
        if name == "etcdutl" { return await RecoveryTools.run(program: name, arguments: arguments) }
        guard let first = arguments.first, let body = bodies[first] else { return nil }
        return await body(name, Array(arguments.dropFirst()))
    }

    private static func tool(_ command: String) -> Body {
        { await RecoveryTools.run(program: $0, arguments: [command] + $1) }
    }
}
