//  How long something took, over fixed bounds, for the histograms of the metrics page.

import Synchronization

/// A histogram at one moment.
package struct PeerDistribution: Sendable {
    /// Upper bounds, ascending.
    package let bounds: [Double]
    /// Cumulative, one per bound.
    package let cumulative: [UInt64]
    package let sum: Double
    /// Values over the last bound included.
    package let count: UInt64
}

/// Updated from any thread.
final class PeerDistributionRecorder: Sendable {
    private struct Content {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private let bounds: [Double]
    private let content: Mutex<Content>

    /// `count` bounds from `first`, each twice the one before.
    init(first: Double, count: Int) {
        bounds = (0..<count).map { first * Double(1 << $0) }
        content = Mutex(Content(counts: [UInt64](repeating: 0, count: count)))
    }

    func add(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 }
        content.withLock { content in
            if let bucket { content.counts[bucket] += 1 }
            content.sum += value
            content.count += 1
        }
    }

    var distribution: PeerDistribution {
        content.withLock { content in
            var total: UInt64 = 0
            let cumulative = content.counts.map { count in
                total += count
                return total
            }
            return PeerDistribution(
                bounds: bounds, cumulative: cumulative, sum: content.sum, count: content.count)
        }
    }
}
