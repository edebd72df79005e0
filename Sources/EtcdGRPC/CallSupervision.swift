//  What stands around calls when somebody wants to know or to limit what clients do: the audit log
//  and rate limits. Costs nothing while both are off.

package import EtcdEdge
import EtcdNet
import EtcdProto
package import EtcdServer
import RuntimeCore

/// Shared by all event loops.
package struct CallSupervision: Sendable {
    let trail: (any AuditTrail)?
    let limits: RequestLimits?
    private let handler: RequestHandler

    /// `nil` when there is nothing to supervise.
    package init?(trail: (any AuditTrail)?, limits: RequestLimits?, handler: RequestHandler) {
        if trail == nil, limits == nil { return nil }
        self.trail = trail
        self.limits = limits
        self.handler = handler
    }

    func user(_ metadata: CallMetadata) -> String { handler.userName(metadata.context) }

    /// Whether the caller may make one more request.
    func admits(_ user: String, _ metadata: CallMetadata, _ keys: [NamedKeys]) -> Bool {
        guard let limits else { return true }
        let name =
            user.isEmpty ? metadata.connection.remoteAddress.withoutPort : "user \(user)"
        return limits.admits(user: name, keys: keys, now: handler.clock.monotonic())
    }
}

/// The record of a call whose verdict is not known yet. Confined to the call's event loop.
final class PendingAudit {
    private let record: AuditRecord
    private let trail: any AuditTrail

    init(_ record: AuditRecord, _ trail: any AuditTrail) {
        self.record = record
        self.trail = trail
    }

    func note(_ code: GRPCStatus.Code) {
        var record = record
        record.verdict = code.name
        record.isDenied = [.permissionDenied, .unauthenticated, .resourceExhausted].contains(code)
        trail.note(record)
    }

    /// A request within the call, which has its own keys and verdict.
    func note(_ keys: [NamedKeys], _ code: GRPCStatus.Code) {
        var record = record
        record.keys = keys
        PendingAudit(record, trail).note(code)
    }
}

extension V3CallParts {
    static let tooMuch = GRPCStatus(.resourceExhausted, "etcdserver: too many requests")

    /// Everything that stands before a call with these keys. What is thrown has been noted.
    func admit(_ keys: @autoclosure () -> [NamedKeys]) throws(GRPCStatus) -> PendingAudit? {
        guard let supervision = gate.supervision else {
            try gate.check(endpoint.rules, metadata)
            return nil
        }
        let keys = keys()
        let user = supervision.user(metadata)
        let audit = supervision.trail.map { trail in
            PendingAudit(
                AuditRecord(
                    api: wire is GatewayCall ? .gateway : .grpc, method: endpoint.rules.path,
                    isWrite: endpoint.rules.isWrite, user: user,
                    remoteAddress: metadata.connection.remoteAddress, keys: keys), trail)
        }
        do throws(GRPCStatus) {
            try gate.check(endpoint.rules, metadata)
            guard supervision.admits(user, metadata, keys) else { throw V3CallParts.tooMuch }
        } catch {
            audit?.note(error.code)
            throw error
        }
        return audit
    }
}

extension NamedKeys {
    /// The keys that a request names, as far as it names any.
    static func all(in request: some ProtobufMessage) -> [NamedKeys] {
        switch request {
        case let range as RangeRequest: [NamedKeys(range.key, rangeEnd: range.rangeEnd)]
        case let put as PutRequest: [NamedKeys(put.key)]
        case let delete as DeleteRangeRequest: [NamedKeys(delete.key, rangeEnd: delete.rangeEnd)]
        case let txn as TxnRequest: all(in: txn)
        case let lock as LockRequest: [NamedKeys(lock.name)]
        case let unlock as UnlockRequest: [NamedKeys(unlock.key)]
        case let campaign as CampaignRequest: [NamedKeys(campaign.name)]
        default: []
        }
    }

    /// In the order of the request: what it compares, then both branches.
    private static func all(in txn: TxnRequest) -> [NamedKeys] {
        var found = txn.compare.map { NamedKeys($0.key, rangeEnd: $0.rangeEnd) }
        for operation in txn.success + txn.failure {
            switch operation.request {
            case .range(let range): found += all(in: range)
            case .put(let put): found += all(in: put)
            case .deleteRange(let delete): found += all(in: delete)
            case .txn(let txn): found += all(in: txn)
            case nil: break
            }
        }
        return found
    }
}
