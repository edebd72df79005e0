//  What the raft core did, in the lines that monitoring of etcd looks for (spec operations 2.1).

import Logging
import Raft

/// Writes the events of one member's core to its log.
struct RaftEventLog {
    let id: MemberID
    let logger: Logger

    func write(_ event: RaftEvent) {
        switch event {
        case .startedElection(let term):
            logger.info("\(id) is starting a new election at term \(term)")
        case .becameFollower(let term):
            logger.info("\(id) became follower at term \(term)")
        case .becamePreCandidate(let term):
            logger.info("\(id) became pre-candidate at term \(term)")
        case .becameCandidate(let term):
            logger.info("\(id) became candidate at term \(term)")
        case .becameLeader(let term):
            logger.info("\(id) became leader at term \(term)")
        case .leaderElected(let leader, let term):
            logger.info("raft.node: \(id) elected leader \(leader) at term \(term)")
        case .leaderLost(let leader, let term):
            logger.info("raft.node: \(id) lost leader \(leader) at term \(term)")
        case .quorumLost(let term):
            logger.warning(
                "\(id) stepped down to follower since quorum is not active at term \(term)")
        case .startedTransfer(let target):
            logger.info("\(id) starts leadership transfer to \(target)")
        case .abortedTransfer(let target):
            logger.info("\(id) gave up leadership transfer to \(target)")
        case .ignoredConfChange(let reason):
            logger.warning("\(id) ignored a membership change: \(reason)")
        case .droppedInvalidMessage(let sender, let kind):
            logger.warning("\(id) dropped an invalid \(kind) message from \(sender)")
        case .lostEntries(let committed, let last):
            logger.critical(
                "\(id) has lost entries that it acknowledged",
                metadata: ["committed": "\(committed)", "last-index": "\(last)"])
        }
    }
}

extension RaftEvent {
    /// Why the member must end after this, and what to do then; `nil` if it need not.
    var failure: String? {
        guard case .lostEntries(let committed, let last) = self else { return nil }
        return """
            this member no longer has log entries that it acknowledged: the leader knows that it \
            had entry \(committed), which is committed, but its log ends at entry \(last). Its \
            disk has lost what was written, or its data directory was replaced by an older copy \
            or emptied. It cannot go on with it, because its votes could lose entries of the \
            whole cluster: remove the member (member remove), empty its data directory, and add \
            it again (member add)
            """
    }
}
