//  The Lock and Election services' messages (spec grpc-v3 2 and 14).

package import RuntimeCore

/// Acquires a lock, waiting for it if need be.
package struct LockRequest: ProtobufMessage {
    package static let messageName = "v3lockpb.LockRequest"

    package var name = Bytes.empty
    package var lease: Int64 = 0

    package init() {}

    package init(name: Bytes = .empty, lease: Int64 = 0) {
        self.name = name
        self.lease = lease
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "lease", &lease)
    }
}

/// The key that owns the lock.
package struct LockResponse: ProtobufMessage {
    package static let messageName = "v3lockpb.LockResponse"

    package var header: ResponseHeader?
    package var key = Bytes.empty

    package init() {}

    package init(header: ResponseHeader? = nil, key: Bytes = .empty) {
        self.header = header
        self.key = key
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "key", &key)
    }
}

/// Gives a lock up.
package struct UnlockRequest: ProtobufMessage {
    package static let messageName = "v3lockpb.UnlockRequest"

    package var key = Bytes.empty

    package init() {}

    package init(key: Bytes = .empty) {
        self.key = key
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
    }
}

/// Says that the lock was given up.
package struct UnlockResponse: ProtobufMessage {
    package static let messageName = "v3lockpb.UnlockResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// What proves leadership in an election.
package struct LeaderKey: ProtobufMessage {
    package static let messageName = "v3electionpb.LeaderKey"

    package var name = Bytes.empty
    package var key = Bytes.empty
    package var rev: Int64 = 0
    package var lease: Int64 = 0

    package init() {}

    package init(name: Bytes = .empty, key: Bytes = .empty, rev: Int64 = 0, lease: Int64 = 0) {
        self.name = name
        self.key = key
        self.rev = rev
        self.lease = lease
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "key", &key)
        visitor.field(3, "rev", &rev)
        visitor.field(4, "lease", &lease)
    }
}

/// Stands for election, waiting for it if need be.
package struct CampaignRequest: ProtobufMessage {
    package static let messageName = "v3electionpb.CampaignRequest"

    package var name = Bytes.empty
    package var lease: Int64 = 0
    package var value = Bytes.empty

    package init() {}

    package init(name: Bytes = .empty, lease: Int64 = 0, value: Bytes = .empty) {
        self.name = name
        self.lease = lease
        self.value = value
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "lease", &lease)
        visitor.field(3, "value", &value)
    }
}

/// What proves that the election was won.
package struct CampaignResponse: ProtobufMessage {
    package static let messageName = "v3electionpb.CampaignResponse"

    package var header: ResponseHeader?
    package var leader: LeaderKey?

    package init() {}

    package init(header: ResponseHeader? = nil, leader: LeaderKey? = nil) {
        self.header = header
        self.leader = leader
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "leader", &leader)
    }
}

/// Changes the leader's value.
package struct ProclaimRequest: ProtobufMessage {
    package static let messageName = "v3electionpb.ProclaimRequest"

    package var leader: LeaderKey?
    package var value = Bytes.empty

    package init() {}

    package init(leader: LeaderKey? = nil, value: Bytes = .empty) {
        self.leader = leader
        self.value = value
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "leader", &leader)
        visitor.field(2, "value", &value)
    }
}

/// Says that the value was changed.
package struct ProclaimResponse: ProtobufMessage {
    package static let messageName = "v3electionpb.ProclaimResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Asks who leads an election.
package struct LeaderRequest: ProtobufMessage {
    package static let messageName = "v3electionpb.LeaderRequest"

    package var name = Bytes.empty

    package init() {}

    package init(name: Bytes = .empty) {
        self.name = name
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
    }
}

/// The leader's key.
package struct LeaderResponse: ProtobufMessage {
    package static let messageName = "v3electionpb.LeaderResponse"

    package var header: ResponseHeader?
    package var kv: KeyValue?

    package init() {}

    package init(header: ResponseHeader? = nil, kv: KeyValue? = nil) {
        self.header = header
        self.kv = kv
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "kv", &kv)
    }
}

/// Gives leadership up.
package struct ResignRequest: ProtobufMessage {
    package static let messageName = "v3electionpb.ResignRequest"

    package var leader: LeaderKey?

    package init() {}

    package init(leader: LeaderKey? = nil) {
        self.leader = leader
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "leader", &leader)
    }
}

/// Says that leadership was given up.
package struct ResignResponse: ProtobufMessage {
    package static let messageName = "v3electionpb.ResignResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}
