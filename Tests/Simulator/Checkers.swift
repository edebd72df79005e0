//  The guarantees of the log, watched while the run goes on.

import EtcdServer
import Raft
import RuntimeCore

struct Checkers {
    /// What the log means for the v3 key space.
    var oracle: KVOracle
    private struct Place: Hashable {
        let term: Term
        let digest: UInt64
    }

    private var leaders: [Term: MemberID] = [:]
    private var committed: [LogIndex: Place] = [:]
    private(set) var highestCommitted: LogIndex = 0

    init(minimumLeaseSeconds: Int64) {
        oracle = KVOracle(minimumLeaseSeconds: minimumLeaseSeconds)
    }

    /// At most one leader per term (thesis 3.2: election safety).
    mutating func observe(_ status: ReplicaStatus, of member: SimulatedMember) throws {
        guard status.role == .leader else { return }
        let known = leaders[status.term]
        if let known, known != member.id {
            throw Violation(
                description: "two leaders in term \(status.term): \(known) and \(member.id)")
        }
        leaders[status.term] = member.id
    }

    /// The same entry at the same index everywhere (state machine safety), in order, none skipped.
    mutating func applied(_ entries: [Entry], by member: SimulatedMember, now: UInt64) throws {
        for entry in entries {
            let place = Place(term: entry.term, digest: digest(entry))
            if let known = committed[entry.index], known != place {
                throw Violation(
                    description: "index \(entry.index) was applied as term \(known.term), and by "
                        + "m\(member.number) as term \(entry.term) or with other content")
            }
            committed[entry.index] = place
            highestCommitted = max(highestCommitted, entry.index)
            try oracle.take(entry, now: now)
        }
    }

    /// A restarted member may be behind, but what it holds must agree with what was committed.
    mutating func restarted(_ member: SimulatedMember) throws {
        guard let process = member.process else { return }
        if process.replica.status.applied > highestCommitted {
            throw Violation(
                description: "m\(member.number) restarts with a snapshot beyond what was committed")
        }
        try StartChecks.check(process, member: member.number)
        try oracle.checkState(of: process, member: member.number, "restarted")
    }

    private func digest(_ entry: Entry) -> UInt64 {
        entry.data.withUnsafeBytes { FNV1a.hash($0) } ^ entry.kind.rawValue
    }
}
