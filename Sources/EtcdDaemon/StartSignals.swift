//  Requests to stop that come before there is anything to stop in good order.

import Glibc
import Logging
import Synchronization

/// The kernel spares process 1 of a container from signals that it does not handle: without this, a
/// start that waits for others could only be killed.
enum StartSignals {
    /// Where the signal handler, which may do next to nothing, passes on what it got.
    private static let pipeEnd = Atomic<Int32>(-1)
    private static let logger = Mutex<Logger?>(nil)
    /// A thread of its own: the others may all wait for a name server.
    private static let watcher = BackgroundThreads(count: 1)

    /// From now on SIGTERM and SIGINT end the process with code 0, until somebody else handles
    /// them. Once per process.
    static func trap() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipeEnd.store(ends[1], ordering: .releasing)
        let reader = ends[0]
        watcher.submit {
            var number: UInt8 = 0
            while read(reader, &number, 1) != 1 {}
            end(Int32(number))
        }
        for number in [SIGTERM, SIGINT] {
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(StartSignals.pipeEnd.load(ordering: .acquiring), &byte, 1)
                errno = before
            }
        }
    }

    /// Where such an end is told of.
    static func tell(_ logger: Logger) { StartSignals.logger.withLock { $0 = logger } }

    /// Nothing needs an end in good order: a start can be cut off at any point, as by a crash.
    private static func end(_ number: Int32) {
        let name = number == SIGINT ? "SIGINT" : "SIGTERM"
        let logger = StartSignals.logger.withLock { $0 }
        logger?.info("received signal during start; ending", metadata: ["signal": "\(name)"])
        ServiceManager().stopping()
        _exit(0)
    }
}
