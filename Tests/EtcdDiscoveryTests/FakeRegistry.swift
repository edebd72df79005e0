//  A discovery service in memory whose answers the tests script.

import EtcdConfig
import Logging
import Synchronization

@testable import EtcdDiscovery

final class FakeRegistry: DiscoveryRegistry {
    struct State: Sendable {
        var size: String?
        var members: [RegisteredMember] = []
        /// Thrown, first to last, by the next questions.
        var failures: [RegistryFailure] = []
        /// The next registration arrives, but not its answer.
        var losesAnswer = false
        var refusesDuplicates = true
        /// Come, one after each wait.
        var newcomers: [RegisteredMember] = []
        var waits = 0
    }

    let state: Mutex<State>

    init(size: String?, members: [RegisteredMember] = []) {
        state = Mutex(State(size: size, members: members))
    }

    func size() async throws(RegistryFailure) -> String? {
        let (failure, size) = state.withLock { state in
            (state.failures.isEmpty ? nil : state.failures.removeFirst(), state.size)
        }
        if let failure { throw failure }
        return size
    }

    func registrations() async throws(RegistryFailure) -> Registrations {
        state.withLock { state in
            Registrations(members: state.members, position: UInt64(state.members.count + 1))
        }
    }

    func register(_ member: RegisteredMember) async throws(RegistryFailure) -> Bool {
        let (isNew, isLost) = state.withLock { state in
            let isNew = !state.members.contains { $0.id == member.id }
            if isNew { state.members.append(member) }
            defer { state.losesAnswer = false }
            return (isNew || !state.refusesDuplicates, state.losesAnswer)
        }
        if isLost { throw .transient("lost") }
        return isNew
    }

    func waitForNews(after position: UInt64) async throws(RegistryFailure) {
        state.withLock { state in
            state.waits += 1
            if !state.newcomers.isEmpty { state.members.append(state.newcomers.removeFirst()) }
        }
    }
}

/// Counts the waits between tries.
final class Naps: Sendable {
    private let taken = Mutex<[Int]>([])
    var all: [Int] { taken.withLock { $0 } }
    func take(_ seconds: Int) { taken.withLock { $0.append(seconds) } }
}

func entries(_ text: String) throws -> [ServerConfig.ClusterEntry] {
    try ServerConfig.ClusterEntry.list(text)
}

func text(_ entries: [ServerConfig.ClusterEntry]) -> String {
    entries.map { "\($0.name)=\($0.url.text)" }.joined(separator: ",")
}

let quiet = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
