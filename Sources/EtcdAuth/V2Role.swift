//  A role of the v2 API: its record below `/2/roles`, what its patterns allow, and how one request
//  changes them.

package import Protobuf
package import RuntimeCore

/// Patterns of keys, for reading and for writing.
package struct V2Permissions: Sendable, Hashable {
    package var read: [Bytes]?
    package var write: [Bytes]?

    package init(read: [Bytes]? = nil, write: [Bytes]? = nil) {
        self.read = read
        self.write = write
    }

    package var isEmpty: Bool { (read ?? []).isEmpty && (write ?? []).isEmpty }

    init(_ json: JSONValue) throws(V2RecordError) {
        for field in try V2Record.fields(json) where field.name == "kv" {
            for list in try V2Record.fields(field.value) {
                switch list.name {
                case "read": try V2Record.read(list.value, into: &read)
                case "write": try V2Record.read(list.value, into: &write)
                default: break
                }
            }
        }
    }

    fileprivate func granting(_ more: V2Permissions) throws(V2AuthError) -> V2Permissions {
        func merged(_ held: [Bytes]?, _ added: [Bytes]?, _ kind: String) throws(V2AuthError)
            -> [Bytes]
        {
            var patterns = Set(held ?? [])
            for pattern in added ?? [] where !patterns.insert(pattern).inserted {
                throw V2AuthError(
                    409, "auth: Granting duplicate \(kind) permission \(pattern.text)")
            }
            return patterns.sorted()
        }
        return V2Permissions(
            read: try merged(read, more.read, "read"), write: try merged(write, more.write, "write")
        )
    }

    /// What is not granted is passed over.
    fileprivate func revoking(_ less: V2Permissions) -> V2Permissions {
        V2Permissions(
            read: Set(read ?? []).subtracting(less.read ?? []).sorted(),
            write: Set(write ?? []).subtracting(less.write ?? []).sorted())
    }

    fileprivate func writeJSON(into output: inout [UInt8]) {
        output += Array("{\"kv\":{\"read\":".utf8)
        V2Record.write(read, into: &output)
        output += Array(",\"write\":".utf8)
        V2Record.write(write, into: &output)
        output += Array("}}".utf8)
    }
}

package struct V2Role: Sendable, Hashable {
    package static let root = Bytes("root")
    package static let guest = Bytes("guest")
    private static let everything = V2Permissions(read: [Bytes("/*")], write: [Bytes("/*")])
    /// Built in; not in the store.
    package static let rootRole = V2Role(name: root, permissions: everything)
    /// What everybody may do from the first enabling on, until somebody changes it.
    package static let guestRole = V2Role(name: guest, permissions: everything)

    package var name = Bytes.empty
    package var permissions = V2Permissions()
    package var grant: V2Permissions?
    package var revoke: V2Permissions?

    package init(name: Bytes = .empty, permissions: V2Permissions = V2Permissions()) {
        self.name = name
        self.permissions = permissions
    }

    package init(_ json: JSONValue) throws(V2RecordError) {
        for field in try V2Record.fields(json) {
            switch field.name {
            case "role": try V2Record.read(field.value, into: &name)
            case "permissions":
                if case .null = field.value { continue }
                permissions = try V2Permissions(field.value)
            case "grant": grant = try V2Role.optional(field.value)
            case "revoke": revoke = try V2Role.optional(field.value)
            default: break
            }
        }
    }

    package init(record: Bytes) throws(V2RecordError) {
        guard let json = try? JSONValue.parse(record) else { throw V2RecordError() }
        try self.init(json)
    }

    private static func optional(_ json: JSONValue) throws(V2RecordError) -> V2Permissions? {
        if case .null = json { return nil }
        return try V2Permissions(json)
    }

    package var isUpdate: Bool { grant?.isEmpty == false || revoke?.isEmpty == false }

    /// Whether this role opens `key`, which begins with a slash.
    ///
    /// - Parameter recursive: everything below the key as well.
    package func allows(_ key: Bytes, write: Bool, recursive: Bool) -> Bool {
        if name == V2Role.root { return true }
        let patterns = (write ? permissions.write : permissions.read) ?? []
        return patterns.contains { pattern in
            guard !pattern.isEmpty else { return false }
            let last = pattern.count - 1
            if pattern[last] == UInt8(ascii: "*") {
                return key.prefix(last) == pattern.prefix(last)
            }
            return !recursive && key == pattern
        }
    }

    package func merged(with change: V2Role) throws(V2AuthError) -> V2Role {
        var merged = V2Role(name: name, permissions: permissions)
        if let more = change.grant { merged.permissions = try merged.permissions.granting(more) }
        if let less = change.revoke { merged.permissions = merged.permissions.revoking(less) }
        if merged == self {
            throw V2AuthError(
                400, "auth: Role not updated. Use grant/revoke to update the role.")
        }
        return merged
    }

    package func json() -> [UInt8] {
        var output: [UInt8] = Array("{\"role\":".utf8)
        JSONValue.writeString(name, into: &output)
        output += Array(",\"permissions\":".utf8)
        permissions.writeJSON(into: &output)
        for (name, change) in [("grant", grant), ("revoke", revoke)] {
            guard let change else { continue }
            output += Array(",\"\(name)\":".utf8)
            change.writeJSON(into: &output)
        }
        output.append(UInt8(ascii: "}"))
        return output
    }
}
