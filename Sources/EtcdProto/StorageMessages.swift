//  Messages that stand in the database as well as on the wire: key values, events, leases, users,
//  roles, alarms (spec grpc-v3 2, peer-and-disk 6).

package import RuntimeCore

/// A key's state at one revision. In the database a deletion holds the key alone.
package struct KeyValue: ProtobufMessage {
    package static let messageName = "mvccpb.KeyValue"

    package var key = Bytes.empty
    package var createRevision: Int64 = 0
    package var modRevision: Int64 = 0
    package var version: Int64 = 0
    package var value = Bytes.empty
    package var lease: Int64 = 0

    package init() {}

    package init(
        key: Bytes = .empty, createRevision: Int64 = 0, modRevision: Int64 = 0,
        version: Int64 = 0, value: Bytes = .empty, lease: Int64 = 0
    ) {
        self.key = key
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.version = version
        self.value = value
        self.lease = lease
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
        visitor.field(2, "create_revision", &createRevision)
        visitor.field(3, "mod_revision", &modRevision)
        visitor.field(4, "version", &version)
        visitor.field(5, "value", &value)
        visitor.field(6, "lease", &lease)
    }
}

/// One change as watchers see it.
package struct Event: ProtobufMessage {
    package static let messageName = "mvccpb.Event"

    /// What happened to the key.
    package struct EventType: OpenEnum {
        package static let enumName = "mvccpb.Event.EventType"
        package static let put = Self(rawValue: 0)
        package static let delete = Self(rawValue: 1)
        package static let names = ["PUT", "DELETE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var type = EventType.put
    package var kv: KeyValue?
    package var prevKV: KeyValue?

    package init() {}

    package init(type: EventType = .put, kv: KeyValue? = nil, prevKV: KeyValue? = nil) {
        self.type = type
        self.kv = kv
        self.prevKV = prevKV
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "type", &type)
        visitor.field(2, "kv", &kv)
        visitor.field(3, "prev_kv", &prevKV)
    }
}

/// A lease as the database keeps it (`leasepb.Lease`).
package struct LeaseRecord: ProtobufMessage {
    package static let messageName = "leasepb.Lease"

    package var id: Int64 = 0
    package var ttl: Int64 = 0
    /// As of the last checkpoint; 0 when there was none.
    package var remainingTTL: Int64 = 0

    package init() {}

    package init(id: Int64 = 0, ttl: Int64 = 0, remainingTTL: Int64 = 0) {
        self.id = id
        self.ttl = ttl
        self.remainingTTL = remainingTTL
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "TTL", &ttl)
        visitor.field(3, "RemainingTTL", &remainingTTL)
    }
}

/// What is wrong with a member.
package struct AlarmType: OpenEnum {
    package static let enumName = "etcdserverpb.AlarmType"
    package static let none = Self(rawValue: 0)
    package static let nospace = Self(rawValue: 1)
    package static let corrupt = Self(rawValue: 2)
    package static let names = ["NONE", "NOSPACE", "CORRUPT"]

    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
}

/// An alarm that a member has raised.
package struct AlarmMember: ProtobufMessage {
    package static let messageName = "etcdserverpb.AlarmMember"

    package var memberID: UInt64 = 0
    package var alarm = AlarmType.none

    package init() {}

    package init(memberID: UInt64 = 0, alarm: AlarmType = .none) {
        self.memberID = memberID
        self.alarm = alarm
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "memberID", &memberID)
        visitor.field(2, "alarm", &alarm)
    }
}

/// How a user may log in.
package struct UserAddOptions: ProtobufMessage {
    package static let messageName = "authpb.UserAddOptions"

    package var noPassword = false

    package init() {}

    package init(noPassword: Bool = false) {
        self.noPassword = noPassword
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "no_password", &noPassword)
    }
}

/// A user as the database keeps it; the password is the text of its bcrypt hash.
package struct User: ProtobufMessage {
    package static let messageName = "authpb.User"

    package var name = Bytes.empty
    package var password = Bytes.empty
    package var roles: [String] = []
    package var options: UserAddOptions?

    package init() {}

    package init(
        name: Bytes = .empty, password: Bytes = .empty, roles: [String] = [],
        options: UserAddOptions? = nil
    ) {
        self.name = name
        self.password = password
        self.roles = roles
        self.options = options
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "password", &password)
        visitor.field(3, "roles", &roles)
        visitor.field(4, "options", &options)
    }
}

/// What a role may do to a range of keys.
package struct Permission: ProtobufMessage {
    package static let messageName = "authpb.Permission"

    /// The proto's `Permission.Type`, a name that Swift keeps for itself.
    package struct Kind: OpenEnum {
        package static let enumName = "authpb.Permission.Type"
        package static let read = Self(rawValue: 0)
        package static let write = Self(rawValue: 1)
        package static let readwrite = Self(rawValue: 2)
        package static let names = ["READ", "WRITE", "READWRITE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var permType = Kind.read
    package var key = Bytes.empty
    package var rangeEnd = Bytes.empty

    package init() {}

    package init(permType: Kind = .read, key: Bytes = .empty, rangeEnd: Bytes = .empty) {
        self.permType = permType
        self.key = key
        self.rangeEnd = rangeEnd
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "permType", &permType)
        visitor.field(2, "key", &key)
        visitor.field(3, "range_end", &rangeEnd)
    }
}

/// A role as the database keeps it (`authpb.Role`); `Role` alone is RuntimeCore's.
package struct AuthRole: ProtobufMessage {
    package static let messageName = "authpb.Role"

    package var name = Bytes.empty
    package var keyPermission: [Permission] = []

    package init() {}

    package init(name: Bytes = .empty, keyPermission: [Permission] = []) {
        self.name = name
        self.keyPermission = keyPermission
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "keyPermission", &keyPermission)
    }
}
