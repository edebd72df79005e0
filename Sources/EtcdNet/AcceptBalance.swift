//  Gives each new connection to the event loop that has the fewest of its listener.

import NIOCore
import NIOPosix

/// Confined to the loop that accepts.
///
/// NIO takes the group's next loop for a connection, round robin. Turning the group's wheel up to
/// the loop that is wanted is the only say one has; when another listener turns it in between, one
/// connection is placed worse, nothing else.
final class AcceptBalance {
    private let group: MultiThreadedEventLoopGroup
    /// In the order of the group's wheel.
    private let loops: [any EventLoop]
    private var counts: [Int]

    init(_ loops: EventLoops) {
        group = loops.group
        self.loops = loops.all
        counts = [Int](repeating: 0, count: loops.all.count)
        turnToWanted()
    }

    /// Where the next connection belongs. Of equals the first: the links to peers live there, and a
    /// client on the same loop gets its answer without a change of threads.
    private var wanted: Int {
        var best = 0
        for position in counts.indices where counts[position] < counts[best] { best = position }
        return best
    }

    private func turnToWanted() {
        guard loops.count > 1 else { return }
        let before = loops[(wanted + loops.count - 1) % loops.count]
        for _ in 0..<2 * loops.count where group.next() === before { return }
    }

    func opened(on loop: any EventLoop) { count(1, loop) }

    func closed(on loop: any EventLoop) { count(-1, loop) }

    private func count(_ step: Int, _ loop: any EventLoop) {
        guard let position = loops.firstIndex(where: { $0 === loop }) else { return }
        counts[position] += step
        turnToWanted()
    }
}
