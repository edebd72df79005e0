//  Which members' client URLs requests are sent to at the moment.

package import Logging
package import NIOCore
import Synchronization

/// The endpoints of a proxy, in random order, and which of them are left alone for a while because
/// they failed. Safe to use from any thread.
package final class ProxyDirector: Sendable {
    package struct Endpoint: Sendable, Hashable {
        /// Such as `http://127.0.0.1:2379`.
        package let origin: String
        /// A later list's endpoint with the same origin is another one, and has not failed.
        fileprivate let id: Int
    }

    private struct State {
        var endpoints: [Endpoint] = []
        var unavailable: Set<Int> = []
        var nextID = 0
    }

    private let state = Mutex(State())
    private let failureWait: TimeAmount
    private let timers: any EventLoop
    private let logger: Logger

    /// - Parameters:
    ///   - failureWait: how long a failed endpoint is left alone.
    ///   - timers: where that time is kept.
    package init(failureWait: TimeAmount, timers: any EventLoop, logger: Logger) {
        self.failureWait = failureWait
        self.timers = timers
        self.logger = logger
    }

    /// In the order in which they are to be tried.
    package var available: [Endpoint] {
        state.withLock { state in
            state.endpoints.filter { !state.unavailable.contains($0.id) }
        }
    }

    /// A new list, in an order of its own, so that proxies do not all use the same endpoint.
    package func replace(_ origins: [String]) {
        let shuffled = origins.shuffled()
        state.withLock { state in
            state.endpoints = shuffled.map { origin in
                defer { state.nextID += 1 }
                return Endpoint(origin: origin, id: state.nextID)
            }
            state.unavailable = []
        }
    }

    /// Leaves an endpoint alone for a while.
    package func failed(_ endpoint: Endpoint) {
        let isNews = state.withLock { state in
            state.endpoints.contains(endpoint) && state.unavailable.insert(endpoint.id).inserted
        }
        guard isNews else { return }
        logger.info(
            "marked endpoint unavailable", metadata: ["endpoint": "\(endpoint.origin)"])
        timers.scheduleTask(in: failureWait) { self.retry(endpoint) }
    }

    private func retry(_ endpoint: Endpoint) {
        guard state.withLock({ $0.unavailable.remove(endpoint.id) }) != nil else { return }
        logger.info(
            "marked endpoint available, to retest connectivity",
            metadata: ["endpoint": "\(endpoint.origin)"])
    }
}
