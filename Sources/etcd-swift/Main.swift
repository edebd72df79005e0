//  The program: hands its arguments to the daemon and exits with what comes back.

import EtcdDaemon
import Glibc

@main
struct Main {
    static func main() async {
        exit(await Daemon.run(arguments: Array(CommandLine.arguments.dropFirst())))
    }
}
