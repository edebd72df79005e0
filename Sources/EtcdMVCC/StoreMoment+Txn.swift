//  What of a transaction is decided before anything is written: comparisons and checks (spec
//  grpc-v3 6.5).

import EtcdBackend
import EtcdProto
import RuntimeCore

/// Which branch a transaction takes, and which its nested ones take.
struct TxnPlan {
    let succeeded: Bool
    /// One for each nested transaction in the chosen branch, in order.
    let nested: [TxnPlan]

    func operations(of request: TxnRequest) -> [RequestOp] {
        succeeded ? request.success : request.failure
    }
}

extension StoreMoment {
    // MARK: comparing

    /// Evaluates all comparisons, those of nested transactions included.
    func plan(_ request: TxnRequest) throws(MVCCError) -> TxnPlan {
        var succeeded = true
        for compare in request.compare where succeeded {
            succeeded = try holds(compare)
        }
        var nested: [TxnPlan] = []
        for operation in succeeded ? request.success : request.failure {
            if case .txn(let inner) = operation.request { nested.append(try plan(inner)) }
        }
        return TxnPlan(succeeded: succeeded, nested: nested)
    }

    /// Whether every key of the comparison's range satisfies it.
    private func holds(_ compare: Compare) throws(MVCCError) -> Bool {
        let range = KeyRange(key: compare.key, rangeEnd: compare.rangeEnd)
        let candidates = try collect(range, at: revision, limit: Int.max) { Candidate($0) }
        if candidates.isEmpty {
            // An absent key has no value, not even an empty one.
            return compare.target != .value && compare.accepts(0 as Int64, compare.expected)
        }
        for candidate in candidates where !(try holds(compare, for: candidate)) { return false }
        return true
    }

    private func holds(_ compare: Compare, for candidate: Candidate) throws(MVCCError) -> Bool {
        let expected = compare.expected
        switch compare.target {
        case .value:
            let expected = compare.targetUnion?.value ?? .empty
            return try withFields(candidate.revision, at: revision) { record, fields in
                let stored = UnsafeRawBufferPointer(rebasing: record[fields.value])
                return expected.withUnsafeBytes {
                    compare.accepts(KeyOrder.compare(stored, $0), 0)
                }
            }
        case .mod: return compare.accepts(candidate.revision.main, expected)
        case .create:
            let known = try complete(candidate, at: revision)
            return compare.accepts(known.createRevision, expected)
        case .version:
            return compare.accepts(try complete(candidate, at: revision).version, expected)
        case .lease:
            return compare.accepts(try complete(candidate, at: revision).lease, expected)
        default:
            // etcd compares nothing with nothing for targets that it does not know.
            return compare.accepts(0, 0)
        }
    }

    // MARK: checking

    /// Checks the puts of the chosen path: their leases exist, and the keys whose value or lease
    /// is to be kept.
    func checkPuts(
        _ request: TxnRequest, _ plan: TxnPlan, leases: any LeaseAttachments
    ) throws(MVCCError) {
        var nested = plan.nested[...]
        for operation in plan.operations(of: request) {
            switch operation.request {
            case .put(let put):
                if put.ignoreValue || put.ignoreLease,
                    try count(.single(put.key), at: revision) == 0
                {
                    throw .keyNotFound
                }
                if put.lease != 0, !leases.contains(put.lease) { throw .leaseNotFound }
            case .txn(let inner):
                try checkPuts(inner, nested.removeFirst(), leases: leases)
            default: break
            }
        }
    }

    /// Checks the revisions of the ranges of the chosen path.
    func checkRanges(_ request: TxnRequest, _ plan: TxnPlan) throws(MVCCError) {
        var nested = plan.nested[...]
        for operation in plan.operations(of: request) {
            switch operation.request {
            case .range(let range) where range.revision != 0:
                if range.revision > revision { throw .futureRevision }
                if range.revision < reader.compactRevision { throw .compacted }
            case .txn(let inner): try checkRanges(inner, nested.removeFirst())
            default: break
            }
        }
    }

    // MARK: reading

    /// A transaction without writes.
    ///
    /// - Parameter bytesMax: of all keys and values, beyond which it throws `answerTooLarge`.
    func readTxn(_ request: TxnRequest, bytesMax: Int) throws(MVCCError) -> TxnResponse {
        let plan = try plan(request)
        try checkRanges(request, plan)
        var budget = AnswerBudget(bytesMax: bytesMax)
        var response = try readTxn(request, plan, &budget)
        response.header = ResponseHeader(revision: revision)
        return response
    }

    private func readTxn(
        _ request: TxnRequest, _ plan: TxnPlan, _ budget: inout AnswerBudget
    ) throws(MVCCError) -> TxnResponse {
        // A nested answer has a header without content, as etcd's.
        var response = TxnResponse(header: ResponseHeader(), succeeded: plan.succeeded)
        var nested = plan.nested[...]
        for operation in plan.operations(of: request) {
            switch operation.request {
            case .range(let request):
                let answer = try self.range(request, &budget)
                response.responses.append(ResponseOp(response: .range(answer)))
            case .txn(let inner):
                let answer = try readTxn(inner, nested.removeFirst(), &budget)
                response.responses.append(ResponseOp(response: .txn(answer)))
            case .put, .deleteRange:
                preconditionFailure("a write in a transaction that was found read-only")
            case nil:
                response.responses.append(ResponseOp())
            }
        }
        return response
    }
}

extension StoreMoment {
    private func range(
        _ request: RangeRequest, _ budget: inout AnswerBudget
    ) throws(MVCCError) -> RangeResponse {
        do throws(MVCCError) {
            let answer = try range(request, bytesMax: budget.bytesLeft)
            budget.spend(answer.kvs.encodedBytes)
            return answer
        } catch {
            guard case .answerTooLarge = error else { throw error }
            throw .answerTooLarge(bytesMax: budget.bytesMax)
        }
    }
}

extension Compare {
    /// The number to compare with; 0 when it is missing or belongs to another target.
    fileprivate var expected: Int64 {
        switch target {
        case .version: targetUnion?.version ?? 0
        case .create: targetUnion?.createRevision ?? 0
        case .mod: targetUnion?.modRevision ?? 0
        case .lease: targetUnion?.lease ?? 0
        default: 0
        }
    }

    fileprivate func accepts<Number: Comparable>(_ stored: Number, _ expected: Number) -> Bool {
        switch result {
        case .equal: stored == expected
        case .notEqual: stored != expected
        case .greater: stored > expected
        case .less: stored < expected
        default: true
        }
    }
}
