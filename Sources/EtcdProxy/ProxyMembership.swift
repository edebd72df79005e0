//  How a proxy keeps up with the members of its cluster.

package import EtcdMembership
package import Logging
import RuntimeCore
import Synchronization

/// Asks the members for each other, at the start and again and again. Safe to use from any thread.
package final class ProxyMembership: Sendable {
    /// The members as the first of these peer URLs that answers tells them.
    package typealias Question = @Sendable (_ peerURLs: [String]) async -> [Member]?

    /// From this interval on a proxy without endpoints looks every second instead (etcd's values).
    private static let patientMilliseconds: UInt64 = 30_000
    private static let impatientMilliseconds: UInt64 = 1_000
    /// Shorter intervals would be nothing but load.
    private static let leastMilliseconds: UInt64 = 100

    private let director: ProxyDirector
    private let remember: @Sendable ([String]) throws -> Void
    private let ask: Question
    private let intervalMilliseconds: UInt64
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var peerURLs: [String]
        /// Whether `peerURLs` come from a member.
        var isConfirmed = false
        var hasFoundEndpoints = false
    }

    /// - Parameters:
    ///   - peerURLs: where to ask first.
    ///   - remember: stores peer URLs that differ from those before, or are the first confirmed.
    package init(
        director: ProxyDirector, peerURLs: [String], intervalMilliseconds: UInt64, logger: Logger,
        ask: @escaping Question, remember: @escaping @Sendable ([String]) throws -> Void
    ) {
        self.director = director
        self.intervalMilliseconds = intervalMilliseconds
        self.logger = logger
        self.ask = ask
        self.remember = remember
        state = Mutex(State(peerURLs: peerURLs))
    }

    /// Looks once. When nobody answers there are no endpoints.
    ///
    /// An answer without peer URLs is none: to go by it would leave nobody to ask.
    package func refresh() async {
        let before = state.withLock { $0 }
        let members = await ask(before.peerURLs) ?? []
        let peerURLs = members.flatMap(\.peerURLs).sorted()
        guard !peerURLs.isEmpty else {
            logger.warning(
                "could not retrieve cluster information from the given URLs",
                metadata: ["peer-urls": .array(before.peerURLs.map { .string($0) })])
            director.replace([])
            return
        }
        let clientURLs = members.flatMap(\.clientURLs).sorted()
        if !before.isConfirmed || peerURLs != before.peerURLs { store(peerURLs) }
        if peerURLs != before.peerURLs {
            logger.info(
                "proxy updated peer URLs",
                metadata: [
                    "from": .array(before.peerURLs.map { .string($0) }),
                    "to": .array(peerURLs.map { .string($0) }),
                ])
        }
        state.withLock { $0.peerURLs = peerURLs }
        director.replace(clientURLs)
        noteEndpoints(clientURLs)
    }

    private func store(_ peerURLs: [String]) {
        do {
            try remember(peerURLs)
            state.withLock { $0.isConfirmed = true }
        } catch {
            logger.warning(
                "proxy failed to write its cluster file", metadata: ["error": "\(error)"])
        }
    }

    private func noteEndpoints(_ clientURLs: [String]) {
        if clientURLs.isEmpty { return }
        let isFirst = state.withLock { state in
            defer { state.hasFoundEndpoints = true }
            return !state.hasFoundEndpoints
        }
        guard isFirst else { return }
        logger.info(
            "endpoints found", metadata: ["endpoints": .array(clientURLs.map { .string($0) })])
    }

    /// Looks for as long as the task is not cancelled.
    package func run() async {
        while true {
            let isPatient =
                intervalMilliseconds < ProxyMembership.patientMilliseconds
                || !director.available.isEmpty
            let pause =
                isPatient
                ? max(intervalMilliseconds, ProxyMembership.leastMilliseconds)
                : ProxyMembership.impatientMilliseconds
            try? await Task.sleep(for: .milliseconds(Int64(clamping: pause)))
            if Task.isCancelled { return }
            await refresh()
        }
    }
}
