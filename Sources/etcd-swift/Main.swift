//  The program: carries out a subcommand, or else hands its arguments to the daemon, and exits with
//  what comes back.

import EtcdDaemon
import Glibc

@main
struct Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let program = CommandLine.arguments.first ?? "etcd-swift"
        if let code = await Subcommand.run(program: program, arguments: arguments) { exit(code) }
        exit(await Daemon.run(arguments: arguments))
    }
}
