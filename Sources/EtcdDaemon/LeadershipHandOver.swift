//  A leader that stops hands over first, so that the others need not wait for an election timeout.

import EtcdMembership
import EtcdServer
import EtcdTransport
import Logging
import Raft
import RuntimeCore

struct LeadershipHandOver: Sendable {
    let parts: MemberParts
    let logger: Logger
    private static let pollMilliseconds: UInt64 = 10

    /// Returns when another member leads, or after the request time limit.
    func run() async {
        let status = parts.replica.status
        guard status.role == .leader else { return }
        guard let target = longestConnectedVoter() else {
            logger.info(
                "skipped leadership transfer; no other voter can be reached",
                metadata: ["local-member-id": "\(parts.members.localID)"])
            return
        }
        logger.info(
            "leadership transfer starting",
            metadata: [
                "local-member-id": "\(parts.members.localID)",
                "transferee-member-id": "\(target)",
            ])
        parts.handler.transferLeadership(to: target)
        let limit = parts.handler.requestTimeoutMilliseconds / LeadershipHandOver.pollMilliseconds
        for _ in 0..<limit {
            if status.leader != parts.members.localID, status.leader != .none {
                logger.info(
                    "leadership transfer finished",
                    metadata: ["current-leader-member-id": "\(status.leader)"])
                return
            }
            try? await Task.sleep(for: .milliseconds(LeadershipHandOver.pollMilliseconds))
        }
        logger.warning("leadership transfer took too long; stopping all the same")
    }

    private func longestConnectedVoter() -> MemberID? {
        let others = parts.members.list.filter {
            !$0.isLearner && $0.id != parts.members.localID
        }
        let connected = others.compactMap { member in
            parts.transport.activeSince(member.id).map { (member.id, $0) }
        }
        return connected.min { $0.1 < $1.1 }?.0
    }
}
