import Testing

@testable import Raft

@Suite("Quorum")
struct QuorumTests {
    @Test("an empty half never holds the other back")
    func emptyHalf() {
        #expect(Majority.tally(of: [], votes: { _ in nil }) == .won)
    }
}
