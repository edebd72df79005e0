//  The v3 lease calls. Grants and revokes go through the log; renewals are the leader's alone.

import EtcdAuth
import EtcdLease
import EtcdMVCC
import EtcdMembership
package import EtcdProto
import Raft
package import RuntimeCore

/// Who can answer a question about a lease.
package enum LeaseAnswer<Value: Sendable>: Sendable {
    case here(Value)
    /// It is valid once this request is applied, which `.v3(.leaseCheckpoint)` tells.
    case afterCheckpoint(RequestID, Value)
    /// Ask again when `.barrier` has arrived for this request, as one that is confirmed.
    case afterBarrier(RequestID)
    /// The leader can: its peer URLs.
    case forward([String])
    case failed(ServerError)
}

extension RequestHandler {
    /// A request without an id gets one.
    package func leaseGrant(
        _ request: LeaseGrantRequest, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        var request = request
        if let refusal = refusalOfStranger(context) { return .failure(refusal) }
        while request.id == 0 { request.id = Int64(makeID().rawValue & UInt64(Int64.max)) }
        guard admits(SpaceQuota.costOfLease) else { return .failure(.databaseSpaceExceeded) }
        return propose(.leaseGrant(request), context, address)
    }

    package func leaseRevoke(
        _ request: LeaseRevokeRequest, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        if let refusal = refusalOfStranger(context) { return .failure(refusal) }
        return propose(.leaseRevoke(request), context, address)
    }

    // MARK: who may (spec grpc-v3 8)

    /// Whoever keeps a lease alive keeps its keys.
    package func refusalOfRenewal(_ id: Int64, _ context: CallContext) -> ServerError? {
        guard v3.auth.isEnabled else { return nil }
        return refusalOfStranger(context) ?? refusal(context) { $0.refusalOfWrites(toLease: id) }
    }

    /// Whether the caller may see these keys, which another member has named.
    package func refusalOfReading(_ keys: [Bytes], _ context: CallContext) -> ServerError? {
        guard v3.auth.isEnabled, !keys.isEmpty else { return nil }
        return refusal(context) { $0.refusal(.read, ofKeys: keys) }
    }

    /// The list shows every lease, so it takes the right to see what each holds.
    package func refusalOfList(_ context: CallContext) -> ServerError? {
        guard v3.auth.isEnabled else { return nil }
        let leases = v3.lessor.leases()
        return refusalOfStranger(context)
            ?? refusal(context) { checks in
                for lease in leases {
                    if let refusal = checks.refusalOfReads(ofLease: lease) { return refusal }
                }
                return nil
            }
    }

    /// Starts the lease's time anew. The answer's TTL is 0 when there is no such lease.
    ///
    /// - Parameters:
    ///   - isConfirmed: whether this member led, and had applied everything, after the question
    ///     was asked. Without that it cannot say that there is no such lease, and answers nothing
    ///     at all while it may have been deposed.
    ///   - address: asked for only if the answer has to wait.
    package func leaseRenew(
        _ id: Int64, isConfirmed: Bool = false, address: () -> ReplyAddress
    ) -> LeaseAnswer<LeaseKeepAliveResponse> {
        // Read before renewing, as in etcd.
        var response = LeaseKeepAliveResponse()
        response.header = header(revision: v3.reader.currentRevision)
        response.id = id
        guard status.role == .leader else {
            return leaderURLs.map { .forward($0) } ?? .failed(.noLeader)
        }
        let now = clock.monotonic()
        let knowsAll = isConfirmed || status.leadsUndisputed
        // Another leader may have ended the lease while this one stood still.
        guard knowsAll || status.leads(at: now) else { return afterBarrier(address) }
        switch v3.lessor.renew(id, now: now) {
        case .renewed(let ttl):
            v3.metrics.leasesRenewed.add()
            response.ttl = ttl
            return .here(response)
        case .renewedOnceApplied(let ttl, let checkpoint):
            response.ttl = ttl
            let request = LeaseCheckpointRequest(checkpoints: [checkpoint])
            switch propose(
                .leaseCheckpoint(request), basis: .leadership, CallContext(), address())
            {
            case .success(let id): return .afterCheckpoint(id, response)
            case .failure(let error): return .failed(error)
            }
        case .notFound:
            // Its time is up, but it is not gone yet: the client waits for that, as in etcd.
            if v3.lessor.contains(id) { return .failed(.notPrimaryLessor) }
            return knowsAll ? .here(response) : afterBarrier(address)
        case .notPrimary: return .failed(.notPrimaryLessor)
        }
    }

    /// A question that must be asked again when it is certain who leads, and what that one knows.
    private func afterBarrier<Value: Sendable>(_ address: () -> ReplyAddress)
        -> LeaseAnswer<Value>
    {
        switch linearizableBarrier(address: address()) {
        case .success(let barrier): .afterBarrier(barrier)
        case .failure(let error): .failed(error)
        }
    }

    /// The answer's TTL is -1 when there is no such lease.
    ///
    /// - Parameters:
    ///   - context: `nil` for another member, which has checked its client itself.
    ///   - isConfirmed: as for `leaseRenew`.
    ///   - address: asked for only if the answer has to wait.
    package func leaseTimeToLive(
        _ request: LeaseTimeToLiveRequest, context: CallContext?, isConfirmed: Bool = false,
        address: () -> ReplyAddress
    ) -> LeaseAnswer<LeaseTimeToLiveResponse> {
        if let context, let refusal = refusalOfStranger(context) { return .failed(refusal) }
        if request.keys, let context,
            let refusal = refusal(context, { $0.refusalOfReads(ofLease: request.id) })
        {
            return .failed(refusal)
        }
        guard status.role == .leader else {
            return leaderURLs.map { .forward($0) } ?? .failed(.noLeader)
        }
        let now = clock.monotonic()
        let knowsAll = isConfirmed || status.leadsUndisputed
        guard knowsAll || status.leads(at: now) else { return afterBarrier(address) }
        var response = LeaseTimeToLiveResponse()
        response.header = header(revision: v3.reader.currentRevision)
        response.id = request.id
        if let view = v3.lessor.timeToLive(request.id, withKeys: request.keys, now: now) {
            response.ttl = view.ttl
            response.grantedTTL = view.grantedTTL
            response.keys = view.keys
            return .here(response)
        }
        response.ttl = -1
        return knowsAll ? .here(response) : afterBarrier(address)
    }

    package func leaseLeases() -> LeaseLeasesResponse {
        var response = LeaseLeasesResponse()
        response.header = header(revision: v3.reader.currentRevision)
        response.leases = v3.lessor.leases().map { LeaseStatus(id: $0) }
        return response
    }

    /// Where the leader hears its peers; `nil` when none is known, or this member is it.
    package var leaderURLs: [String]? {
        let leader = status.leader
        guard leader != .none, leader != members.localID else { return nil }
        return members.member(leader)?.peerURLs
    }
}
