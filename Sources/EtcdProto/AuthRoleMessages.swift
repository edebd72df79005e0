//  The Auth service's messages about roles (spec grpc-v3 2 and 11).

package import RuntimeCore

/// Adds a role.
package struct AuthRoleAddRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleAddRequest"

    package var name = ""

    package init() {}

    package init(name: String = "") {
        self.name = name
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
    }
}

/// Says that a role was added.
package struct AuthRoleAddResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleAddResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Asks for a role's permissions.
package struct AuthRoleGetRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleGetRequest"

    package var role = ""

    package init() {}

    package init(role: String = "") {
        self.role = role
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "role", &role)
    }
}

/// A role's permissions.
package struct AuthRoleGetResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleGetResponse"

    package var header: ResponseHeader?
    package var perm: [Permission] = []

    package init() {}

    package init(header: ResponseHeader? = nil, perm: [Permission] = []) {
        self.header = header
        self.perm = perm
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "perm", &perm)
    }
}

/// Asks for all roles.
package struct AuthRoleListRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleListRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// All roles.
package struct AuthRoleListResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleListResponse"

    package var header: ResponseHeader?
    package var roles: [String] = []

    package init() {}

    package init(header: ResponseHeader? = nil, roles: [String] = []) {
        self.header = header
        self.roles = roles
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "roles", &roles)
    }
}

/// Removes a role.
package struct AuthRoleDeleteRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleDeleteRequest"

    package var role = ""

    package init() {}

    package init(role: String = "") {
        self.role = role
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "role", &role)
    }
}

/// Says that a role is gone.
package struct AuthRoleDeleteResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleDeleteResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Gives a permission to a role.
package struct AuthRoleGrantPermissionRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleGrantPermissionRequest"

    package var name = ""
    package var perm: Permission?

    package init() {}

    package init(name: String = "", perm: Permission? = nil) {
        self.name = name
        self.perm = perm
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "perm", &perm)
    }
}

/// Says that a permission was given.
package struct AuthRoleGrantPermissionResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleGrantPermissionResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Takes the permission on a range from a role.
package struct AuthRoleRevokePermissionRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleRevokePermissionRequest"

    package var role = ""
    package var key = Bytes.empty
    package var rangeEnd = Bytes.empty

    package init() {}

    package init(role: String = "", key: Bytes = .empty, rangeEnd: Bytes = .empty) {
        self.role = role
        self.key = key
        self.rangeEnd = rangeEnd
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "role", &role)
        visitor.field(2, "key", &key)
        visitor.field(3, "range_end", &rangeEnd)
    }
}

/// Says that a permission was taken.
package struct AuthRoleRevokePermissionResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthRoleRevokePermissionResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}
