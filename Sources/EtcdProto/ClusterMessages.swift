//  The Cluster service's messages (spec grpc-v3 2 and 9).

/// A member as clients see it (`etcdserverpb.Member`).
package struct ClusterMember: ProtobufMessage {
    package static let messageName = "etcdserverpb.Member"

    package var id: UInt64 = 0
    package var name = ""
    package var peerURLs: [String] = []
    package var clientURLs: [String] = []
    package var isLearner = false

    package init() {}

    package init(
        id: UInt64 = 0, name: String = "", peerURLs: [String] = [],
        clientURLs: [String] = [], isLearner: Bool = false
    ) {
        self.id = id
        self.name = name
        self.peerURLs = peerURLs
        self.clientURLs = clientURLs
        self.isLearner = isLearner
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "name", &name)
        visitor.field(3, "peerURLs", &peerURLs)
        visitor.field(4, "clientURLs", &clientURLs)
        visitor.field(5, "isLearner", &isLearner)
    }
}

/// Adds a member.
package struct MemberAddRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberAddRequest"

    package var peerURLs: [String] = []
    package var isLearner = false

    package init() {}

    package init(peerURLs: [String] = [], isLearner: Bool = false) {
        self.peerURLs = peerURLs
        self.isLearner = isLearner
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "peerURLs", &peerURLs)
        visitor.field(2, "isLearner", &isLearner)
    }
}

/// The member that was added, and all members.
package struct MemberAddResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberAddResponse"

    package var header: ResponseHeader?
    package var member: ClusterMember?
    package var members: [ClusterMember] = []

    package init() {}

    package init(
        header: ResponseHeader? = nil, member: ClusterMember? = nil,
        members: [ClusterMember] = []
    ) {
        self.header = header
        self.member = member
        self.members = members
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "member", &member)
        visitor.field(3, "members", &members)
    }
}

/// Removes a member.
package struct MemberRemoveRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberRemoveRequest"

    package var id: UInt64 = 0

    package init() {}

    package init(id: UInt64 = 0) {
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
    }
}

/// The members that are left.
package struct MemberRemoveResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberRemoveResponse"

    package var header: ResponseHeader?
    package var members: [ClusterMember] = []

    package init() {}

    package init(header: ResponseHeader? = nil, members: [ClusterMember] = []) {
        self.header = header
        self.members = members
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "members", &members)
    }
}

/// Gives a member other peer URLs.
package struct MemberUpdateRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberUpdateRequest"

    package var id: UInt64 = 0
    package var peerURLs: [String] = []

    package init() {}

    package init(id: UInt64 = 0, peerURLs: [String] = []) {
        self.id = id
        self.peerURLs = peerURLs
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "peerURLs", &peerURLs)
    }
}

/// All members after the change.
package struct MemberUpdateResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberUpdateResponse"

    package var header: ResponseHeader?
    package var members: [ClusterMember] = []

    package init() {}

    package init(header: ResponseHeader? = nil, members: [ClusterMember] = []) {
        self.header = header
        self.members = members
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "members", &members)
    }
}

/// Asks for the members; with `linearizable`, as of now.
package struct MemberListRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberListRequest"

    package var linearizable = false

    package init() {}

    package init(linearizable: Bool = false) {
        self.linearizable = linearizable
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "linearizable", &linearizable)
    }
}

/// All members.
package struct MemberListResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberListResponse"

    package var header: ResponseHeader?
    package var members: [ClusterMember] = []

    package init() {}

    package init(header: ResponseHeader? = nil, members: [ClusterMember] = []) {
        self.header = header
        self.members = members
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "members", &members)
    }
}

/// Makes a voter of a learner.
package struct MemberPromoteRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberPromoteRequest"

    package var id: UInt64 = 0

    package init() {}

    package init(id: UInt64 = 0) {
        self.id = id
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
    }
}

/// All members after the change.
package struct MemberPromoteResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MemberPromoteResponse"

    package var header: ResponseHeader?
    package var members: [ClusterMember] = []

    package init() {}

    package init(header: ResponseHeader? = nil, members: [ClusterMember] = []) {
        self.header = header
        self.members = members
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "members", &members)
    }
}
