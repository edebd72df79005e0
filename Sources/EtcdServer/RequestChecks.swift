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

    /// Only ranges in both branches: needs no place in the log.
    package static func isReadOnly(_ request: TxnRequest) -> Bool {
        func isRead(_ operation: RequestOp) -> Bool {
            if case .range? = operation.request { true } else { false }
        }
        return request.success.allSatisfy(isRead) && request.failure.allSatisfy(isRead)
    }

    /// Every range is content with local data.
    package static func isSerializable(_ request: TxnRequest) -> Bool {
        func isLocal(_ operation: RequestOp) -> Bool {
            if case .range(let range)? = operation.request { range.serializable } else { true }
        }
        return request.success.allSatisfy(isLocal) && request.failure.allSatisfy(isLocal)
    }
}

/// Which keys a list of operations puts and deletes, to find one that is written twice.
private struct KeyUses {
    private var puts: Set<Bytes> = []
    private var deletes: [(key: Bytes, end: Bytes)] = []

    /// Whether so many operations write that two of them could meet.
    static func needsLook(_ operations: [RequestOp]) -> Bool {
        var writes = 0
        for operation in operations {
            switch operation.request {
            case .put, .deleteRange: writes += 1
            // Its branches are looked at, too.
            case .txn: return true
            case .range, nil: break
            }
        }
        return writes > 1
    }

    /// `nil` when some key would be put twice, or put and deleted, by operations that can both run.
    static func collect(_ operations: [RequestOp]) -> KeyUses? {
        var uses = KeyUses()
        for operation in operations {
            if case .deleteRange(let request)? = operation.request {
                uses.deletes.append((request.key, request.rangeEnd))
            }
        }
        for operation in operations {
            guard case .txn(let request)? = operation.request else { continue }
            guard uses.addNested(request) else { return nil }
        }
        for operation in operations {
            guard case .put(let request)? = operation.request else { continue }
            guard !uses.isDeleted(request.key), uses.puts.insert(request.key).inserted else {
                return nil
            }
        }
        return uses
    }

    /// The branches of a nested transaction exclude each other, so that they may share keys.
    private mutating func addNested(_ request: TxnRequest) -> Bool {
        guard let success = KeyUses.collect(request.success),
            let failure = KeyUses.collect(request.failure)
        else { return false }
        for key in success.puts where puts.contains(key) || isDeleted(key) { return false }
        for key in failure.puts where puts.contains(key) || isDeleted(key) { return false }
        puts.formUnion(success.puts)
        puts.formUnion(failure.puts)
        deletes += success.deletes
        deletes += failure.deletes
        return true
    }

    private func isDeleted(_ key: Bytes) -> Bool {
        deletes.contains { range in
            // etcd does not see an end of one zero byte as the end of all keys here.
            if range.end.isEmpty { return key == range.key }
            return key >= range.key && key < range.end
        }
    }
}
