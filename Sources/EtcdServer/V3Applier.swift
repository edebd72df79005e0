//  One committed v3 request at a time: what it does to the key space, and what its sender is told.
//  The same on every member, errors included; only what a full disk says differs.

import EtcdAuth
import EtcdBackend
import EtcdLease
import EtcdMVCC
import EtcdMembership
import EtcdProto
import Raft
import RuntimeCore

struct V3Applier {
    enum Answer {
        case now(Result<V3Result, ServerError>)
        /// When the running compaction is finished and committed.
        case afterCompaction(CompactionResponse)
    }

    let keyspace: V3Keyspace
    let members: MemberDirectory
    let status: ReplicaStatus
    let now: Instant
    let index: LogIndex
    /// 0 when nobody waits here: what is asked for besides the change need not be collected.
    let answerBytesMax: Int
    /// Who sent the request, as its log entry says.
    var sender = AuthInfo()
    /// Set when the database has outgrown its quota: this member must raise the alarm.
    var outgrewQuota = false
    /// Set when the state cannot be trusted any more: going on would make members differ.
    var damage: String?

    init(
        keyspace: V3Keyspace, members: MemberDirectory, status: ReplicaStatus, now: Instant,
        index: LogIndex, hasWaiter: Bool
    ) {
        self.index = index
        answerBytesMax = hasWaiter ? Limits.answerBytesMax : 0
        self.keyspace = keyspace
        self.members = members
        self.status = status
        self.now = now
    }

    /// `nil` when this is no request of the v3 API.
    mutating func apply(_ request: InternalRaftRequest) -> Answer? {
        if let header = request.header {
            sender = AuthInfo(username: header.username, revision: header.authRevision)
        }
        if let refusal = refusal(of: request.kind) { return .now(.failure(refusal)) }
        return switch request.kind {
        case .put(let put): .now(self.put(put))
        case .txn(let txn): .now(self.txn(txn))
        case .deleteRange(let delete): .now(deleteRange(delete))
        case .range(let range): .now(self.range(range))
        case .compaction(let compaction): compact(compaction)
        case .leaseGrant(let grant): .now(leaseGrant(grant))
        case .leaseRevoke(let revoke): .now(leaseRevoke(revoke))
        case .leaseCheckpoint(let checkpoint): .now(leaseCheckpoint(checkpoint))
        case .alarm(let alarm): .now(self.alarm(alarm))
        case .downgradeInfoSet(let info): .now(downgrade(info))
        default: applyAuth(request.kind).map { .now($0) }
        }
    }

    // MARK: keys

    private mutating func put(_ request: PutRequest) -> Result<V3Result, ServerError> {
        if let refusal = writeRefusal { return .failure(refusal) }
        let fits = admits(SpaceQuota.cost(request))
        return answer(fits: fits) { (own: V3Applier) throws(MVCCError) in
            own.keyspace.views.metrics.count(request)
            var response = try own.keyspace.store.put(
                request, leases: own.keyspace.attachments, answerBytesMax: own.answerBytesMax)
            own.complete(&response.header)
            return .put(response)
        }
    }

    private mutating func txn(_ request: TxnRequest) -> Result<V3Result, ServerError> {
        if keyspace.alarms.isCorrupt { return .failure(.corrupt) }
        let cost = SpaceQuota.cost(request)
        if keyspace.alarms.isOutOfSpace, cost > 0 { return .failure(.databaseSpaceExceeded) }
        let fits = admits(cost)
        return answer(fits: fits) { (own: V3Applier) throws(MVCCError) in
            var response = try own.keyspace.store.txn(
                request, leases: own.keyspace.attachments, answerBytesMax: own.answerBytesMax)
            own.keyspace.views.metrics.count(request, succeeded: response.succeeded)
            own.complete(&response.header)
            return .txn(response)
        }
    }

    private mutating func deleteRange(_ request: DeleteRangeRequest) -> Result<
        V3Result, ServerError
    > {
        if keyspace.alarms.isCorrupt { return .failure(.corrupt) }
        return perform { (own: V3Applier) throws(MVCCError) in
            own.keyspace.views.metrics.deletes.add()
            var response = try own.keyspace.store.deleteRange(
                request, leases: own.keyspace.attachments, answerBytesMax: own.answerBytesMax)
            own.complete(&response.header)
            return .deleteRange(response)
        }
    }

    /// Old servers sent reads through the log.
    private mutating func range(_ request: RangeRequest) -> Result<V3Result, ServerError> {
        if keyspace.alarms.isCorrupt { return .failure(.corrupt) }
        // Nobody asks here, and nothing changes.
        if answerBytesMax == 0 { return .success(.range(RangeResponse())) }
        return perform { (own: V3Applier) throws(MVCCError) in
            var response = try own.keyspace.store.reader.range(
                request, answerBytesMax: own.answerBytesMax)
            own.complete(&response.header)
            return .range(response)
        }
    }

    private func compact(_ request: CompactionRequest) -> Answer {
        if keyspace.alarms.isCorrupt { return .now(.failure(.corrupt)) }
        do throws(MVCCError) {
            try keyspace.store.beginCompaction(at: request.revision)
        } catch {
            return .now(.failure(ServerError(error)))
        }
        var response = CompactionResponse()
        complete(&response.header)
        return request.physical ? .afterCompaction(response) : .now(.success(.compaction(response)))
    }

    // MARK: leases

