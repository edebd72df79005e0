//  What is refused before it reaches the log, and how a wait that was too long is explained.

import EtcdMembership
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore
import Testing

@Suite("Request handler")
struct RequestHandlerTests {
    private static let long = Instant(nanoseconds: 1)
    private static let short = Instant(nanoseconds: 99_000_000_000)

    private static func members(started: [UInt64], silent: [UInt64] = []) -> [Member] {
        started.map { Member(id: MemberID($0), peerURLs: ["http://m\($0):1"], name: "m\($0)") }
            + silent.map { Member(id: MemberID($0), peerURLs: ["http://m\($0):1"]) }
    }

    private func refusal<Value>(_ result: Result<Value, ServerError>) -> ServerError? {
        if case .failure(let error) = result { error } else { nil }
    }

    @Test("too large, too many: refused at once, and nobody waits for it")
    func bounds() {
        let full = Fixture(room: 0)
        let put = V2Request(method: .put, path: Bytes("/1/a"), value: Bytes("v"))
        #expect(
            refusal(full.handler.proposeV2(put, address: full.address())) == .tooManyRequests)
        #expect(full.replica.registry.count == 0)
        let open = Fixture()
        let large = V2Request(
            method: .put, path: Bytes("/1/a"), value: Bytes([UInt8](repeating: 0, count: 1_001)))
        #expect(refusal(open.handler.proposeV2(large, address: open.address())) == .requestTooLarge)
        #expect(refusal(open.handler.proposeV2(put, address: open.address())) == nil)
        #expect(open.replica.registry.count == 1 && open.port.proposals.count == 1)
    }

    @Test("what nobody waits for is proposed, and nobody is registered for it")
    func unheard() throws {
        let fixture = Fixture()
        let version = V2Request(method: .put, path: Bytes("/0/version"), value: Bytes("3.5.0"))
        let id = try fixture.handler.proposeV2(version, address: nil).get()
        #expect(id.rawValue != 0)
        #expect(fixture.port.proposals.map(\.id) == [0])
        #expect(fixture.replica.registry.count == 0)
    }

    @Test("a stopping replica takes nothing")
    func stopping() {
        let fixture = Fixture()
        fixture.replica.status.publishStopping()
        #expect(
            refusal(fixture.handler.linearizableBarrier(address: fixture.address())) == .stopped)
    }

    @Test("ids carry member and time, and never repeat")
    func ids() throws {
        let first = RequestIDs.first(
            member: 0xABCD_1234, now: WallTime(unixNanoseconds: 5_000_000))
        #expect(first == 0x1234_0000_0000_0500)
        let fixture = Fixture()
        let put = V2Request(method: .put, path: Bytes("/1/a"))
        let ids = try (0..<300).map { _ in
            try fixture.handler.proposeV2(put, address: fixture.address()).get()
        }
        #expect(Set(ids).count == 300)
    }

    @Test(
        "an addition may not cost the quorum",
        arguments: [
            // A lone started member may grow.
            ([1], [], [:], nil),
            // One of two started: three would have no started majority.
            ([1], [2], [:], ServerError.notEnoughStartedMembers),
            // Everybody must have been reachable for five seconds.
            ([1, 2, 3], [], [2: long, 3: long], nil),
            ([1, 2, 3], [], [2: long, 3: short], .unhealthyCluster),
            ([1, 2, 3], [], [2: long], .unhealthyCluster),
        ] as [([UInt64], [UInt64], [MemberID: Instant], ServerError?)])
    func additions(
        _ started: [UInt64], _ silent: [UInt64], _ since: [MemberID: Instant],
        _ expected: ServerError?
    ) {
        let fixture = Fixture(
            members: Self.members(started: started, silent: silent),
            connectivity: FixedConnectivity(since: since))
        let new = Member(id: 99, peerURLs: ["http://new:1"])
        #expect(refusal(fixture.handler.addMember(new, address: fixture.address())) == expected)
    }

    @Test(
        "a removal may not cost the quorum",
        arguments: [
            (3, [1, 2, 3], [], [2: long, 3: long], nil),
            // The one that is down may go.
            (3, [1, 2, 3], [], [2: long], nil),
            // A healthy one may not while another is down.
            (2, [1, 2, 3], [], [2: long], ServerError.unhealthyCluster),
            // Two of three that never started would decide alone.
            (1, [1], [2, 3], [:], .notEnoughStartedMembers),
        ] as [(UInt64, [UInt64], [UInt64], [MemberID: Instant], ServerError?)])
    func removals(
        _ victim: UInt64, _ started: [UInt64], _ silent: [UInt64],
        _ since: [MemberID: Instant], _ expected: ServerError?
    ) {
        let fixture = Fixture(
            members: Self.members(started: started, silent: silent),
            connectivity: FixedConnectivity(since: since))
        let result = fixture.handler.removeMember(MemberID(victim), address: fixture.address())
        #expect(refusal(result) == expected)
    }

    @Test("the leader ends a downgrade by a request of its own, that names no version")
    func downgradeEnds() throws {
        let fixture = Fixture()
        #expect(refusal(fixture.handler.endDowngrade()) == nil)
        #expect(fixture.replica.registry.count == 0)
        let proposal = try #require(fixture.port.proposals.first)
        guard case .normal(let data) = proposal.payload,
            case .internalRequest(let request) = try EntryPayload.decode(data),
            case .downgradeInfoSet(let info) = request.kind
        else {
            Issue.record("something else was proposed: \(proposal.payload)")
            return
        }
        #expect(!info.enabled && info.ver.isEmpty)
    }

    @Test("a timeout says what it knows of the reason")
    func timeouts() {
        let fixture = Fixture()
        let start = StandingClock().now().monotonic
        #expect(fixture.handler.timeoutError(start: start) == .timeout)
        #expect(fixture.handler.requestTimeoutMilliseconds == 7_000)
        fixture.replica.status.publishStopping()
        #expect(fixture.handler.timeoutError(start: start) == .stopped)
    }
}
