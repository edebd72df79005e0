//  The Maintenance service's messages (spec grpc-v3 2 and 10).

package import RuntimeCore

/// Asks for alarms, raises or clears one.
package struct AlarmRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AlarmRequest"

    /// What to do with alarms.
    package struct AlarmAction: OpenEnum {
        package static let enumName = "etcdserverpb.AlarmRequest.AlarmAction"
        package static let get = Self(rawValue: 0)
        package static let activate = Self(rawValue: 1)
        package static let deactivate = Self(rawValue: 2)
        package static let names = ["GET", "ACTIVATE", "DEACTIVATE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var action = AlarmAction.get
    package var memberID: UInt64 = 0
    package var alarm = AlarmType.none

    package init() {}

    package init(action: AlarmAction = .get, memberID: UInt64 = 0, alarm: AlarmType = .none) {
        self.action = action
        self.memberID = memberID
        self.alarm = alarm
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "action", &action)
        visitor.field(2, "memberID", &memberID)
        visitor.field(3, "alarm", &alarm)
    }
}

/// The alarms concerned.
package struct AlarmResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AlarmResponse"

    package var header: ResponseHeader?
    package var alarms: [AlarmMember] = []

    package init() {}

    package init(header: ResponseHeader? = nil, alarms: [AlarmMember] = []) {
        self.header = header
        self.alarms = alarms
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "alarms", &alarms)
    }
}

/// Asks how the member is.
package struct StatusRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.StatusRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// How the member is.
package struct StatusResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.StatusResponse"

    package var header: ResponseHeader?
    package var version = ""
    package var dbSize: Int64 = 0
    package var leader: UInt64 = 0
    package var raftIndex: UInt64 = 0
    package var raftTerm: UInt64 = 0
    package var raftAppliedIndex: UInt64 = 0
    package var errors: [String] = []
    package var dbSizeInUse: Int64 = 0
    package var isLearner = false
    package var storageVersion = ""
    package var dbSizeQuota: Int64 = 0
    package var downgradeInfo: DowngradeInfo?

    package init() {}

    package init(
        header: ResponseHeader? = nil, version: String = "", dbSize: Int64 = 0,
        leader: UInt64 = 0, raftIndex: UInt64 = 0, raftTerm: UInt64 = 0,
        raftAppliedIndex: UInt64 = 0, errors: [String] = [], dbSizeInUse: Int64 = 0,
        isLearner: Bool = false, storageVersion: String = "", dbSizeQuota: Int64 = 0,
        downgradeInfo: DowngradeInfo? = nil
    ) {
        self.header = header
        self.version = version
        self.dbSize = dbSize
        self.leader = leader
        self.raftIndex = raftIndex
        self.raftTerm = raftTerm
        self.raftAppliedIndex = raftAppliedIndex
        self.errors = errors
        self.dbSizeInUse = dbSizeInUse
        self.isLearner = isLearner
        self.storageVersion = storageVersion
        self.dbSizeQuota = dbSizeQuota
        self.downgradeInfo = downgradeInfo
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "version", &version)
        visitor.field(3, "dbSize", &dbSize)
        visitor.field(4, "leader", &leader)
        visitor.field(5, "raftIndex", &raftIndex)
        visitor.field(6, "raftTerm", &raftTerm)
        visitor.field(7, "raftAppliedIndex", &raftAppliedIndex)
        visitor.field(8, "errors", &errors)
        visitor.field(9, "dbSizeInUse", &dbSizeInUse)
        visitor.field(10, "isLearner", &isLearner)
        visitor.field(11, "storageVersion", &storageVersion)
        visitor.field(12, "dbSizeQuota", &dbSizeQuota)
        visitor.field(13, "downgradeInfo", &downgradeInfo)
    }
}

/// Whether the cluster is on its way to an earlier release.
package struct DowngradeInfo: ProtobufMessage {
    package static let messageName = "etcdserverpb.DowngradeInfo"

    package var enabled = false
    package var targetVersion = ""

    package init() {}

    package init(enabled: Bool = false, targetVersion: String = "") {
        self.enabled = enabled
        self.targetVersion = targetVersion
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "enabled", &enabled)
        visitor.field(2, "targetVersion", &targetVersion)
    }
}

