//  The program: carries out a subcommand, or else hands its arguments to the daemon, and exits with
//  what comes back.

import EtcdDaemon
import Glibc

@main
struct Main {
    /// Not async: the runtime would then end the main thread and run the rest on one that asks for
    /// a higher priority than a service may have, and complains.
    static func main() {
        Task.detached {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let program = CommandLine.arguments.first ?? "etcd-swift"
            if let code = await Subcommand.run(program: program, arguments: arguments) {
                exit(code)
            }
            exit(await Daemon.run(arguments: arguments))
        }
        while true { pause() }
    }
}
