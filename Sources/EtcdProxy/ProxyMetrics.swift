//  What a proxy counts (spec operations 1.6).

package import EtcdServer
import Synchronization

/// Updated on event loops.
package final class ProxyMetrics: Sendable {
    /// Why a request, or one attempt at it, came to nothing.
    enum Loss: String, Sendable {
        case zeroEndpoints = "zero_endpoints"
        case failedSending = "failed_sending_request"
        case failedGettingResponse = "failed_getting_response"
        /// Not in etcd, whose proxy takes on more than it can carry.
        case tooMany = "too_many_requests"
    }

    private struct Labels: Hashable, Comparable {
        let method: String
        let detail: String

        static func < (left: Labels, right: Labels) -> Bool {
            (left.detail, left.method) < (right.detail, right.method)
        }
    }

    private struct Counts {
        var requests: [String: UInt64] = [:]
        var handled: [Labels: UInt64] = [:]
        var dropped: [Labels: UInt64] = [:]
        var durations: [String: Histogram] = [:]

        /// Clients choose the names of methods; beyond this many they share one.
        static let methodsMax = 64

        func label(_ method: String) -> String {
            requests[method] != nil || requests.count < Counts.methodsMax ? method : "other"
        }
    }

    private let counts = Mutex(Counts())

    package init() {}

    func received(_ method: String) {
        counts.withLock { $0.requests[$0.label(method), default: 0] += 1 }
    }

    /// - Parameter seconds: until the head of the response was there.
    func handled(_ method: String, status: Int, seconds: Double) {
        let durations = counts.withLock { counts in
            let method = counts.label(method)
            counts.handled[Labels(method: method, detail: String(status)), default: 0] += 1
            let durations = counts.durations[method] ?? Histogram(first: 0.0005, count: 13)
            counts.durations[method] = durations
            return durations
        }
        durations.observe(seconds)
    }

    func dropped(_ method: String, _ loss: Loss) {
        counts.withLock { counts in
            let labels = Labels(method: counts.label(method), detail: loss.rawValue)
            counts.dropped[labels, default: 0] += 1
        }
    }

    package func write(into text: inout MetricsText) {
        let counts = counts.withLock { $0 }
        // A family without samples is not there at all.
        if !counts.dropped.isEmpty {
            text.family(
                "etcd_proxy_dropped_total", "Counter of requests dropped on the proxy.",
                type: "counter",
                counts.dropped.sorted { $0.key < $1.key }.map { labels, count in
                    let text = "method=\"\(labels.method)\",proxying_error=\"\(labels.detail)\""
                    return (text, Double(count))
                })
        }
        if !counts.handled.isEmpty {
            text.family(
                "etcd_proxy_handled_total",
                "Counter of requests fully handled (by authoratitave servers)", type: "counter",
                counts.handled.sorted { $0.key < $1.key }.map { labels, count in
                    ("code=\"\(labels.detail)\",method=\"\(labels.method)\"", Double(count))
                })
            text.histogram(
                "etcd_proxy_handling_duration_seconds",
                "Bucketed histogram of handling time of successful events (non-watches), by "
                    + "method (GET/PUT etc.).",
                counts.durations.sorted { $0.key < $1.key }.map { method, durations in
                    ("method=\"\(method)\"", durations)
                })
        }
        if counts.requests.isEmpty { return }
        text.family(
            "etcd_proxy_requests_total", "Counter requests incoming by method.", type: "counter",
            counts.requests.sorted { $0.key < $1.key }.map { method, count in
                ("method=\"\(method)\"", Double(count))
            })
    }
}
