//  A member whose log has lost what it acknowledged.

import Raft
import RuntimeCore
import Testing

@testable import EtcdServer

@Suite("Lost entries")
struct LostEntriesTests {
    @Test("a member that lacks what it acknowledged takes no part any more, and ends")
    func ends() throws {
        let bench = ConsensusBench()
        let answers = bench.receive(Message(.heartbeat, from: 2, term: 2, commit: 50))
        #expect(answers.sent.isEmpty)
        let vote = Message(.vote, from: 3, term: 9, logTerm: 8, index: 60)
        #expect(bench.receive(vote).sent.isEmpty)
        for _ in 0..<40 { bench.tick() }
        #expect(bench.status.term == 2 && bench.status.role == .follower)

        let reason = try #require(bench.status.consensusFailure)
        #expect(reason.contains("it had entry 50") && reason.contains("ends at entry 1."))
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        fixture.replica.status.publish(consensusFailure: reason)
        var outputs: [ApplyOutput] = []
        role.run([], now: StandingClock().now(), outputs: &outputs)
        let events = outputs.compactMap { output -> ReplicaEvent? in
            if case .event(let event) = output { event } else { nil }
        }
        #expect(events == [.failed(reason)])
    }
}
