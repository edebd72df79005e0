//  A line that comes too often is written only now and then, so that no storm of one complaint
//  fills the disk (spec operations 2).

import Logging
import RuntimeCore
import Synchronization

/// Counts the lines of each second by level and text. Callable from any thread.
final class LogSampler: Sendable {
    /// Of one second: the first lines are all written, then every hundredth (etcd's values).
    private static let first = 100
    private static let thereafter = 100
    /// Texts that are told apart within a second; ids in them make many.
    static let textsMax = 4_096

    private struct Second {
        var start = Instant(nanoseconds: 0)
        /// By a hash of level and text: a collision costs a line at worst.
        var counts: [Int: Int] = [:]
        /// Of all texts that found no room in `counts`.
        var others = 0

        mutating func count(_ key: Int) -> Int {
            if counts[key] == nil, counts.count >= LogSampler.textsMax {
                others += 1
                return others
            }
            counts[key, default: 0] += 1
            return counts[key, default: 0]
        }
    }

    private let second = Mutex(Second())

    /// Whether a line is to be written. What ends the process always is.
    func admits(_ level: Logger.Level, _ text: String, at now: Instant) -> Bool {
        if level == .critical { return true }
        var hasher = Hasher()
        hasher.combine(level)
        hasher.combine(text)
        let key = hasher.finalize()
        let count = second.withLock { second in
            if now.nanoseconds(since: second.start) >= 1_000_000_000 {
                second.start = now
                second.counts.removeAll(keepingCapacity: true)
                second.others = 0
            }
            return second.count(key)
        }
        return count <= LogSampler.first
            || (count - LogSampler.first) % LogSampler.thereafter == 0
    }
}
