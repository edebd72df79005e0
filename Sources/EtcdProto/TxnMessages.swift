//  Transactions of the KV service (spec grpc-v3 2 and 6.5).

package import RuntimeCore

/// One condition of a transaction on a key or a range of keys.
package struct Compare: ProtobufMessage {
    package static let messageName = "etcdserverpb.Compare"

    /// How the key's property has to compare.
    package struct CompareResult: OpenEnum {
        package static let enumName = "etcdserverpb.Compare.CompareResult"
        package static let equal = Self(rawValue: 0)
        package static let greater = Self(rawValue: 1)
        package static let less = Self(rawValue: 2)
        package static let notEqual = Self(rawValue: 3)
        package static let names = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    /// Which property of the key is compared.
    package struct CompareTarget: OpenEnum {
        package static let enumName = "etcdserverpb.Compare.CompareTarget"
        package static let version = Self(rawValue: 0)
        package static let create = Self(rawValue: 1)
        package static let mod = Self(rawValue: 2)
        package static let value = Self(rawValue: 3)
        package static let lease = Self(rawValue: 4)
        package static let names = ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    /// The value to compare with; absent means its zero.
    package enum TargetUnion: Sendable, Hashable {
        case version(Int64)
        case createRevision(Int64)
        case modRevision(Int64)
        case value(Bytes)
        case lease(Int64)
    }

    package var result = CompareResult.equal
    package var target = CompareTarget.version
    package var key = Bytes.empty
    package var targetUnion: TargetUnion?
    package var rangeEnd = Bytes.empty

    package init() {}

    package init(
        result: CompareResult = .equal, target: CompareTarget = .version,
        key: Bytes = .empty, targetUnion: TargetUnion? = nil, rangeEnd: Bytes = .empty
    ) {
        self.result = result
        self.target = target
        self.key = key
        self.targetUnion = targetUnion
        self.rangeEnd = rangeEnd
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "result", &result)
        visitor.field(2, "target", &target)
        visitor.field(3, "key", &key)
        visitor.choice(4, "version", targetUnion?.version) { targetUnion = .version($0) }
        visitor.choice(5, "create_revision", targetUnion?.createRevision) {
            targetUnion = .createRevision($0)
        }
        visitor.choice(6, "mod_revision", targetUnion?.modRevision) {
            targetUnion = .modRevision($0)
        }
        visitor.choice(7, "value", targetUnion?.value) { targetUnion = .value($0) }
        visitor.choice(8, "lease", targetUnion?.lease) { targetUnion = .lease($0) }
        visitor.field(64, "range_end", &rangeEnd)
    }
}

extension Compare.TargetUnion {
    @inline(__always)
    package var version: Int64? {
        if case .version(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var createRevision: Int64? {
        if case .createRevision(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var modRevision: Int64? {
        if case .modRevision(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var value: Bytes? {
        if case .value(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var lease: Int64? {
        if case .lease(let value) = self { value } else { nil }
    }
}

/// One operation of a transaction; without content it is malformed.
package struct RequestOp: ProtobufMessage {
    package static let messageName = "etcdserverpb.RequestOp"

    /// What the operation does. Boxed: an operation is looked at several times on its way, and each
    /// look costs one reference count instead of one for every field.
    package indirect enum Request: Sendable, Hashable {
        case range(RangeRequest)
        case put(PutRequest)
        case deleteRange(DeleteRangeRequest)
        case txn(TxnRequest)
    }

    package var request: Request?

    package init() {}

    package init(request: Request? = nil) {
        self.request = request
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.choice(1, "request_range", request?.range) { request = .range($0) }
        visitor.choice(2, "request_put", request?.put) { request = .put($0) }
        visitor.choice(3, "request_delete_range", request?.deleteRange) {
            request = .deleteRange($0)
        }
        visitor.choice(4, "request_txn", request?.txn) { request = .txn($0) }
    }

    package func show<V: FieldVisitor>(to visitor: inout V) {
        switch request {
        case .range(let value)?: visitor.message(1, "request_range", value)
        case .put(let value)?: visitor.message(2, "request_put", value)
        case .deleteRange(let value)?: visitor.message(3, "request_delete_range", value)
        case .txn(let value)?: visitor.message(4, "request_txn", value)
        case nil: break
        }
    }
}

extension RequestOp.Request {
    @inline(__always)
    package var range: RangeRequest? {
        if case .range(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var put: PutRequest? {
        if case .put(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var deleteRange: DeleteRangeRequest? {
        if case .deleteRange(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var txn: TxnRequest? {
        if case .txn(let value) = self { value } else { nil }
    }
}

/// What one operation of a transaction came to.
package struct ResponseOp: ProtobufMessage {
    package static let messageName = "etcdserverpb.ResponseOp"

    /// One case per kind of operation.
    package indirect enum Response: Sendable, Hashable {
        case range(RangeResponse)
        case put(PutResponse)
        case deleteRange(DeleteRangeResponse)
        case txn(TxnResponse)
    }

    package var response: Response?

    package init() {}

    package init(response: Response? = nil) {
        self.response = response
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.choice(1, "response_range", response?.range) { response = .range($0) }
        visitor.choice(2, "response_put", response?.put) { response = .put($0) }
        visitor.choice(3, "response_delete_range", response?.deleteRange) {
            response = .deleteRange($0)
        }
        visitor.choice(4, "response_txn", response?.txn) { response = .txn($0) }
    }

    package func show<V: FieldVisitor>(to visitor: inout V) {
        switch response {
        case .range(let value)?: visitor.message(1, "response_range", value)
        case .put(let value)?: visitor.message(2, "response_put", value)
        case .deleteRange(let value)?: visitor.message(3, "response_delete_range", value)
        case .txn(let value)?: visitor.message(4, "response_txn", value)
        case nil: break
        }
    }
}

extension ResponseOp.Response {
    @inline(__always)
    package var range: RangeResponse? {
        if case .range(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var put: PutResponse? {
        if case .put(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var deleteRange: DeleteRangeResponse? {
        if case .deleteRange(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var txn: TxnResponse? {
        if case .txn(let value) = self { value } else { nil }
    }
}

/// Operations of which one list is executed as a whole, depending on all comparisons.
package struct TxnRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.TxnRequest"

    package var compare: [Compare] = []
    package var success: [RequestOp] = []
    package var failure: [RequestOp] = []

    package init() {}

    package init(compare: [Compare] = [], success: [RequestOp] = [], failure: [RequestOp] = []) {
        self.compare = compare
        self.success = success
        self.failure = failure
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "compare", &compare)
        visitor.field(2, "success", &success)
        visitor.field(3, "failure", &failure)
    }
}

/// Which list was executed, with an answer per operation.
package struct TxnResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.TxnResponse"

    package var header: ResponseHeader?
    package var succeeded = false
    package var responses: [ResponseOp] = []

    package init() {}

    package init(
        header: ResponseHeader? = nil, succeeded: Bool = false,
        responses: [ResponseOp] = []
    ) {
        self.header = header
        self.succeeded = succeeded
        self.responses = responses
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "succeeded", &succeeded)
        visitor.field(3, "responses", &responses)
    }
}