/// Rewrites the member's database compactly.
package struct DefragmentRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.DefragmentRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// Says that the database was rewritten.
package struct DefragmentResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.DefragmentResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Asks for a hash over the whole database.
package struct HashRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.HashRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// The hash over the whole database.
package struct HashResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.HashResponse"

    package var header: ResponseHeader?
    package var hash: UInt32 = 0

    package init() {}

    package init(header: ResponseHeader? = nil, hash: UInt32 = 0) {
        self.header = header
        self.hash = hash
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "hash", &hash)
    }
}

/// Asks for a hash over the key space at a revision; 0 means the current one.
package struct HashKVRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.HashKVRequest"

    package var revision: Int64 = 0

    package init() {}

    package init(revision: Int64 = 0) {
        self.revision = revision
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "revision", &revision)
    }
}

/// The hash over the key space.
package struct HashKVResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.HashKVResponse"

    package var header: ResponseHeader?
    package var hash: UInt32 = 0
    package var compactRevision: Int64 = 0
    package var hashRevision: Int64 = 0

    package init() {}

    package init(
        header: ResponseHeader? = nil, hash: UInt32 = 0, compactRevision: Int64 = 0,
        hashRevision: Int64 = 0
    ) {
        self.header = header
        self.hash = hash
        self.compactRevision = compactRevision
        self.hashRevision = hashRevision
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "hash", &hash)
        visitor.field(3, "compact_revision", &compactRevision)
        visitor.field(4, "hash_revision", &hashRevision)
    }
}

/// Asks for the database as a file.
package struct SnapshotRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.SnapshotRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// A piece of the database file; the last one is its SHA-256.
package struct SnapshotResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.SnapshotResponse"

    package var header: ResponseHeader?
    package var remainingBytes: UInt64 = 0
    package var blob = Bytes.empty
    package var version = ""

    package init() {}

    package init(
        header: ResponseHeader? = nil, remainingBytes: UInt64 = 0, blob: Bytes = .empty,
        version: String = ""
    ) {
        self.header = header
        self.remainingBytes = remainingBytes
        self.blob = blob
        self.version = version
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "remaining_bytes", &remainingBytes)
        visitor.field(3, "blob", &blob)
        visitor.field(4, "version", &version)
    }
}

/// Hands leadership to another member.
package struct MoveLeaderRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.MoveLeaderRequest"

    package var targetID: UInt64 = 0

    package init() {}

    package init(targetID: UInt64 = 0) {
        self.targetID = targetID
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "targetID", &targetID)
    }
}

/// Says that the leader has changed.
package struct MoveLeaderResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.MoveLeaderResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Prepares the cluster for an earlier release.
package struct DowngradeRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.DowngradeRequest"

    /// What to do about a downgrade.
    package struct DowngradeAction: OpenEnum {
        package static let enumName = "etcdserverpb.DowngradeRequest.DowngradeAction"
        package static let validate = Self(rawValue: 0)
        package static let enable = Self(rawValue: 1)
        package static let cancel = Self(rawValue: 2)
        package static let names = ["VALIDATE", "ENABLE", "CANCEL"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var action = DowngradeAction.validate
    package var version = ""

    package init() {}

    package init(action: DowngradeAction = .validate, version: String = "") {
        self.action = action
        self.version = version
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "action", &action)
        visitor.field(2, "version", &version)
    }
}

/// The cluster version that is in force.
package struct DowngradeResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.DowngradeResponse"

    package var header: ResponseHeader?
    package var version = ""

    package init() {}

    package init(header: ResponseHeader? = nil, version: String = "") {
        self.header = header
        self.version = version
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "version", &version)
    }
}

/// What the log says of a downgrade.
package struct DowngradeInfoSetRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.DowngradeInfoSetRequest"

    package var enabled = false
    package var ver = ""

    package init() {}

    package init(enabled: Bool = false, ver: String = "") {
        self.enabled = enabled
        self.ver = ver
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "enabled", &enabled)
        visitor.field(2, "ver", &ver)
    }
}

/// Planted into logs by test tools; clients never send it.
package struct DowngradeVersionTestRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.DowngradeVersionTestRequest"

    package var ver = ""

    package init() {}

    package init(ver: String = "") {
        self.ver = ver
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ver", &ver)
    }
}
