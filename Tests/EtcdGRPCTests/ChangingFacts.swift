//  A member whose leader comes and goes.

import Synchronization

@testable import EtcdGRPC

final class ChangingFacts: MemberFacts {
    let leader = Atomic<Bool>(true)

    var knowsLeader: Bool { leader.load(ordering: .relaxed) }
    var isLearner: Bool { false }
    var electionMilliseconds: UInt64 { 1_000 }
    func awaits(token: String) -> Bool { false }
}
