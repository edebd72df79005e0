//  The KV service's puts, ranges, deletions and compactions, and the header of all answers (spec
//  grpc-v3 2).

package import RuntimeCore

/// Who answers, and at which revision and term. Zero where the service leaves it out.
package struct ResponseHeader: ProtobufMessage {
    package static let messageName = "etcdserverpb.ResponseHeader"

    package var clusterID: UInt64 = 0
    package var memberID: UInt64 = 0
    package var revision: Int64 = 0
    package var raftTerm: UInt64 = 0

    package init() {}

    package init(
        clusterID: UInt64 = 0, memberID: UInt64 = 0, revision: Int64 = 0,
        raftTerm: UInt64 = 0
    ) {
        self.clusterID = clusterID
        self.memberID = memberID
        self.revision = revision
        self.raftTerm = raftTerm
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "cluster_id", &clusterID)
        visitor.field(2, "member_id", &memberID)
        visitor.field(3, "revision", &revision)
        visitor.field(4, "raft_term", &raftTerm)
    }
}

/// A read of one key or of a range of keys.
package struct RangeRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.RangeRequest"

    /// Direction of the answer.
    package struct SortOrder: OpenEnum {
        package static let enumName = "etcdserverpb.RangeRequest.SortOrder"
        package static let none = Self(rawValue: 0)
        package static let ascend = Self(rawValue: 1)
        package static let descend = Self(rawValue: 2)
        package static let names = ["NONE", "ASCEND", "DESCEND"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    /// What the answer is sorted by.
    package struct SortTarget: OpenEnum {
        package static let enumName = "etcdserverpb.RangeRequest.SortTarget"
        package static let key = Self(rawValue: 0)
        package static let version = Self(rawValue: 1)
        package static let create = Self(rawValue: 2)
        package static let mod = Self(rawValue: 3)
        package static let value = Self(rawValue: 4)
        package static let names = ["KEY", "VERSION", "CREATE", "MOD", "VALUE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var key = Bytes.empty
    package var rangeEnd = Bytes.empty
    /// 0 means none.
    package var limit: Int64 = 0
    package var revision: Int64 = 0
    package var sortOrder = SortOrder.none
    package var sortTarget = SortTarget.key
    package var serializable = false
    package var keysOnly = false
    package var countOnly = false
    package var minModRevision: Int64 = 0
    package var maxModRevision: Int64 = 0
    package var minCreateRevision: Int64 = 0
    package var maxCreateRevision: Int64 = 0

    package init() {}

    package init(
        key: Bytes = .empty, rangeEnd: Bytes = .empty, limit: Int64 = 0,
        revision: Int64 = 0, sortOrder: SortOrder = .none, sortTarget: SortTarget = .key,
        serializable: Bool = false, keysOnly: Bool = false, countOnly: Bool = false,
        minModRevision: Int64 = 0, maxModRevision: Int64 = 0,
        minCreateRevision: Int64 = 0, maxCreateRevision: Int64 = 0
    ) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.limit = limit
        self.revision = revision
        self.sortOrder = sortOrder
        self.sortTarget = sortTarget
        self.serializable = serializable
        self.keysOnly = keysOnly
        self.countOnly = countOnly
        self.minModRevision = minModRevision
        self.maxModRevision = maxModRevision
        self.minCreateRevision = minCreateRevision
        self.maxCreateRevision = maxCreateRevision
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
        visitor.field(2, "range_end", &rangeEnd)
        visitor.field(3, "limit", &limit)
        visitor.field(4, "revision", &revision)
        visitor.field(5, "sort_order", &sortOrder)
        visitor.field(6, "sort_target", &sortTarget)
        visitor.field(7, "serializable", &serializable)
        visitor.field(8, "keys_only", &keysOnly)
        visitor.field(9, "count_only", &countOnly)
        visitor.field(10, "min_mod_revision", &minModRevision)
        visitor.field(11, "max_mod_revision", &maxModRevision)
        visitor.field(12, "min_create_revision", &minCreateRevision)
        visitor.field(13, "max_create_revision", &maxCreateRevision)
    }
}

/// The keys found, and how many there are without the limit.
package struct RangeResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.RangeResponse"

    package var header: ResponseHeader?
    package var kvs = KeyValueList()
    package var more = false
    package var count: Int64 = 0

    package init() {}

    package init(
        header: ResponseHeader? = nil, kvs: KeyValueList = KeyValueList(),
        more: Bool = false, count: Int64 = 0
    ) {
        self.header = header
        self.kvs = kvs
        self.more = more
        self.count = count
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "kvs", &kvs)
        visitor.field(3, "more", &more)
        visitor.field(4, "count", &count)
    }
}

