//  Counters, gauges and histograms with etcd's names, and their text exposition.
//
//  Own types instead of swift-metrics: its handlers cannot state histogram bounds, and every
//  update goes through an existential and a lock; ours are an atomic add.

import Synchronization

package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)
    package init() {}
    package func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
    package var total: UInt64 { value.load(ordering: .relaxed) }
}

/// A distribution over fixed bounds.
package final class Histogram: Sendable {
    private struct Content {
        var counts: [UInt64]
        var sum: Double = 0
        var count: UInt64 = 0
    }

    package let bounds: [Double]
    private let content: Mutex<Content>

    /// `count` bounds from `first`, each twice the one before.
    package convenience init(first: Double, count: Int) {
        self.init(
            bounds: (0..<count).map { step in first * Double(UInt64(1) << UInt64(step)) })
    }

    /// `bounds` must ascend.
    package init(bounds: [Double]) {
        self.bounds = bounds
        content = Mutex(Content(counts: Array(repeating: 0, count: bounds.count)))
    }

    package func observe(_ value: Double) {
        content.withLock { content in
            content.sum += value
            content.count += 1
            if let bucket = bounds.firstIndex(where: { value <= $0 }) {
                content.counts[bucket] += 1
            }
        }
    }

    package func observe(nanoseconds: UInt64) { observe(Double(nanoseconds) / 1e9) }

    /// Cumulative counts per bound, sum and count at one moment.
    package var snapshot: (cumulative: [UInt64], sum: Double, count: UInt64) {
        content.withLock { content in
            var running: UInt64 = 0
            let cumulative = content.counts.map { count in
                running += count
                return running
            }
            return (cumulative, content.sum, content.count)
        }
    }
}

/// A distribution at one moment, wherever it was counted.
package struct HistogramReading: Sendable {
    package let bounds: [Double]
    /// One per bound.
    package let cumulative: [UInt64]
    package let sum: Double
    /// Values over the last bound included.
    package let count: UInt64

    package init(bounds: [Double], cumulative: [UInt64], sum: Double, count: UInt64) {
        self.bounds = bounds
        self.cumulative = cumulative
        self.sum = sum
        self.count = count
    }
}

/// Writes the Prometheus text format, version 0.0.4.
package struct MetricsText: ~Copyable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        header(name, help, "counter")
        sample(name, "", format(Double(value)))
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        header(name, help, "gauge")
        sample(name, "", format(value))
    }

    /// One family with several label sets; `labels` in the form `a="b",c="d"`, escaped already.
    package mutating func family(
        _ name: String, _ help: String, type: String, _ samples: [(labels: String, value: Double)]
    ) {
        header(name, help, type)
        for each in samples { sample(name, each.labels, format(each.value)) }
    }

    package mutating func histogram(
        _ name: String, _ help: String, _ histograms: [(labels: String, histogram: Histogram)]
    ) {
        histogram(
            name, help,
            histograms.map { each in
                let snapshot = each.histogram.snapshot
                return (
                    each.labels,
                    HistogramReading(
                        bounds: each.histogram.bounds, cumulative: snapshot.cumulative,
                        sum: snapshot.sum, count: snapshot.count)
                )
            })
    }

    package mutating func histogram(
        _ name: String, _ help: String, _ readings: [(labels: String, reading: HistogramReading)]
    ) {
        header(name, help, "histogram")
        for (labels, reading) in readings {
            let prefix = labels.isEmpty ? "" : labels + ","
            for (bound, count) in zip(reading.bounds, reading.cumulative) {
                sample(name + "_bucket", prefix + "le=\"\(format(bound))\"", String(count))
            }
            sample(name + "_bucket", prefix + "le=\"+Inf\"", String(reading.count))
            sample(name + "_sum", labels, format(reading.sum))
            sample(name + "_count", labels, String(reading.count))
        }
    }

    private mutating func header(_ name: String, _ help: String, _ type: String) {
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8)
    }

    private mutating func sample(_ name: String, _ labels: String, _ value: String) {
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        bytes += Array("\(name)\(braces) \(value)\n".utf8)
    }

    /// Shortest text, without a fraction for whole numbers below 2^53.
    private func format(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 {
            return String(Int64(value))
        }
        return "\(value)"
    }
}
