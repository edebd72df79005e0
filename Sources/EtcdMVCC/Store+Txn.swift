//  Transactions that write.

import EtcdBackend
package import EtcdProto
import RuntimeCore

extension Store {
    /// Executes one branch of `request` as a whole (spec grpc-v3 6.5): comparisons first, nested
    /// ones included, then the checks of the chosen path, then its operations in order.
    ///
    /// - Parameter answerBytesMax: how long the answer may be; 0 when nobody waits for it. Keys and
    ///   values are left out then; what is written is the same.
    /// - Throws: what a check refuses; nothing is written then. `answerTooLarge`: all is written.
    package func txn(
        _ request: TxnRequest, leases: any LeaseAttachments, answerBytesMax: Int = .max
    ) throws(MVCCError) -> TxnResponse {
        var write = startWrite(leases, answerBytesMax)
        let before = write.momentBefore
        let plan = try before.plan(request)
        try before.checkPuts(request, plan, leases: leases)
        try before.checkRanges(request, plan)
        var response = try write.execute(request, plan)
        response.header = ResponseHeader(revision: write.revision)
        try finish(&write)
        return response
    }
}

extension StoreWrite {
    mutating func execute(_ request: TxnRequest, _ plan: TxnPlan) throws(MVCCError) -> TxnResponse {
        // A nested answer has a header without content, as etcd's.
        var response = TxnResponse(header: ResponseHeader(), succeeded: plan.succeeded)
        let operations = plan.operations(of: request)
        response.responses.reserveCapacity(operations.count)
        var nested = plan.nested[...]
        for operation in operations {
            let answer: ResponseOp.Response?
            switch operation.request {
            case .range(let request): answer = .range(try range(request))
            case .put(let request): answer = .put(try put(request))
            case .deleteRange(let request): answer = .deleteRange(try deleteRange(request))
            case .txn(let inner): answer = .txn(try execute(inner, nested.removeFirst()))
            case nil: answer = nil
            }
            response.responses.append(ResponseOp(response: answer))
        }
        return response
    }

    private mutating func range(_ request: RangeRequest) throws(MVCCError) -> RangeResponse {
        guard budget.isOpen else { return RangeResponse() }
        do throws(MVCCError) {
            let response = try moment.range(request, bytesMax: budget.bytesLeft)
            budget.spend(response.kvs.encodedBytes)
            return response
        } catch {
            guard case .answerTooLarge = error else { throw error }
            budget.exceed()
            return RangeResponse()
        }
    }
}
