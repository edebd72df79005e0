//  The v3 key-value calls. Writes go through the log; reads are served where they arrive, after a
//  barrier when they must be linearizable.

import EtcdAuth
import EtcdBackend
import EtcdMVCC
import EtcdMembership
package import EtcdProto
import Raft
import RuntimeCore

/// Who calls.
package struct CallContext: Sendable {
    package var token: String?
    /// Common name of the verified client certificate, if there is one.
    package var commonName: String?

    package init(token: String? = nil, commonName: String? = nil) {
        self.token = token
        self.commonName = commonName
    }
}

/// When a read may be served.
package enum ReadStart: Sendable {
    case now
    /// When the reply to a `linearizableBarrier` has arrived that was asked for after this.
    case afterBarrier
}

/// How a transaction is served.
package enum TxnStart: Sendable {
    /// `.v3(.txn)` will arrive.
    case proposed(RequestID)
    /// It changes nothing: call `readTxn`.
    case read(ReadStart)
}

extension RequestHandler {
    /// The header of an answer that names no revision of its own.
    package func header(revision: Int64) -> ResponseHeader {
        var header = ResponseHeader()
        header.clusterID = members.clusterID
        header.memberID = members.localID.rawValue
        header.raftTerm = status.term.rawValue
        header.revision = revision
        return header
    }

    package var isLearner: Bool { members.isLocalLearner }

    // MARK: writes

    package func put(_ request: PutRequest, context: CallContext, address: ReplyAddress)
        -> Result<RequestID, ServerError>
    {
        if let refusal = RequestChecks.check(request) { return .failure(refusal) }
        guard admits(SpaceQuota.cost(request)) else { return .failure(.databaseSpaceExceeded) }
        return propose(.put(request), context, address)
    }

    package func deleteRange(
        _ request: DeleteRangeRequest, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        if let refusal = RequestChecks.check(request) { return .failure(refusal) }
        return propose(.deleteRange(request), context, address)
    }

    package func compact(
        _ request: CompactionRequest, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        if let refusal = refusalOfAdministration(context) { return .failure(refusal) }
        return propose(.compaction(request), context, address)
    }

    /// - Parameter address: asked for only if the transaction is proposed.
    package func txn(
        _ request: TxnRequest, context: CallContext, address: @autoclosure () -> ReplyAddress
    ) -> Result<TxnStart, ServerError> {
        if let refusal = RequestChecks.check(
            request, operationsMax: settings.maxTxnOperations)
        {
            return .failure(refusal)
        }
        if RequestChecks.isReadOnly(request) {
            return startRead(isLocal: RequestChecks.isSerializable(request)).map { .read($0) }
        }
        let cost = SpaceQuota.cost(request)
        if cost > 0, !admits(cost) { return .failure(.databaseSpaceExceeded) }
        return propose(.txn(request), context, address()).map { .proposed($0) }
    }

    // MARK: reads

    /// When this may be read. Whether the caller may read it at all is told then (`readRange`):
    /// this member may not have heard yet of what was granted before the call.
    package func range(_ request: RangeRequest) -> Result<ReadStart, ServerError> {
        if let refusal = RequestChecks.check(request) { return .failure(refusal) }
        return startRead(isLocal: request.serializable)
    }

    package func readRange(_ request: RangeRequest, context: CallContext)
        -> Result<RangeResponse, ServerError>
    {
        // The rules may change while the read is served.
        let rules = v3.auth.revision
        if let refusal = refusal(context, { $0.refusal(of: request) }) {
            return .failure(refusal)
        }
        let start = clock.monotonic()
        do throws(MVCCError) {
            v3.metrics.ranges.add()
            var response = try v3.reader.range(request, answerBytesMax: Limits.answerBytesMax)
            v3.metrics.rangesSucceeded.observe(
                nanoseconds: clock.monotonic().nanoseconds(since: start))
            if v3.auth.isEnabled, v3.auth.revision != rules { return .failure(.authRevisionOld) }
            response.header = header(revision: response.header?.revision ?? 0)
            return .success(response)
        } catch {
            v3.metrics.rangesFailed.observe(
                nanoseconds: clock.monotonic().nanoseconds(since: start))
            return .failure(ServerError(error))
        }
    }

    package func readTxn(_ request: TxnRequest, context: CallContext)
        -> Result<TxnResponse, ServerError>
    {
        let rules = v3.auth.revision
        if let refusal = refusal(context, { $0.refusal(of: request) }) {
            return .failure(refusal)
        }
        do throws(MVCCError) {
            var response = try v3.reader.readTxn(request, answerBytesMax: Limits.answerBytesMax)
            if v3.auth.isEnabled, v3.auth.revision != rules { return .failure(.authRevisionOld) }
            response.header = header(revision: response.header?.revision ?? 0)
            v3.metrics.count(request, succeeded: response.succeeded)
            return .success(response)
        } catch {
            return .failure(ServerError(error))
        }
    }

    func startRead(isLocal: Bool) -> Result<ReadStart, ServerError> {
        if isLocal { return status.isStopping ? .failure(.stopped) : .success(.now) }
        if status.leadsUndisputed, !status.isStopping { return .success(.now) }
        if isLearner { return .failure(.learnerNotSupported) }
        return .success(.afterBarrier)
    }

    // MARK: proposing

    /// Puts a v3 request into the log. Reply: `.v3`.
    func propose(
        _ kind: InternalRaftRequest.Kind, basis: Proposal.Basis = .wish, _ context: CallContext,
        _ address: ReplyAddress?
    ) -> Result<RequestID, ServerError> {
        if isLearner { return .failure(.learnerNotSupported) }
        switch authInfo(context) {
        case .failure(let error): return .failure(error)
        case .success(let sender):
            let id = makeID()
            return propose(id, encode(kind, id, sender), basis: basis, address: address)
        }
    }

    private func encode(
        _ kind: InternalRaftRequest.Kind, _ id: RequestID, _ sender: AuthInfo
    ) -> Bytes {
        let header = RequestHeader(
            id: id.rawValue, username: sender.username, authRevision: sender.revision)
        let request = InternalRaftRequest(header: header, kind: kind)
        var data: [UInt8] = []
        request.encode(into: &data)
        return Bytes(data)
    }

    /// False when the database has no room for a request of this cost; then the alarm is raised.
    func admits(_ cost: Int) -> Bool {
        if v3.quota.admits(cost: cost, size: v3.backend.sizeBytes) { return true }
        raiseNoSpace()
        return false
    }

    private func raiseNoSpace() {
        let alarm = AlarmMember(memberID: members.localID.rawValue, alarm: .nospace)
        if v3.alarms.contains(alarm) { return }
        var request = AlarmRequest()
        request.action = .activate
        request.memberID = alarm.memberID
        request.alarm = alarm.alarm
        let id = makeID()
        let expires = clock.monotonic().advanced(byMilliseconds: requestTimeoutMilliseconds)
        // Nobody waits: whoever is refused next raises it again if this one is lost.
        _ = consensus.post(
            .propose(
                Proposal(
                    id: 0, payload: .normal(encode(.alarm(request), id, AuthInfo())),
                    expires: expires)))
    }
}
