//  What can be said against a v3 request by looking at it alone (spec grpc-v3 6.1 to 6.5).

package import EtcdProto
import RuntimeCore

package enum RequestChecks {
    package static func check(_ request: RangeRequest) -> ServerError? {
        request.key.isEmpty ? .keyNotProvided : nil
    }

    package static func check(_ request: PutRequest) -> ServerError? {
        if request.key.isEmpty { return .keyNotProvided }
        if request.ignoreValue, !request.value.isEmpty { return .valueProvided }
        if request.ignoreLease, request.lease != 0 { return .leaseProvided }
        return nil
    }

    package static func check(_ request: DeleteRangeRequest) -> ServerError? {
        request.key.isEmpty ? .keyNotProvided : nil
    }

    /// - Parameter operationsMax: operations of a branch, those of nested transactions included.
    package static func check(_ request: TxnRequest, operationsMax: Int) -> ServerError? {
        if let refusal = checkShape(request, operationsMax) { return refusal }
        return repeatsKeys(request.success) || repeatsKeys(request.failure)
            ? .duplicateKey : nil
    }

    private static func repeatsKeys(_ branch: [RequestOp]) -> Bool {
        KeyUses.needsLook(branch) && KeyUses.collect(branch) == nil
    }

    private static func checkShape(_ request: TxnRequest, _ operationsMax: Int) -> ServerError? {
        let count = max(request.compare.count, request.success.count, request.failure.count)
        if count > operationsMax { return .tooManyOperations }
        for compare in request.compare where compare.key.isEmpty { return .keyNotProvided }
        for operation in request.success {
            if let refusal = check(operation, operationsMax - count) { return refusal }
        }
        for operation in request.failure {
            if let refusal = check(operation, operationsMax - count) { return refusal }
        }
        return nil
    }

    private static func check(_ operation: RequestOp, _ operationsMax: Int) -> ServerError? {
        switch operation.request {
        case .range(let request): check(request)
        case .put(let request): check(request)
        case .deleteRange(let request): check(request)
        case .txn(let request): checkShape(request, operationsMax)
        case nil: .keyNotFound
        }
    }

    /// Only ranges in both branches, those of nested transactions included: needs no place in the
    /// log.
    package static func isReadOnly(_ request: TxnRequest) -> Bool {
        func isRead(_ operation: RequestOp) -> Bool {
            switch operation.request {
            case .range: true
            case .txn(let inner): isReadOnly(inner)
            case .put, .deleteRange, nil: false
            }
        }
        return request.success.allSatisfy(isRead) && request.failure.allSatisfy(isRead)
    }

    /// Every range is content with local data.
    package static func isSerializable(_ request: TxnRequest) -> Bool {
        func isLocal(_ operation: RequestOp) -> Bool {
            switch operation.request {
            case .range(let range): range.serializable
            case .txn(let inner): isSerializable(inner)
            case .put, .deleteRange, nil: true
            }
        }
        return request.success.allSatisfy(isLocal) && request.failure.allSatisfy(isLocal)
    }
}
