//  Forming a cluster with the help of a discovery service: read the size, register, wait for the
//  others (spec operations 6.2, 6.3).

package import EtcdConfig
package import Logging

/// What came of it.
package enum DiscoveryOutcome: Sendable, Hashable {
    /// This member is one of these, in the order in which they registered.
    case joined([ServerConfig.ClusterEntry])
    /// The cluster has its members, and this one is not among them.
    case full([ServerConfig.ClusterEntry])
}

/// One attempt of one member. Tries for as long as it takes; cancel its task to give up.
package struct Discovery: Sendable {
    /// Where the two versions of the protocol differ.
    enum Version: Sendable { case v2, v3 }

    /// A wait between two tries never gets longer than two to this power, in seconds.
    static let backoffExponentMax = 8

    let version: Version
    let registry: any DiscoveryRegistry
    /// As logs show it, without passwords.
    let service: String
    let logger: Logger
    /// Handed in for the tests.
    var sleep: @Sendable (_ seconds: Int) async -> Void = { seconds in
        try? await Task.sleep(for: .seconds(seconds))
    }

    package init(_ registry: V2Registry, service: String, logger: Logger) {
        self.init(version: .v2, registry: registry, service: service, logger: logger)
    }

    package init(_ registry: V3Registry, service: String, logger: Logger) {
        self.init(version: .v3, registry: registry, service: service, logger: logger)
    }

    init(
        version: Version, registry: any DiscoveryRegistry, service: String, logger: Logger
    ) {
        self.version = version
        self.registry = registry
        self.service = service
        self.logger = logger
    }

    /// Registers, and waits until the cluster is complete.
    ///
    /// - Parameters:
    ///   - id: of this member, as it will have it in the cluster.
    ///   - entries: this member's name with each of its peer URLs.
    package func join(id: String, entries: [ServerConfig.ClusterEntry])
        async throws(DiscoveryError) -> DiscoveryOutcome
    {
        let own = RegisteredMember(
            id: id, value: entries.map { "\($0.name)=\($0.url.text)" }.joined(separator: ","))
        let before = try await check(own)
        if before.isFull { return .full(try self.entries(of: before)) }
        try await register(own)
        var isFirst = true
        while true {
            let state = try await check(own)
            if state.isFull { return .full(try self.entries(of: state)) }
            if isFirst { note(state, own) }
            isFirst = false
            if state.isComplete {
                logger.info(
                    "found all needed peers from discovery server",
                    metadata: fields(["found-peers": "\(state.size)"]))
                return .joined(try self.entries(of: state))
            }
            await wait(state)
        }
    }

    /// The members of the cluster, once it is complete, without being one of them.
    package func members() async throws(DiscoveryError) -> [ServerConfig.ClusterEntry] {
        while true {
            let state = try await check(nil)
            if state.isComplete { return try entries(of: state) }
            await wait(state)
        }
    }

    // MARK: Steps

    private struct State {
        let size: Int
        let registrations: Registrations
        let own: RegisteredMember?

        /// Those who have come first.
        var members: ArraySlice<RegisteredMember> { registrations.members.prefix(size) }
        var isComplete: Bool { members.count == size }
        var isFull: Bool {
            guard isComplete, let own else { return false }
            return !members.contains { $0.id == own.id }
        }
    }

    private func check(_ own: RegisteredMember?) async throws(DiscoveryError) -> State {
        try await retrying("cluster status check") { () async throws(RegistryFailure) in
            guard let text = try await registry.size() else {
                throw .permanent(.sizeNotFound)
            }
            guard let size = Self.size(text) else { throw .permanent(.badSize) }
            return State(size: size, registrations: try await registry.registrations(), own: own)
        }
    }

    /// Go's decimal numbers above zero.
    private static func size(_ text: String) -> Int? {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let size = Int(text), size > 0
        else { return nil }
        return size
    }

    private func register(_ own: RegisteredMember) async throws(DiscoveryError) {
        var attempts = 0
        let isNew = try await retrying("register member itself") {
            () async throws(RegistryFailure) in
            attempts += 1
            if try await registry.register(own) { return true }
            // An earlier attempt may have got through although its answer did not.
            guard attempts > 1 else { return false }
            return try await registry.registrations().members.contains(own)
        }
        if !isNew { throw .duplicateID }
        logger.info(
            "register member itself successfully",
            metadata: fields(["member-id": "\(own.id)", "member-info": "\(own.value)"]))
    }

    private func wait(_ state: State) async {
        logger.info(
            "found peers from discovery server; waiting for more",
            metadata: fields([
                "found-peers": "\(state.members.count)",
                "needed-peers": "\(state.size - state.members.count)",
            ]))
        // Without a position there is nothing to wait for, only to look again.
        if state.registrations.position == 0 { return await sleep(2) }
        do throws(RegistryFailure) {
            try await registry.waitForNews(after: state.registrations.position)
        } catch {
            // What it was, the check that follows will find out, or will wait in its own way.
            if case .transient(let reason) = error {
                logger.warning(
                    "error while waiting for peers", metadata: fields(["error": "\(reason)"]))
            }
            await sleep(2)
        }
    }

    private func retrying<Value: Sendable>(
        _ step: String, _ body: () async throws(RegistryFailure) -> Value
    ) async throws(DiscoveryError) -> Value {
        var failures = 0
        while true {
            if Task.isCancelled { throw DiscoveryError("discovery: given up") }
            do throws(RegistryFailure) {
                return try await body()
            } catch {
                let reason: String
                switch error {
                case .permanent(let error): throw error
                case .transient(let text): reason = text
                }
                failures += 1
                let seconds = 1 << min(failures, Self.backoffExponentMax)
                logger.warning(
                    "retry connecting to discovery service",
                    metadata: fields([
                        "reason": "\(step)", "error": "\(reason)", "backoff": "\(seconds)s",
                    ]))
                await sleep(seconds)
            }
        }
    }

    // MARK: Results

    private func entries(of state: State) throws(DiscoveryError) -> [ServerConfig.ClusterEntry] {
        var entries: [ServerConfig.ClusterEntry] = []
        do throws(ValueError) {
            for member in state.members {
                entries += try ServerConfig.ClusterEntry.list(member.value)
            }
        } catch {
            throw version == .v2 ? .invalidURL : .invalidPeerURL
        }
        if Set(entries.map(\.name)).count != state.size { throw .duplicateName }
        let urls = entries.map(\.url.text)
        if Set(urls).count != urls.count {
            let text = entries.map { "\($0.name)=\($0.url.text)" }.joined(separator: ",")
            throw .duplicateURL(text)
        }
        return entries
    }

    private func note(_ state: State, _ own: RegisteredMember) {
        for member in state.members {
            if member.id == own.id {
                logger.info(
                    "found self from discovery server", metadata: fields(["self": "\(member.id)"]))
            } else {
                logger.info(
                    "found peer from discovery server",
                    metadata: fields(["peer": "\(member.id)", "member-info": "\(member.value)"]))
            }
        }
    }

    private func fields(_ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["discovery-url": "\(service)"]) { own, _ in own }
    }
}
