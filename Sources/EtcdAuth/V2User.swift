//  A user of the v2 API: its record below `/2/users`, and how one request changes it.

package import Protobuf
package import RuntimeCore

package struct V2User: Sendable, Hashable {
    package static let root = Bytes("root")

    package var name = Bytes.empty
    /// In a request the password itself, in a record its bcrypt hash.
    package var password = Bytes.empty
    package var roles: [Bytes]?
    /// What a request adds and takes away; never in a record.
    package var grant: [Bytes]?
    package var revoke: [Bytes]?

    package init(name: Bytes = .empty) { self.name = name }

    package init(_ json: JSONValue) throws(V2RecordError) {
        for field in try V2Record.fields(json) {
            switch field.name {
            case "user": try V2Record.read(field.value, into: &name)
            case "password": try V2Record.read(field.value, into: &password)
            case "roles": try V2Record.read(field.value, into: &roles)
            case "grant": try V2Record.read(field.value, into: &grant)
            case "revoke": try V2Record.read(field.value, into: &revoke)
            default: break
            }
        }
    }

    /// A record of the store. The user root always has the role root.
    package init(record: Bytes) throws(V2RecordError) {
        guard let json = try? JSONValue.parse(record) else { throw V2RecordError() }
        try self.init(json)
        attachRootRole()
    }

    package var isUpdate: Bool { !(grant ?? []).isEmpty || !(revoke ?? []).isEmpty }

    package mutating func attachRootRole() {
        guard name == V2User.root, !(roles ?? []).contains(V2Role.root) else { return }
        roles = (roles ?? []) + [V2Role.root]
    }

    /// This user after `change`, whose password, if it has one, was hashed to `hash`.
    package func merged(with change: V2User, hash: Bytes?) throws(V2AuthError) -> V2User {
        var merged = V2User(name: name)
        merged.password = hash ?? password
        var held = Set(roles ?? [])
        for role in change.grant ?? [] where !held.insert(role).inserted {
            throw V2AuthError(
                409, "auth: Granting duplicate role \(role.text) for user \(name.text)")
        }
        for role in change.revoke ?? [] where held.remove(role) == nil {
            throw V2AuthError(
                409, "auth: Revoking ungranted role \(role.text) for user \(name.text)")
        }
        merged.roles = held.sorted()
        if merged == self {
            throw V2AuthError(
                400,
                "auth: User not updated. Use grant/revoke/password to update the user.")
        }
        return merged
    }

    /// As etcd writes it into the store, or without the password for a client.
    package func json(withPassword: Bool) -> [UInt8] {
        var output: [UInt8] = Array("{\"user\":".utf8)
        JSONValue.writeString(name, into: &output)
        if withPassword, !password.isEmpty {
            output += Array(",\"password\":".utf8)
            JSONValue.writeString(password, into: &output)
        }
        output += Array(",\"roles\":".utf8)
        V2Record.write(roles, into: &output)
        for (name, list) in [("grant", grant), ("revoke", revoke)] where !(list ?? []).isEmpty {
            output += Array(",\"\(name)\":".utf8)
            V2Record.write(list, into: &output)
        }
        output.append(UInt8(ascii: "}"))
        return output
    }
}
