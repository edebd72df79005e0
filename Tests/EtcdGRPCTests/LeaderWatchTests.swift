//  When calls that insist on a leader are ended.

import EtcdEdge
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import EtcdGRPC

private final class WatchedCall: InterruptibleCall {
    private(set) var interruptions = 0

    func interrupt(_ status: GRPCStatus) { interruptions += 1 }
}

@Suite("watch over the leader", .timeLimit(.minutes(1)))
struct LeaderWatchTests {
    @Test("what was missed before a time without calls does not count against later ones")
    func idleTime() {
        let loop = EmbeddedEventLoop()
        let facts = ChangingFacts()
        facts.leader.store(false, ordering: .relaxed)
        let watch = LeaderWatch(facts: facts, edge: HTTPEdges([loop]).all[0])
        let early = WatchedCall()
        watch.add(early)
        // One miss with the call, and one after it, when nobody is left.
        loop.advanceTime(by: .milliseconds(1_500))
        watch.remove(early)
        loop.advanceTime(by: .seconds(60))
        #expect(early.interruptions == 0)
        let late = WatchedCall()
        watch.add(late)
        loop.advanceTime(by: .milliseconds(2_500))
        #expect(late.interruptions == 0)
        loop.advanceTime(by: .milliseconds(1_500))
        #expect(late.interruptions == 1)
    }
}
