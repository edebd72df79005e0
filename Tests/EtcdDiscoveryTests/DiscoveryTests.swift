//  The steps of both protocols, against a service in memory.

import EtcdConfig
import Logging
import Synchronization
import Testing

@testable import EtcdDiscovery

private let me = RegisteredMember(id: "1a", value: "me=http://10.0.0.1:2380")
private let you = RegisteredMember(id: "2b", value: "you=http://10.0.0.2:2380")
private let they = RegisteredMember(
    id: "3c", value: "they=http://10.0.0.3:2380,they=http://10.0.1.3:2380")

@Suite("Discovery")
struct DiscoveryTests {
    private func discovery(
        _ registry: FakeRegistry, version: Discovery.Version = .v2, naps: Naps = Naps()
    ) -> Discovery {
        var discovery = Discovery(
            version: version, registry: registry, service: "http://x", logger: quiet)
        discovery.sleep = { naps.take($0) }
        return discovery
    }

    private func join(
        _ registry: FakeRegistry, version: Discovery.Version = .v2, naps: Naps = Naps()
    ) async throws -> DiscoveryOutcome {
        try await discovery(registry, version: version, naps: naps).join(
            id: me.id, entries: try entries(me.value))
    }

    @Test("registers and waits until the others are there, in the order in which they came")
    func success() async throws {
        let registry = FakeRegistry(size: "3", members: [you])
        registry.state.withLock { $0.newcomers = [they] }
        let outcome = try await join(registry)
        #expect(
            outcome
                == .joined(
                    try entries(
                        "you=http://10.0.0.2:2380,me=http://10.0.0.1:2380,"
                            + "they=http://10.0.0.3:2380,they=http://10.0.1.3:2380")))
        #expect(registry.state.withLock { $0.waits } == 1)
    }

    @Test("a cluster of one needs nobody else")
    func alone() async throws {
        #expect(try await join(FakeRegistry(size: "1")) == .joined(try entries(me.value)))
    }

    @Test(
        "ends with etcd's words for what is wrong",
        arguments: [
            (nil, [], "discovery: size key not found"),
            ("", [], "discovery: size key is bad"),
            ("abc", [], "discovery: size key is bad"),
            ("0", [], "discovery: size key is bad"),
            ("-1", [], "discovery: size key is bad"),
            ("+1", [], "discovery: size key is bad"),
            ("99999999999999999999", [], "discovery: size key is bad"),
            (
                "2", [RegisteredMember(id: "2b", value: "me=http://10.0.0.2:2380")],
                "discovery: found duplicate name"
            ),
            (
                "2", [RegisteredMember(id: "2b", value: "you=xx://10.0.0.2:2380")],
                "discovery: invalid URL"
            ),
            (
                "2", [RegisteredMember(id: "2b", value: "you=http://10.0.0.2")],
                "discovery: invalid URL"
            ),
            (
                "2", [RegisteredMember(id: "2b", value: "you=http://10.0.0.1:2380")],
                "discovery cluster you=http://10.0.0.1:2380,me=http://10.0.0.1:2380 has "
                    + "duplicate url"
            ),
            (
                "2", [RegisteredMember(id: "1a", value: "old=http://10.0.0.9:2380")],
                "discovery: found duplicate id"
            ),
        ] as [(String?, [RegisteredMember], String)])
    func failures(size: String?, members: [RegisteredMember], expected: String) async throws {
        let registry = FakeRegistry(size: size, members: members)
        let error = await #expect(throws: DiscoveryError.self) { try await join(registry) }
        #expect(error?.description == expected)
    }

    @Test("version 3 has a word of its own for bad URLs, and lets a member register again")
    func version3() async throws {
        let bad = FakeRegistry(
            size: "2", members: [RegisteredMember(id: "2b", value: "you=nowhere")])
        let error = await #expect(throws: DiscoveryError.self) {
            try await join(bad, version: .v3)
        }
        #expect(error?.description == "discovery: invalid peer URL")
        let again = FakeRegistry(size: "2", members: [me, you])
        again.state.withLock { $0.refusesDuplicates = false }
        #expect(
            try await join(again, version: .v3)
                == .joined(try entries(me.value + "," + you.value)))
    }

    @Test("a full cluster is told with its members, and nothing is registered")
    func full() async throws {
        let registry = FakeRegistry(size: "2", members: [you, they])
        #expect(
            try await join(registry) == .full(try entries(you.value + "," + they.value)))
        #expect(registry.state.withLock { $0.members } == [you, they])
    }

    @Test("whoever registers too late, while there still seemed to be room, is told so")
    func overtaken() async throws {
        let registry = FakeRegistry(size: "1")
        let late = RacedRegistry(registry, rival: you)
        var discovery = Discovery(version: .v2, registry: late, service: "", logger: quiet)
        discovery.sleep = { _ in }
        let outcome = try await discovery.join(id: me.id, entries: try entries(me.value))
        #expect(outcome == .full(try entries(you.value)))
    }

    @Test("tries again with growing waits while the service is away, whatever the number")
    func retries() async throws {
        let registry = FakeRegistry(size: "1")
        registry.state.withLock {
            $0.failures = Array(repeating: .transient("connection refused"), count: 10)
        }
        let naps = Naps()
        #expect(try await join(registry, naps: naps) == .joined(try entries(me.value)))
        #expect(naps.all == [2, 4, 8, 16, 32, 64, 128, 256, 256, 256])
    }

    @Test("does not try again what cannot succeed")
    func permanent() async throws {
        let registry = FakeRegistry(size: "1")
        registry.state.withLock { $0.failures = [.permanent(.badEndpoint)] }
        let naps = Naps()
        let error = await #expect(throws: DiscoveryError.self) {
            try await join(registry, naps: naps)
        }
        #expect(error == .badEndpoint)
        #expect(naps.all.isEmpty)
    }

    @Test("a registration whose answer was lost is its own, not a duplicate")
    func lostAnswer() async throws {
        let registry = FakeRegistry(size: "1")
        registry.state.withLock { $0.losesAnswer = true }
        #expect(try await join(registry) == .joined(try entries(me.value)))
    }

    @Test("who is no member waits for all members")
    func observer() async throws {
        let registry = FakeRegistry(size: "2", members: [you])
        registry.state.withLock { $0.newcomers = [they] }
        #expect(text(try await discovery(registry).members()) == you.value + "," + they.value)
        #expect(registry.state.withLock { $0.members.count } == 2)
    }
}

/// Lets a rival register just before every registration.
private struct RacedRegistry: DiscoveryRegistry {
    let inner: FakeRegistry
    let rival: RegisteredMember

    init(_ inner: FakeRegistry, rival: RegisteredMember) {
        self.inner = inner
        self.rival = rival
    }

    func size() async throws(RegistryFailure) -> String? { try await inner.size() }
    func registrations() async throws(RegistryFailure) -> Registrations {
        try await inner.registrations()
    }
    func register(_ member: RegisteredMember) async throws(RegistryFailure) -> Bool {
        _ = try await inner.register(rival)
        return try await inner.register(member)
    }
    func waitForNews(after position: UInt64) async throws(RegistryFailure) {}
}