/// One piece of a range that is answered in pieces.
package struct RangeStreamResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.RangeStreamResponse"

    package var rangeResponse: RangeResponse?

    package init() {}

    package init(rangeResponse: RangeResponse? = nil) {
        self.rangeResponse = rangeResponse
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "range_response", &rangeResponse)
    }
}

/// Writes one key.
package struct PutRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.PutRequest"

    package var key = Bytes.empty
    package var value = Bytes.empty
    package var lease: Int64 = 0
    package var prevKV = false
    package var ignoreValue = false
    package var ignoreLease = false

    package init() {}

    package init(
        key: Bytes = .empty, value: Bytes = .empty, lease: Int64 = 0,
        prevKV: Bool = false, ignoreValue: Bool = false, ignoreLease: Bool = false
    ) {
        self.key = key
        self.value = value
        self.lease = lease
        self.prevKV = prevKV
        self.ignoreValue = ignoreValue
        self.ignoreLease = ignoreLease
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
        visitor.field(2, "value", &value)
        visitor.field(3, "lease", &lease)
        visitor.field(4, "prev_kv", &prevKV)
        visitor.field(5, "ignore_value", &ignoreValue)
        visitor.field(6, "ignore_lease", &ignoreLease)
    }
}

/// What a put came to, with the earlier state when asked for.
package struct PutResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.PutResponse"

    package var header: ResponseHeader?
    package var prevKV: KeyValue?

    package init() {}

    package init(header: ResponseHeader? = nil, prevKV: KeyValue? = nil) {
        self.header = header
        self.prevKV = prevKV
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "prev_kv", &prevKV)
    }
}

/// Deletes one key or a range of keys.
package struct DeleteRangeRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.DeleteRangeRequest"

    package var key = Bytes.empty
    package var rangeEnd = Bytes.empty
    package var prevKV = false

    package init() {}

    package init(key: Bytes = .empty, rangeEnd: Bytes = .empty, prevKV: Bool = false) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.prevKV = prevKV
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
        visitor.field(2, "range_end", &rangeEnd)
        visitor.field(3, "prev_kv", &prevKV)
    }
}

/// How many keys were deleted, with their last states when asked for.
package struct DeleteRangeResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.DeleteRangeResponse"

    package var header: ResponseHeader?
    package var deleted: Int64 = 0
    package var prevKVs = KeyValueList()

    package init() {}

    package init(
        header: ResponseHeader? = nil, deleted: Int64 = 0,
        prevKVs: KeyValueList = KeyValueList()
    ) {
        self.header = header
        self.deleted = deleted
        self.prevKVs = prevKVs
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "deleted", &deleted)
        visitor.field(3, "prev_kvs", &prevKVs)
    }
}

/// Drops the history up to a revision; with `physical`, answered when it is gone from disk.
package struct CompactionRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.CompactionRequest"

    package var revision: Int64 = 0
    package var physical = false

    package init() {}

    package init(revision: Int64 = 0, physical: Bool = false) {
        self.revision = revision
        self.physical = physical
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "revision", &revision)
        visitor.field(2, "physical", &physical)
    }
}

/// Says that a compaction was accepted.
package struct CompactionResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.CompactionResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}
