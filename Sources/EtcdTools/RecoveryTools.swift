//  The tools for data at rest, as subcommands of the program and by the name `etcdutl`: what they
//  are, and how one is called.

import EtcdConfig
import RuntimePosix

/// etcd's offline tools.
///
/// Names, flags, output and exit codes are those of etcdutl 3.5, with the commands and flags that
/// 3.6 added; `check` and `recover` are ours. The command line is read by rules of its own
/// (`ToolCommand.swift`) and not by swift-argument-parser: what people and scripts know are cobra's
/// help texts, messages and exit codes, and that library lets none of them be changed.
package enum RecoveryTools {
    /// Carries out one command.
    ///
    /// - Parameters:
    ///   - program: the name under which the user called it, for texts.
    ///   - arguments: the command, its flags and arguments.
    /// - Returns: the exit code.
    package static func run(program: String, arguments: [String]) async -> Int32 {
        var path = ToolPath(root: root(program))
        do throws(ToolError) {
            let rest = try path.resolve(arguments)
            guard let invocation = try path.parse(rest) else {
                ToolOutput.write(path.usage())
                return 0
            }
            guard let body = path.command.body else {
                ToolOutput.write(path.usage())
                return 0
            }
            try path.check(invocation)
            return try await carryOut(body, invocation)
        } catch {
            report(error, path)
            return error.exitCode
        }
    }

    private static func carryOut(_ body: ToolCommand.Body, _ invocation: ToolInvocation)
        async throws(ToolError) -> Int32
    {
        do {
            return try await body(invocation)
        } catch {
            throw error as? ToolError ?? ToolError("\(error)")
        }
    }

    /// Cobra names a mistake in the command line, shows the usage, and etcd's main names it again.
    private static func report(_ error: ToolError, _ path: ToolPath) {
        let line = "Error: \(error.message)\n"
        switch error.form {
        case .plain: ToolOutput.writeError(line)
        case .usage: ToolOutput.writeError(line + path.usage() + "\n" + line)
        case .unknownCommand:
            ToolOutput.writeError(line + "Run '\(path.text) --help' for usage.\n" + line)
        }
    }

    private static func root(_ program: String) -> ToolCommand {
        let commands = [
            Defragmentation.command,
            DirectoryCheck.command,
            HashKV.command,
            QuorumRecovery.command,
            ToolCommand(
                use: "snapshot <subcommand>", short: "Manages etcd node snapshots",
                subcommands: [
                    SnapshotRestore.command, SnapshotSave.command(isHidden: program == "etcdutl"),
                    SnapshotStatus.command,
                ]),
            ToolCommand(
                use: "version", short: "Prints the version of \(program)", body: printVersion),
        ]
        let help = ToolCommand(
            use: "help [command]", short: "Help about any command",
            body: { invocation in printHelp(invocation, program) })
        return ToolCommand(use: program, short: "", subcommands: commands + [help])
    }

    @Sendable
    private static func printVersion(_ invocation: ToolInvocation) -> Int32 {
        let line = ProgramVersion.etcd.split(separator: ".").prefix(2).joined(separator: ".")
        ToolOutput.write(
            "\(invocation.program) version: \(ProgramVersion.etcd)\nAPI version: \(line)\n")
        return 0
    }

    private static func printHelp(_ invocation: ToolInvocation, _ program: String) -> Int32 {
        var path = ToolPath(root: root(program))
        for word in invocation.arguments {
            guard let next = path.subcommand(word) else {
                let topics = invocation.arguments.joined(separator: " ")
                ToolOutput.writeError(
                    "Unknown help topic [`\(topics)`]\n"
                        + ToolPath(root: path.root).usage(isAsked: false))
                return 0
            }
            path.enter(next)
        }
        ToolOutput.write(path.usage())
        return 0
    }
}
