//  Which keys a request of a simulated client wants to read and to write.

import EtcdAuth
import EtcdProto
import RuntimeCore

extension AuthModel {
    /// - Parameter keys: those that a lease holds at present.
    static func wishes(of kind: InternalRaftRequest.Kind, keys: (Int64) -> [Bytes]) -> [Wish] {
        switch kind {
        case .put(let request): wishes(of: request, keys)
        case .deleteRange(let request): wishes(of: request)
        case .range(let request): [wish(request)]
        case .txn(let request): wishes(of: request, keys)
        case .leaseRevoke(let request): keys(request.id).map { write($0) }
        default: []
        }
    }

    static func wish(_ request: RangeRequest) -> Wish {
        Wish(access: .read, key: request.key, end: request.rangeEnd)
    }

    static func wishes(of request: TxnRequest, _ keys: (Int64) -> [Bytes]) -> [Wish] {
        var all = request.compare.map { Wish(access: .read, key: $0.key, end: $0.rangeEnd) }
        for operation in request.success + request.failure {
            switch operation.request {
            case .range(let range): all.append(wish(range))
            case .put(let put): all += wishes(of: put, keys)
            case .deleteRange(let delete): all += wishes(of: delete)
            default: preconditionFailure("the workload makes no such operation")
            }
        }
        return all
    }

    private static func wishes(of request: PutRequest, _ keys: (Int64) -> [Bytes]) -> [Wish] {
        var all = [write(request.key)]
        if request.lease != 0 { all += keys(request.lease).map { write($0) } }
        if request.prevKV { all.append(Wish(access: .read, key: request.key, end: .empty)) }
        return all
    }

    private static func wishes(of request: DeleteRangeRequest) -> [Wish] {
        var all = [Wish(access: .write, key: request.key, end: request.rangeEnd)]
        if request.prevKV {
            all.append(Wish(access: .read, key: request.key, end: request.rangeEnd))
        }
        return all
    }

    private static func write(_ key: Bytes) -> Wish { Wish(access: .write, key: key, end: .empty) }
}
