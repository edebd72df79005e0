//  The one interface that front ends and simulated clients call. Every call may come from any
//  thread and returns at once; outcomes arrive at the caller's edge port.

package import EtcdMembership
package import EtcdProto
package import EtcdV2Store
package import Raft
package import RuntimeCore
import Synchronization

/// How well this member reaches the others; the peer transport knows.
package protocol PeerConnectivity: Sendable {
    /// Since when the peer has been reachable without a break; `nil` while it is not.
    func activeSince(_ id: MemberID) -> Instant?
}

/// Identifies a request from registration to reply, also in the log, where it carries the low bits
/// of the member that proposed it (spec peer-and-disk 1).
package struct RequestID: Sendable, Hashable {
    package let rawValue: UInt64
}

package final class RequestHandler: Sendable {
    package struct Settings: Sendable {
        package var electionMilliseconds: UInt64
        package var strictReconfigCheck: Bool
        package var maxRequestBytes: Int
        package var maxLearners: Int
        package var maxTxnOperations: Int
        /// Such as `3.5.33`.
        package var serverVersion: String

        package init(
            electionMilliseconds: UInt64, strictReconfigCheck: Bool, maxRequestBytes: Int,
            maxLearners: Int, maxTxnOperations: Int = 128, serverVersion: String = "3.5.33"
        ) {
            self.electionMilliseconds = electionMilliseconds
            self.strictReconfigCheck = strictReconfigCheck
            self.maxRequestBytes = maxRequestBytes
            self.maxLearners = maxLearners
            self.maxTxnOperations = maxTxnOperations
            self.serverVersion = serverVersion
        }
    }

    package let status: ReplicaStatus
    package let keyspace: V2Keyspace
    package let members: MemberDirectory
    package let registry: ProposalRegistry
    package let clock: any Clock
    package let settings: Settings
    package let v3: V3Views
    let consensus: any Port<ConsensusInput>
    let apply: any Port<ApplyInput>
    /// Passwords to be hashed or compared.
    let passwords: BoundedWork
    /// Hashes of the database.
    let scans: BoundedWork
    /// Reads that may take so long that other calls of their event loop should not wait.
    package let longReads: BoundedWork
    private let connectivity: any PeerConnectivity
    let nextStream = Atomic<UInt64>(0)
    private let ids: RequestIDs

    package init(
        settings: Settings, status: ReplicaStatus, keyspace: V2Keyspace, members: MemberDirectory,
        v3: V3Views, ids: RequestIDs, registry: ProposalRegistry, clock: any Clock,
        consensus: any Port<ConsensusInput>, apply: any Port<ApplyInput>,
        pools: WorkPools, connectivity: any PeerConnectivity
    ) {
        self.settings = settings
        self.status = status
        self.keyspace = keyspace
        self.members = members
        self.registry = registry
        self.clock = clock
        self.v3 = v3
        self.consensus = consensus
        self.apply = apply
        passwords = BoundedWork(on: pools.passwords, limit: Limits.passwordWorkMax)
        scans = BoundedWork(on: pools.scans, limit: Limits.scansMax)
        longReads = BoundedWork(on: pools.reads, limit: Limits.longReadsMax)
        self.connectivity = connectivity
        self.ids = ids
    }

    /// How long a request may take: 5 s and two election timeouts (7 s with defaults).
    package var requestTimeoutMilliseconds: UInt64 {
        Limits.requestTimeoutMilliseconds + 2 * settings.electionMilliseconds
    }

    // MARK: v2 keys

    /// Proposes a v2 write. The reply is `.v2` or `.failed`; after the caller's own deadline it
    /// calls `forget` and answers with `timeoutError`. Without an address nobody waits.
    package func proposeV2(_ request: V2Request, address: ReplyAddress?) -> Result<
        RequestID, ServerError
    > {
        var request = request
        let id = makeID()
        request.id = id.rawValue
        var data: [UInt8] = []
        data.reserveCapacity(96 + request.path.count + request.value.count)
        request.encode(into: &data)
        return propose(id, Bytes(data), address: address)
    }

    /// Asks for a point in time after which local reads are linearizable. Reply: `.barrier`.
    package func linearizableBarrier(address: ReplyAddress) -> Result<RequestID, ServerError> {
        let id = makeID()
        return submit(id, address: address) { expires in
            .readBarrier(id: id.rawValue, expires: expires)
        }
    }

    /// A read of the local tree.
    package func getV2(_ path: Bytes, recursive: Bool, sorted: Bool) -> Result<V2Event, V2Error> {
        keyspace.get(path, recursive: recursive, sorted: sorted, now: clock.now().wall)
    }

    // MARK: members

    /// Proposes a new member. Reply: `.members` (the new one has the id of the result).
    package func addMember(_ member: Member, address: ReplyAddress) -> Result<
        RequestID, ServerError
    > {
        if let refusal = refusalToAdd(member) { return .failure(refusal) }
        let id = makeID()
        return proposeConfChange(id, address: address) {
            ConfChange(
                id: id.rawValue, kind: member.isLearner ? .addLearnerNode : .addNode,
                node: member.id, context: Bytes(member.json()))
        }
    }

    package func removeMember(_ member: MemberID, address: ReplyAddress) -> Result<
        RequestID, ServerError
    > {
        if let refusal = refusalToRemove(member) { return .failure(refusal) }
        let id = makeID()
        return proposeConfChange(id, address: address) {
            ConfChange(id: id.rawValue, kind: .removeNode, node: member)
        }
    }

    package func updateMember(_ member: MemberID, peerURLs: [String], address: ReplyAddress)
        -> Result<RequestID, ServerError>
    {
        let updated = Member(id: member, peerURLs: peerURLs)
        let id = makeID()
        return proposeConfChange(id, address: address) {
            ConfChange(
                id: id.rawValue, kind: .updateNode, node: member, context: Bytes(updated.json()))
        }
    }

    /// Hands leadership to `target`; the outcome shows in `status`.
    package func transferLeadership(to target: MemberID) {
        _ = consensus.post(.transferLeadership(to: target))
    }

    // MARK: waiting

    /// The caller stops waiting for `id`; a late outcome is dropped. False when the reply is
    /// already on its way.
    @discardableResult
    package func forget(_ id: RequestID) -> Bool { registry.take(id.rawValue) != nil }

    /// The error for a request that has just used up its time.
    package func errorAfterFullTimeout() -> ServerError {
        let now = clock.monotonic().nanoseconds
        let limit = requestTimeoutMilliseconds * 1_000_000
        return timeoutError(start: Instant(nanoseconds: now > limit ? now - limit : 0))
    }

    /// The text for a request that began at `start` and has now waited too long, as etcd words it.
    package func timeoutError(start: Instant) -> ServerError {
        if status.isStopping { return .stopped }
        // What waits for the disk may still happen; the client learns at least why it waits.
        if status.isStorageFull { return .noSpace }
        if let lost = status.leaderLostAt {
            let window = 2 * settings.electionMilliseconds
            if lost.advanced(byMilliseconds: window) > start { return .timeoutDueToLeaderFailure }
        }
        let leader = status.leader
        if leader != .none, leader != members.localID, connectivity.activeSince(leader) == nil {
            return .timeoutDueToConnectionLost
        }
        return .timeout
    }

    // MARK: private steps

    func makeID() -> RequestID {
        RequestID(rawValue: ids.next())
    }

    func propose(
        _ id: RequestID, _ data: Bytes, basis: Proposal.Basis = .wish, address: ReplyAddress?
    ) -> Result<RequestID, ServerError> {
        if data.count > settings.maxRequestBytes { return .failure(.requestTooLarge) }
        if status.isStorageFull { return .failure(.noSpace) }
        let waiter = address == nil ? 0 : id.rawValue
        return submit(id, address: address) { expires in
            .propose(
                Proposal(id: waiter, payload: .normal(data), expires: expires, basis: basis))
        }
    }

    func proposeConfChange(
        _ id: RequestID, address: ReplyAddress, change: () -> ConfChange
    ) -> Result<RequestID, ServerError> {
        if status.isStorageFull { return .failure(.noSpace) }
        let change = change()
        return submit(id, address: address) { expires in
            .propose(Proposal(id: id.rawValue, payload: .confChange(change), expires: expires))
        }
    }

    func submit(
        _ id: RequestID, address: ReplyAddress?, input: (Instant) -> ConsensusInput
    ) -> Result<RequestID, ServerError> {
        if status.isStopping { return .failure(.stopped) }
        let unapplied = status.committed - status.applied
        if unapplied > Int(Limits.unappliedEntriesMax) { return .failure(.tooManyRequests) }
        let expires = clock.monotonic().advanced(byMilliseconds: requestTimeoutMilliseconds)
        if let address { registry.register(id.rawValue, address) }
        guard consensus.post(input(expires)) else {
            _ = registry.take(id.rawValue)
            return .failure(.tooManyRequests)
        }
        return .success(id)
    }

    /// etcd's strict-reconfig-check: a change must not be able to cost the quorum.
    private func refusalToAdd(_ member: Member) -> ServerError? {
        guard settings.strictReconfigCheck else { return nil }
        let current = members.list
        if !member.isLearner {
            let voters = current.filter { !$0.isLearner }
            let started = voters.filter(\.isStarted).count
            // One voter that has not published yet is the bootstrap of a single member.
            let isReady =
                (voters.count == 1 && started == 1) || started >= (voters.count + 1) / 2 + 1
            if !isReady { return .notEnoughStartedMembers }
        }
        let voters = current.filter { !$0.isLearner }
        return voters.allSatisfy(isConnected) ? nil : .unhealthyCluster
    }

    private func refusalToRemove(_ id: MemberID) -> ServerError? {
        guard settings.strictReconfigCheck else { return nil }
        let voters = members.list.filter { !$0.isLearner }
        guard voters.contains(where: { $0.id == id }) else { return nil }
        let remaining = voters.filter { $0.id != id }
        let started = remaining.filter(\.isStarted).count
        if started < remaining.count / 2 + 1 { return .notEnoughStartedMembers }
        // A victim that is down anyway may go.
        if id != members.localID, connectivity.activeSince(id) == nil { return nil }
        let active = voters.filter(isConnected).count
        return active - 1 < remaining.count / 2 + 1 ? .unhealthyCluster : nil
    }

    /// Reachable for longer than the health interval (5 s), as etcd asks.
    private func isConnected(to member: Member) -> Bool {
        if member.id == members.localID { return true }
        guard let since = connectivity.activeSince(member.id) else { return false }
        return clock.monotonic().nanoseconds(since: since) >= 5_000_000_000
    }
}
