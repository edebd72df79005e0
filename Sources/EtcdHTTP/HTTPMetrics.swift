//  What the front end counts, and the page that shows what everybody counts.

package import EtcdServer
import Synchronization

/// Updated on event loops (spec operations 1.1).
package final class HTTPMetrics: Sendable {
    let healthSuccesses = Counter()
    let healthFailures = Counter()
    private let checks = Mutex<[CheckRecord]>(HTTPMetrics.initialChecks)

    private struct CheckRecord {
        let page: String
        let check: HealthCheck
        var lastSucceeded = false
        var successes: UInt64 = 0
        var errors: UInt64 = 0
    }

    private static let initialChecks: [CheckRecord] =
        HealthCheck.liveness.map { CheckRecord(page: "livez", check: $0) }
        + HealthCheck.readiness.map { CheckRecord(page: "readyz", check: $0) }

    package init() {}

    func record(page: String, check: HealthCheck, succeeded: Bool) {
        checks.withLock { checks in
            for position in checks.indices
            where checks[position].page == page && checks[position].check == check {
                checks[position].lastSucceeded = succeeded
                if succeeded {
                    checks[position].successes += 1
                } else {
                    checks[position].errors += 1
                }
            }
        }
    }

    package func write(into text: inout MetricsText) {
        text.counter(
            "etcd_server_health_success", "The total number of successful health checks",
            healthSuccesses.total)
        text.counter(
            "etcd_server_health_failures", "The total number of failed health checks",
            healthFailures.total)
        let asked = checks.withLock { $0 }.filter { $0.successes + $0.errors > 0 }
        if asked.isEmpty { return }
        text.family(
            "etcd_server_healthcheck", "The result of each kind of healthcheck.", type: "gauge",
            asked.map { each in
                let labels = "type=\"\(each.page)\",name=\"\(each.check.rawValue)\""
                return (labels, each.lastSucceeded ? 1 : 0)
            })
        text.family(
            "etcd_server_healthchecks_total", "The total number of each kind of healthcheck.",
            type: "counter",
            asked.flatMap { each in
                let labels = "type=\"\(each.page)\",name=\"\(each.check.rawValue)\""
                return [
                    (labels + ",status=\"success\"", Double(each.successes)),
                    (labels + ",status=\"error\"", Double(each.errors)),
                ]
            })
    }
}

/// Renders /metrics. Called on event loops; must not block.
package protocol MetricsSource: Sendable {
    func metricsText() -> [UInt8]
}

/// The metrics page as a list of contributors, in order.
package struct MetricsPage: MetricsSource {
    package typealias Part = @Sendable (inout MetricsText) -> Void
    private let parts: [Part]

    package init(_ parts: [Part]) { self.parts = parts }

    package func metricsText() -> [UInt8] {
        var text = MetricsText()
        for part in parts { part(&text) }
        return text.bytes
    }
}
