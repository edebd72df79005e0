//  Where users and roles of the v2 API live in the tree, and reading them from this member's copy.

import EtcdAuth
import EtcdServer
import EtcdV2Store
import RuntimeCore

enum V2AuthRecords {
    static let directory = Bytes("/2")
    static let users = Bytes("/2/users")
    static let roles = Bytes("/2/roles")
    static let enabled = Bytes("/2/enabled")

    static func path(ofUser name: Bytes) -> Bytes { Bytes(users.array + [0x2F] + name.array) }
    static func path(ofRole name: Bytes) -> Bytes { Bytes(roles.array + [0x2F] + name.array) }

    /// `nil` when there is none that can be read.
    static func user(_ name: Bytes, in keyspace: V2Keyspace) -> V2User? {
        guard isName(name), let record = keyspace.peek(path(ofUser: name)) else { return nil }
        return try? V2User(record: record)
    }

    static func role(_ name: Bytes, in keyspace: V2Keyspace) -> V2Role? {
        if name == V2Role.root { return V2Role.rootRole }
        guard isName(name), let record = keyspace.peek(path(ofRole: name)) else { return nil }
        return try? V2Role(record: record)
    }

    /// A name comes from a header or a record; it must not lead elsewhere in the tree.
    private static func isName(_ name: Bytes) -> Bool {
        !name.isEmpty && !name.array.contains(0x2F) && name != Bytes(".") && name != Bytes("..")
    }
}
