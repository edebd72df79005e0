//  How /v2/stats and /debug/vars name a raft role.

import Raft

extension RaftRole {
    var statisticsText: String {
        switch self {
        case .follower: "StateFollower"
        case .preCandidate: "StatePreCandidate"
        case .candidate: "StateCandidate"
        case .leader: "StateLeader"
        }
    }
}
