//  The Auth service: switching it on and off, and authenticating (spec grpc-v3 2 and 11).

/// Switches authentication on.
package struct AuthEnableRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthEnableRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// Says that authentication is on.
package struct AuthEnableResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthEnableResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Switches authentication off.
package struct AuthDisableRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthDisableRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// Says that authentication is off.
package struct AuthDisableResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthDisableResponse"

    package var header: ResponseHeader?

    package init() {}

    package init(header: ResponseHeader? = nil) {
        self.header = header
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
    }
}

/// Asks whether authentication is on.
package struct AuthStatusRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthStatusRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// Whether authentication is on, and the revision of its data.
package struct AuthStatusResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthStatusResponse"

    package var header: ResponseHeader?
    package var enabled = false
    package var authRevision: UInt64 = 0

    package init() {}

    package init(header: ResponseHeader? = nil, enabled: Bool = false, authRevision: UInt64 = 0) {
        self.header = header
        self.enabled = enabled
        self.authRevision = authRevision
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "enabled", &enabled)
        visitor.field(3, "authRevision", &authRevision)
    }
}

/// Asks for a token.
package struct AuthenticateRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthenticateRequest"

    package var name = ""
    package var password = ""

    package init() {}

    package init(name: String = "", password: String = "") {
        self.name = name
        self.password = password
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "password", &password)
    }
}

/// The log's form of a checked `AuthenticateRequest`: never with a password.
package struct InternalAuthenticateRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.InternalAuthenticateRequest"

    package var name = ""
    package var password = ""
    package var simpleToken = ""

    package init() {}

    package init(name: String = "", password: String = "", simpleToken: String = "") {
        self.name = name
        self.password = password
        self.simpleToken = simpleToken
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "password", &password)
        visitor.field(3, "simple_token", &simpleToken)
    }
}

/// A token.
package struct AuthenticateResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.AuthenticateResponse"

    package var header: ResponseHeader?
    package var token = ""

    package init() {}

    package init(header: ResponseHeader? = nil, token: String = "") {
        self.header = header
        self.token = token
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "token", &token)
    }
}

/// Whose request stands in a log entry, and under which number it is awaited.
package struct RequestHeader: ProtobufMessage {
    package static let messageName = "etcdserverpb.RequestHeader"

    package var id: UInt64 = 0
    package var username = ""
    package var authRevision: UInt64 = 0

    package init() {}

    package init(id: UInt64 = 0, username: String = "", authRevision: UInt64 = 0) {
        self.id = id
        self.username = username
        self.authRevision = authRevision
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ID", &id)
        visitor.field(2, "username", &username)
        visitor.field(3, "auth_revision", &authRevision)
    }
}
