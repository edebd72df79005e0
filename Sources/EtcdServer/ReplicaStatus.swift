//  Facts about the replica that anybody may read at any time without asking a role.

package import Raft
package import RuntimeCore
import Synchronization

/// Written by the roles only; each value is current on its own, they are not
/// a consistent set.
package final class ReplicaStatus: Sendable {
    private let leaderValue = Atomic<UInt64>(0)
    private let termValue = Atomic<UInt64>(0)
    private let committedValue = Atomic<UInt64>(0)
    private let appliedValue = Atomic<UInt64>(0)
    private let roleValue = Atomic<UInt8>(0)
    private let leaderChangesValue = Atomic<UInt64>(0)
    private let stoppingValue = Atomic<Bool>(false)
    private let leaderLostValue = Atomic<UInt64>(0)
    private let storageFullValue = Atomic<Bool>(false)
    private let databaseFullValue = Atomic<Bool>(false)
    private let undisputedValue = Atomic<Bool>(false)
    private let leadsUntilValue = Atomic<UInt64>(0)
    private let quickLogValue = Atomic<Bool>(false)
    private let lastTickValue = Atomic<UInt64>(0)
    private let consensusFailureValue = Mutex<String?>(nil)

    package init() {}

    /// `.none` while no leader is known.
    package var leader: MemberID { MemberID(leaderValue.load(ordering: .acquiring)) }
    package var term: Term { Term(termValue.load(ordering: .acquiring)) }
    package var committed: LogIndex { LogIndex(committedValue.load(ordering: .acquiring)) }
    package var applied: LogIndex { LogIndex(appliedValue.load(ordering: .acquiring)) }
    package var leaderChanges: UInt64 { leaderChangesValue.load(ordering: .relaxed) }
    package var isStopping: Bool { stoppingValue.load(ordering: .acquiring) }

    /// The disk of the log or that of the database refuses to take more: writes are turned away
    /// until it has room again.
    package var isStorageFull: Bool {
        storageFullValue.load(ordering: .acquiring) || isDatabaseFull
    }
    /// The disk of the database refuses: what it lacks gathers in memory.
    var isDatabaseFull: Bool { databaseFullValue.load(ordering: .acquiring) }
    /// This member leads and is the only voter: nobody else can have accepted a write that it does
    /// not know, so that its applied state is as good as a confirmed one. Ends before a vote or a
    /// change of the membership that would end it can have an effect.
    package var leadsUndisputed: Bool { undisputedValue.load(ordering: .acquiring) }
    /// This member leads as far as it knows, and has ticked so recently that it has not stood
    /// still. As with etcd, that does not say that nobody else leads: one that is cut off from its
    /// quorum ticks on time, and learns of it within two election timeouts, while others may elect
    /// somebody after one. When this is false although `role` says that it leads, a barrier tells
    /// whether that is still so.
    package func leads(at now: Instant) -> Bool {
        role == .leader && now.nanoseconds < leadsUntilValue.load(ordering: .acquiring)
    }
    /// The log's device takes so little time that waiting for it holds nobody up.
    package var isLogQuick: Bool { quickLogValue.load(ordering: .relaxed) }
    /// When the consensus role last ticked, which it does as long as its thread gets on; `nil`
    /// before the first time.
    package var lastTickAt: Instant? {
        let value = lastTickValue.load(ordering: .relaxed)
        return value == 0 ? nil : Instant(nanoseconds: value)
    }
    /// When this member last lost its leader; `nil` if it never did.
    package var leaderLostAt: Instant? {
        let value = leaderLostValue.load(ordering: .relaxed)
        return value == 0 ? nil : Instant(nanoseconds: value)
    }

    /// Why the consensus role cannot go on; the apply role then ends the member.
    var consensusFailure: String? { consensusFailureValue.withLock { $0 } }

    package var role: RaftRole {
        switch roleValue.load(ordering: .acquiring) {
        case 1: .preCandidate
        case 2: .candidate
        case 3: .leader
        default: .follower
        }
    }

    func publish(leader: MemberID, role: RaftRole) {
        let previous = leaderValue.exchange(leader.rawValue, ordering: .acquiringAndReleasing)
        if leader != .none, previous != leader.rawValue {
            leaderChangesValue.wrappingAdd(1, ordering: .relaxed)
        }
        let code: UInt8 =
            switch role {
            case .follower: 0
            case .preCandidate: 1
            case .candidate: 2
            case .leader: 3
            }
        roleValue.store(code, ordering: .releasing)
    }

    func publish(term: Term, committed: LogIndex) {
        termValue.store(term.rawValue, ordering: .releasing)
        committedValue.store(committed.rawValue, ordering: .releasing)
    }

    func publish(leadsUndisputed: Bool) {
        undisputedValue.store(leadsUndisputed, ordering: .releasing)
    }

    func publish(leadsUntil instant: Instant) {
        leadsUntilValue.store(instant.nanoseconds, ordering: .releasing)
    }

    func publish(applied: LogIndex) { appliedValue.store(applied.rawValue, ordering: .releasing) }

    func publishTick(at instant: Instant) {
        lastTickValue.store(instant.nanoseconds, ordering: .relaxed)
    }

    /// The first reason stays.
    func publish(consensusFailure reason: String) {
        consensusFailureValue.withLock { $0 = $0 ?? reason }
    }

    func publishLeaderLost(at instant: Instant) {
        leaderLostValue.store(instant.nanoseconds, ordering: .relaxed)
    }

    /// The log's disk.
    func publish(storageFull: Bool) { storageFullValue.store(storageFull, ordering: .releasing) }

    func publish(databaseFull: Bool) { databaseFullValue.store(databaseFull, ordering: .releasing) }

    func publish(isLogQuick: Bool) { quickLogValue.store(isLogQuick, ordering: .relaxed) }

    package func publishStopping() { stoppingValue.store(true, ordering: .releasing) }
}
