//  The Auth service's messages about users (spec grpc-v3 2 and 11).

/// Adds a user.
package struct AuthUserAddRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserAddRequest"

    package var name = ""
    package var password = ""
    package var options: UserAddOptions?
    /// Text of the bcrypt hash, in base64 form; what the log holds instead of the password.
    package var hashedPassword = ""

    package init() {}

    package init(
        name: String = "", password: String = "", options: UserAddOptions? = nil,
        hashedPassword: String = ""
    ) {
        self.name = name
        self.password = password
        self.options = options
        self.hashedPassword = hashedPassword
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "password", &password)
        visitor.field(3, "options", &options)
        visitor.field(4, "hashedPassword", &hashedPassword)
    }
}

/// Says that a user was added.
package struct AuthUserAddResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserAddResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Asks for a user's roles.
package struct AuthUserGetRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserGetRequest"

    package var name = ""

    package init() {}

    package init(name: String = "") {
        self.name = name
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
    }
}

/// A user's roles.
package struct AuthUserGetResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserGetResponse"

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

/// Asks for all users.
package struct AuthUserListRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserListRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// All users.
package struct AuthUserListResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserListResponse"

    package var header: ResponseHeader?
    package var users: [String] = []

    package init() {}

    package init(header: ResponseHeader? = nil, users: [String] = []) {
        self.header = header
        self.users = users
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "users", &users)
    }
}

/// Removes a user.
package struct AuthUserDeleteRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserDeleteRequest"

    package var name = ""

    package init() {}

    package init(name: String = "") {
        self.name = name
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
    }
}

/// Says that a user is gone.
package struct AuthUserDeleteResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserDeleteResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Gives a user another password.
package struct AuthUserChangePasswordRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserChangePasswordRequest"

    package var name = ""
    package var password = ""
    /// As in `AuthUserAddRequest`.
    package var hashedPassword = ""

    package init() {}

    package init(name: String = "", password: String = "", hashedPassword: String = "") {
        self.name = name
        self.password = password
        self.hashedPassword = hashedPassword
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "password", &password)
        visitor.field(3, "hashedPassword", &hashedPassword)
    }
}

/// Says that the password was changed.
package struct AuthUserChangePasswordResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserChangePasswordResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Gives a role to a user.
package struct AuthUserGrantRoleRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserGrantRoleRequest"

    package var user = ""
    package var role = ""

    package init() {}

    package init(user: String = "", role: String = "") {
        self.user = user
        self.role = role
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "user", &user)
        visitor.field(2, "role", &role)
    }
}

/// Says that a role was given.
package struct AuthUserGrantRoleResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserGrantRoleResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Takes a role from a user.
package struct AuthUserRevokeRoleRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserRevokeRoleRequest"

    package var name = ""
    package var role = ""

    package init() {}

    package init(name: String = "", role: String = "") {
        self.name = name
        self.role = role
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "role", &role)
    }
}

/// Says that a role was taken.
package struct AuthUserRevokeRoleResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthUserRevokeRoleResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}
