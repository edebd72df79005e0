//  The Lease service's messages, and what members ask each other about leases (spec grpc-v3 2,
//  peer-and-disk 3.2).

package import RuntimeCore

/// Makes a lease; id 0 lets the server choose.
package struct LeaseGrantRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseGrantRequest"

    package var ttl: Int64 = 0
    package var id: Int64 = 0

    package init() {}

    package init(ttl: Int64 = 0, id: Int64 = 0) {
        self.ttl = ttl
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "TTL", &ttl)
        visitor.field(2, "ID", &id)
    }
}

/// The lease that was made, with the TTL it got.
package struct LeaseGrantResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseGrantResponse"

    package var header: ResponseHeader?
    package var id: Int64 = 0
    package var ttl: Int64 = 0
    package var error = ""

    package init() {}

    package init(header: ResponseHeader? = nil, id: Int64 = 0, ttl: Int64 = 0, error: String = "") {
        self.header = header
        self.id = id
        self.ttl = ttl
        self.error = error
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "ID", &id)
        visitor.field(3, "TTL", &ttl)
        visitor.field(4, "error", &error)
    }
}

/// Ends a lease and deletes its keys.
package struct LeaseRevokeRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseRevokeRequest"

    package var id: Int64 = 0

    package init() {}

    package init(id: Int64 = 0) {
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
    }
}

/// Says that a lease is gone.
package struct LeaseRevokeResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseRevokeResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// What is left of a lease's time, as the leader tells it.
package struct LeaseCheckpoint: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseCheckpoint"

    package var id: Int64 = 0
    package var remainingTTL: Int64 = 0

    package init() {}

    package init(id: Int64 = 0, remainingTTL: Int64 = 0) {
        self.id = id
        self.remainingTTL = remainingTTL
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "remaining_TTL", &remainingTTL)
    }
}

/// A batch of checkpoints, proposed by the leader.
package struct LeaseCheckpointRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseCheckpointRequest"

    package var checkpoints: [LeaseCheckpoint] = []

    package init() {}

    package init(checkpoints: [LeaseCheckpoint] = []) {
        self.checkpoints = checkpoints
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "checkpoints", &checkpoints)
    }
}

/// Says that checkpoints were applied.
package struct LeaseCheckpointResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseCheckpointResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Starts a lease's time anew.
package struct LeaseKeepAliveRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseKeepAliveRequest"

    package var id: Int64 = 0

    package init() {}

    package init(id: Int64 = 0) {
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
    }
}

/// The time that a lease has now; 0 when there is no such lease.
package struct LeaseKeepAliveResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseKeepAliveResponse"

    package var header: ResponseHeader?
    package var id: Int64 = 0
    package var ttl: Int64 = 0

    package init() {}

    package init(header: ResponseHeader? = nil, id: Int64 = 0, ttl: Int64 = 0) {
        self.header = header
        self.id = id
        self.ttl = ttl
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "ID", &id)
        visitor.field(3, "TTL", &ttl)
    }
}

/// Asks what is left of a lease, and with `keys` what hangs on it.
package struct LeaseTimeToLiveRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseTimeToLiveRequest"

    package var id: Int64 = 0
    package var keys = false

    package init() {}

    package init(id: Int64 = 0, keys: Bool = false) {
        self.id = id
        self.keys = keys
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "keys", &keys)
    }
}

/// What is left of a lease; -1 when there is no such lease.
package struct LeaseTimeToLiveResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseTimeToLiveResponse"

    package var header: ResponseHeader?
    package var id: Int64 = 0
    package var ttl: Int64 = 0
    package var grantedTTL: Int64 = 0
    package var keys: [Bytes] = []

    package init() {}

    package init(
        header: ResponseHeader? = nil, id: Int64 = 0, ttl: Int64 = 0,
        grantedTTL: Int64 = 0, keys: [Bytes] = []
    ) {
        self.header = header
        self.id = id
        self.ttl = ttl
        self.grantedTTL = grantedTTL
        self.keys = keys
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "ID", &id)
        visitor.field(3, "TTL", &ttl)
        visitor.field(4, "grantedTTL", &grantedTTL)
        visitor.field(5, "keys", &keys)
    }
}

/// Asks for all leases.
package struct LeaseLeasesRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseLeasesRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// A lease in a list.
package struct LeaseStatus: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseStatus"

    package var id: Int64 = 0

    package init() {}

    package init(id: Int64 = 0) {
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
    }
}

/// All leases.
package struct LeaseLeasesResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.LeaseLeasesResponse"

    package var header: ResponseHeader?
    package var leases: [LeaseStatus] = []

    package init() {}

    package init(header: ResponseHeader? = nil, leases: [LeaseStatus] = []) {
        self.header = header
        self.leases = leases
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "leases", &leases)
    }
}

/// A member asks the leader about a lease.
package struct LeaseInternalRequest: ProtobufMessage {
    package static let messageName = "leasepb.LeaseInternalRequest"

    package var request: LeaseTimeToLiveRequest?

    package init() {}

    package init(request: LeaseTimeToLiveRequest? = nil) {
        self.request = request
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "LeaseTimeToLiveRequest", &request)
    }
}

/// The leader's answer about a lease.
package struct LeaseInternalResponse: ProtobufMessage {
    package static let messageName = "leasepb.LeaseInternalResponse"

    package var response: LeaseTimeToLiveResponse?

    package init() {}

    package init(response: LeaseTimeToLiveResponse? = nil) {
        self.response = response
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "LeaseTimeToLiveResponse", &response)
    }
}
