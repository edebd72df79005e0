//  Which permissions a request needs (spec grpc-v3 11), asked of the auth store. The same questions
//  at apply for writes and before serving for reads.

import EtcdAuth
import EtcdLease
import EtcdProto
import RuntimeCore

struct AccessChecks {
    let auth: AuthStore
    let lessor: Lessor
    let info: AuthInfo

    func refusal(of request: RangeRequest) -> AuthError? {
        auth.refusal(info, .read, request.key, request.rangeEnd)
    }

    func refusal(of request: PutRequest) -> AuthError? {
        var leases: Set<Int64> = []
        return refusal(of: request, &leases)
    }

    /// - Parameter leases: those whose keys have been found writable for this request: one may
    ///   have many keys, and a transaction many puts to it.
    private func refusal(of request: PutRequest, _ leases: inout Set<Int64>) -> AuthError? {
        if let refusal = auth.refusal(info, .write, request.key, .empty) { return refusal }
        if request.lease != 0, !leases.contains(request.lease) {
            if let refusal = refusalOfWrites(toLease: request.lease) { return refusal }
            leases.insert(request.lease)
        }
        return request.prevKV ? auth.refusal(info, .read, request.key, .empty) : nil
    }

    func refusal(of request: DeleteRangeRequest) -> AuthError? {
        if let refusal = auth.refusal(info, .write, request.key, request.rangeEnd) {
            return refusal
        }
        return request.prevKV ? auth.refusal(info, .read, request.key, request.rangeEnd) : nil
    }

    /// Both branches, whichever will be taken.
    func refusal(of request: TxnRequest) -> AuthError? {
        var leases: Set<Int64> = []
        return refusal(of: request, &leases)
    }

    private func refusal(of request: TxnRequest, _ leases: inout Set<Int64>) -> AuthError? {
        for compare in request.compare {
            if let refusal = auth.refusal(info, .read, compare.key, compare.rangeEnd) {
                return refusal
            }
        }
        for operation in request.success + request.failure {
            let refusal: AuthError? =
                switch operation.request {
                case .range(let range): self.refusal(of: range)
                case .put(let put): self.refusal(of: put, &leases)
                case .deleteRange(let delete): self.refusal(of: delete)
                case .txn(let txn): self.refusal(of: txn, &leases)
                case nil: nil
                }
            if let refusal { return refusal }
        }
        return nil
    }

    /// A lease takes its keys along when it ends: that takes the right to write them.
    func refusalOfWrites(toLease lease: Int64) -> AuthError? {
        refusal(.write, ofKeys: lessor.unorderedKeys(of: lease))
    }

    func refusalOfReads(ofLease lease: Int64) -> AuthError? {
        refusal(.read, ofKeys: lessor.unorderedKeys(of: lease))
    }

    func refusal(_ access: KeyAccess, ofKeys keys: some Sequence<Bytes>) -> AuthError? {
        for key in keys {
            if let refusal = auth.refusal(info, access, key, .empty) { return refusal }
        }
        return nil
    }
}
