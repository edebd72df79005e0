//  The event loops of the process: every connection, of clients and peers, lives on one of them.

package import NIOCore
import NIOPosix

/// A fixed set of event loop threads. Safe to use from any thread.
package final class EventLoops: Sendable {
    let group: MultiThreadedEventLoopGroup
    /// In the order in which `next()` hands them out; never empty.
    package let all: [any EventLoop]

    /// The processors that this process may use: a container's share counts, not the machine.
    package static var suitableCount: Int { System.coreCount }

    /// Starts `count` threads (at least one).
    package init(count: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, count))
        all = Array(group.makeIterator())
    }

    /// Round robin over all loops.
    package func next() -> any EventLoop { group.next() }

    /// Has the event loop that this thread is run `body` once it has served the events at hand.
    /// False when this thread is none of these loops; `body` is not run then.
    package func runAfterEvents(_ body: @escaping @Sendable () -> Void) -> Bool {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop,
            all.contains(where: { $0 === loop })
        else { return false }
        loop.execute(body)
        return true
    }

    /// Closes what is still open and ends the threads. Not callable from an event loop.
    package func shutdown() async throws {
        try await group.shutdownGracefully()
    }
}
