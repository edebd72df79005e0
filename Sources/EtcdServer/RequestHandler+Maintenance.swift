//  The v3 maintenance calls: state of this member, alarms, hashes, the database as a file.

import EtcdBackend
import EtcdMVCC
import EtcdMembership
package import EtcdProto
import Raft
import RuntimeCore

extension RequestHandler {
    /// Served by learners too.
    package func statusResponse() -> StatusResponse {
        var response = StatusResponse()
        response.header = header(revision: v3.reader.currentRevision)
        response.version = settings.serverVersion
        response.dbSize = Int64(v3.backend.sizeBytes)
        response.dbSizeInUse = Int64(v3.backend.inUseBytes)
        response.leader = status.leader.rawValue
        response.raftIndex = status.committed.rawValue
        response.raftTerm = status.term.rawValue
        response.raftAppliedIndex = status.applied.rawValue
        response.isLearner = isLearner
        if status.leader == .none { response.errors.append(ServerError.noLeader.text) }
        for alarm in v3.alarms.list(.none) {
            response.errors.append("memberID:\(alarm.memberID) alarm:\(alarm.alarm.name) ")
        }
        return response
    }

    /// Reply: `.v3(.alarm)`.
    package func alarm(_ request: AlarmRequest, context: CallContext, address: ReplyAddress)
        -> Result<RequestID, ServerError>
    {
        propose(.alarm(request), context, address)
    }

    // MARK: hashes; long, so they run in the background and the reply comes without a request id

    /// Reply: `.v3(.hashKV)`.
    package func hashKV(_ request: HashKVRequest, address: ReplyAddress) -> ServerError? {
        let handler = self
        let isTaken = scans.submit {
            let result: Result<V3Result, ServerError>
            let start = handler.clock.monotonic()
            do throws(MVCCError) {
                var response = try handler.v3.reader.hashKV(at: request.revision)
                handler.v3.metrics.keyHashes.observe(
                    nanoseconds: handler.clock.monotonic().nanoseconds(since: start))
                response.header = handler.header(revision: response.header?.revision ?? 0)
                // Known from 3.6 on only.
                response.hashRevision = 0
                result = .success(.hashKV(response))
            } catch {
                result = .failure(ServerError(error))
            }
            address.edge.deliver([EdgeReply(token: address.token, reply: .v3(result))])
        }
        return isTaken ? nil : .tooManyRequests
    }

    /// Reply: `.v3(.hash)`.
    package func hash(address: ReplyAddress) -> ServerError? {
        let handler = self
        let isTaken = scans.submit {
            var response = HashResponse()
            response.header = handler.header(revision: handler.v3.reader.currentRevision)
            let start = handler.clock.monotonic()
            response.hash = handler.v3.backend.view().hash(ignoring: DatabaseRecords.isVolatile)
            handler.v3.metrics.hashes.observe(
                nanoseconds: handler.clock.monotonic().nanoseconds(since: start))
            address.edge.deliver([
                EdgeReply(token: address.token, reply: .v3(.success(.hash(response))))
            ])
        }
        return isTaken ? nil : .tooManyRequests
    }

    // MARK: the database as a file

    /// Rewrites this member's database compactly while reads and writes go on.
    /// Reply: `.v3(.defragment)`.
    package func defragment(address: ReplyAddress) -> ServerError? {
        if status.isStopping { return .stopped }
        return apply.post(.defragment(address)) ? nil : .tooManyRequests
    }

    /// Reply: `.database`.
    package func openDatabase(address: ReplyAddress) -> ServerError? {
        if status.isStopping { return .stopped }
        return apply.post(.openDatabase(address)) ? nil : .tooManyRequests
    }

    // MARK: leadership, downgrade

    /// Starts handing leadership over; the caller watches `status.leader` until it is `target`.
    package func moveLeader(to target: UInt64) -> ServerError? {
        guard status.role == .leader else { return .notLeader }
        let target = MemberID(target)
        guard let member = members.member(target), !member.isLearner else {
            return .badLeaderTransferee
        }
        transferLeadership(to: target)
        return nil
    }

    /// Why a downgrade cannot be enabled, or there is none to cancel.
    package func refusalOfDowngrade(_ request: DowngradeRequest) -> ServerError? {
        guard let version = members.clusterVersion.flatMap({ SemanticVersion($0) }) else {
            return .clusterVersionUnavailable
        }
        guard [.validate, .enable, .cancel].contains(request.action) else {
            return .unknownMethod
        }
        if request.action == .cancel {
            return v3.downgrade.isEnabled ? nil : .noInflightDowngrade
        }
        guard let target = SemanticVersion(downgradeTarget: request.version) else {
            return .wrongDowngradeVersionFormat
        }
        guard target == version.lineBelow else { return .invalidDowngradeTarget }
        return v3.downgrade.isEnabled ? .downgradeInProgress : nil
    }

    /// Enables or cancels a downgrade. Reply: `.v3(.downgrade)`.
    package func downgrade(
        _ request: DowngradeRequest, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        if let refusal = refusalOfDowngrade(request) { return .failure(refusal) }
        let target =
            request.action == .enable ? SemanticVersion(downgradeTarget: request.version) : nil
        return proposeDowngrade(target: target, context, address)
    }

    /// Ends a downgrade that has come to its end; the leader itself asks, and waits for no reply.
    package func endDowngrade() -> Result<RequestID, ServerError> {
        proposeDowngrade(target: nil, CallContext(), nil)
    }

    private func proposeDowngrade(
        target: SemanticVersion?, _ context: CallContext, _ address: ReplyAddress?
    ) -> Result<RequestID, ServerError> {
        var info = DowngradeInfoSetRequest()
        info.enabled = target != nil
        info.ver = target?.description ?? ""
        return propose(.downgradeInfoSet(info), context, address)
    }
}

extension SemanticVersion {
    /// `X.Y` or `X.Y.Z`, of which only the line counts.
    fileprivate init?(downgradeTarget text: String) {
        let dots = text.utf8.count { $0 == UInt8(ascii: ".") }
        guard let version = SemanticVersion(dots == 1 ? text + ".0" : text) else { return nil }
        self = version.line
    }
}