    private mutating func leaseGrant(_ request: LeaseGrantRequest)
        -> Result<V3Result, ServerError>
    {
        if let refusal = writeRefusal { return .failure(refusal) }
        let fits = admits(SpaceQuota.costOfLease)
        do throws(LeaseError) {
            let ttl = try keyspace.lessor.grant(
                id: request.id, ttl: request.ttl, to: keyspace.backend, now: now)
            if !fits {
                outgrewQuota = true
                return .failure(.databaseSpaceExceeded)
            }
            keyspace.views.metrics.leasesGranted.add()
            keyspace.views.metrics.leaseTTL.observe(Double(ttl))
            var response = LeaseGrantResponse()
            complete(&response.header)
            response.id = request.id
            response.ttl = ttl
            return .success(.leaseGrant(response))
        } catch {
            return .failure(ServerError(error))
        }
    }

    private mutating func leaseRevoke(_ request: LeaseRevokeRequest) -> Result<
        V3Result, ServerError
    > {
        if keyspace.alarms.isCorrupt { return .failure(.corrupt) }
        let keys: [Bytes]
        do throws(LeaseError) {
            keys = try keyspace.lessor.keys(of: request.id)
        } catch {
            return .failure(ServerError(error))
        }
        return perform { (own: V3Applier) throws(MVCCError) in
            try own.keyspace.store.deleteKeys(keys, leases: own.keyspace.attachments)
            own.keyspace.lessor.remove(request.id, from: own.keyspace.backend)
            own.keyspace.views.metrics.leasesRevoked.add()
            var response = LeaseRevokeResponse()
            own.complete(&response.header)
            return .leaseRevoke(response)
        }
    }

    private func leaseCheckpoint(_ request: LeaseCheckpointRequest)
        -> Result<V3Result, ServerError>
    {
        for each in request.checkpoints {
            keyspace.lessor.checkpoint(
                id: each.id, remainingTTL: each.remainingTTL, backend: keyspace.backend,
                persists: keyspace.settings.persistsLeaseCheckpoints)
        }
        return .success(.leaseCheckpoint)
    }

    // MARK: alarms, downgrade

    private func alarm(_ request: AlarmRequest) -> Result<V3Result, ServerError> {
        var response = AlarmResponse()
        let alarm = AlarmMember(memberID: request.memberID, alarm: request.alarm)
        switch request.action {
        case .get:
            response.alarms = keyspace.alarms.list(request.alarm)
        case .activate where request.alarm != .none:
            keyspace.alarms.activate(alarm, in: keyspace.backend)
            response.alarms = [alarm]
        case .deactivate:
            if keyspace.alarms.deactivate(alarm, in: keyspace.backend) {
                response.alarms = [alarm]
            }
        default:
            break
        }
        complete(&response.header)
        return .success(.alarm(response))
    }

    private func downgrade(_ request: DowngradeInfoSetRequest) -> Result<V3Result, ServerError> {
        keyspace.set(
            DowngradeState(
                targetVersion: request.enabled ? request.ver : "", isEnabled: request.enabled))
        var response = DowngradeResponse()
        complete(&response.header)
        response.version = members.clusterVersion ?? ""
        return .success(.downgrade(response))
    }

    // MARK: private steps

    /// Why nothing may be added at present.
    private var writeRefusal: ServerError? {
        if keyspace.alarms.isCorrupt { return .corrupt }
        return keyspace.alarms.isOutOfSpace ? .databaseSpaceExceeded : nil
    }

    private func admits(_ cost: Int) -> Bool {
        keyspace.views.quota.admits(cost: cost, size: keyspace.views.backend.sizeBytes)
    }

    /// Runs a write and hands its events on. A write that no longer fits is done all the same,
    /// since the others may have room for it, but its sender hears of the quota.
    private mutating func answer(
        fits: Bool, _ body: (V3Applier) throws(MVCCError) -> V3Result
    ) -> Result<V3Result, ServerError> {
        let result = perform(body)
        if fits { return result }
        switch result {
        case .success, .failure(.answerTooLarge):
            outgrewQuota = true
            return .failure(.databaseSpaceExceeded)
        case .failure: return result
        }
    }

    private mutating func perform(_ body: (V3Applier) throws(MVCCError) -> V3Result)
        -> Result<V3Result, ServerError>
    {
        do throws(MVCCError) {
            let result = try body(self)
            keyspace.publishEvents()
            return .success(result)
        } catch {
            switch error {
            case .corrupt, .unavailable: damage = "\(error)"
            case .answerTooLarge: keyspace.publishEvents()
            default: break
            }
            return .failure(ServerError(error))
        }
    }

    /// Ids and term, and the revision unless the store has given one.
    func complete(_ header: inout ResponseHeader?) {
        var full = header ?? ResponseHeader()
        full.clusterID = members.clusterID
        full.memberID = members.localID.rawValue
        full.raftTerm = status.term.rawValue
        if full.revision == 0 { full.revision = keyspace.store.reader.currentRevision }
        header = full
    }
}

extension ServerError {
    init(_ error: MVCCError) {
        switch error {
        case .compacted: self = .compacted
        case .futureRevision: self = .futureRevision
        case .leaseNotFound: self = .leaseNotFound
        case .keyNotFound: self = .keyNotFound
        case .answerTooLarge(let bytesMax): self = .answerTooLarge(bytesMax: bytesMax)
        // A member that takes a snapshot over is behind for a moment: clients ask again.
        case .unavailable: self = .timeoutWaitingForApply
        case .corrupt: self = .other("\(error)")
        }
    }

    init(_ error: LeaseError) {
        switch error {
        case .notFound: self = .leaseNotFound
        case .exists: self = .leaseExists
        case .ttlTooLarge: self = .leaseTTLTooLarge
        case .notPrimary: self = .notPrimaryLessor
        case .corrupt(let reason): self = .other(reason)
        }
    }
}
