//  The membership as it is kept inside the v2 store, where snapshots carry it and where members of
//  every 2.x and 3.x release look for it (spec peer-and-disk 4.2).

package import EtcdMembership
package import EtcdV2Store
package import Raft
package import RuntimeCore

/// The saved membership could not be read.
package struct ClusterRecordError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// Paths and values under `/0`.
package enum ClusterRecords {
    static let membersPath = "/0/members"
    static let removedPath = "/0/removed_members"
    static let versionPath: Bytes = Bytes("/0/version")

    static func memberPath(_ id: MemberID) -> Bytes { Bytes("\(membersPath)/\(id)") }
    static func raftAttributesPath(_ id: MemberID) -> Bytes {
        Bytes("\(membersPath)/\(id)/raftAttributes")
    }
    package static func attributesPath(_ id: MemberID) -> Bytes {
        Bytes("\(membersPath)/\(id)/attributes")
    }
    static func removedPath(_ id: MemberID) -> Bytes { Bytes("\(removedPath)/\(id)") }

    /// The member whose attributes a v2 write to `path` sets, if it does that.
    static func member(publishingTo path: Bytes) -> MemberID? {
        let text = path.text
        guard text.hasPrefix(membersPath + "/"), text.hasSuffix("/attributes") else { return nil }
        let id = text.dropFirst(membersPath.utf8.count + 1).dropLast("/attributes".utf8.count)
        return UInt64(id, radix: 16).map { MemberID($0) }
    }

    // MARK: writing; failures would mean that store and membership disagree, which is our bug

    static func add(_ member: Member, to store: V2Store, now: WallTime) {
        expect("adding \(member.id)") { () throws(V2Error) in
            _ = try store.create(
                raftAttributesPath(member.id), isDirectory: false,
                value: Bytes(member.raftAttributesJSON), unique: false, expiration: nil, now: now)
        }
    }

    static func update(_ member: Member, in store: V2Store, now: WallTime) {
        expect("updating \(member.id)") { () throws(V2Error) in
            _ = try store.update(
                raftAttributesPath(member.id), value: Bytes(member.raftAttributesJSON),
                expiration: nil, refresh: false, now: now)
        }
    }

    static func remove(_ id: MemberID, from store: V2Store, now: WallTime) {
        expect("removing \(id)") { () throws(V2Error) in
            _ = try store.delete(memberPath(id), isDirectory: true, recursive: true, now: now)
            _ = try store.create(
                removedPath(id), isDirectory: false, value: .empty, unique: false, expiration: nil,
                now: now)
        }
    }

    static func setAttributes(_ json: Bytes, of id: MemberID, in store: V2Store, now: WallTime) {
        expect("attributes of \(id)") { () throws(V2Error) in
            _ = try store.set(
                attributesPath(id), isDirectory: false, value: json, expiration: nil,
                refresh: false, now: now)
        }
    }

    static func setVersion(_ version: String, in store: V2Store, now: WallTime) {
        expect("cluster version") { () throws(V2Error) in
            _ = try store.set(
                versionPath, isDirectory: false, value: Bytes(version), expiration: nil,
                refresh: false, now: now)
        }
    }

    private static func expect(_ what: String, _ body: () throws(V2Error) -> Void) {
        do throws(V2Error) {
            try body()
        } catch {
            preconditionFailure("membership record (\(what)): \(error.message) \(error.cause)")
        }
    }

    // MARK: reading

    /// The membership that a recovered store holds.
    package static func cluster(in store: V2Store) throws(ClusterRecordError) -> Cluster {
        let epoch = WallTime(unixNanoseconds: 0)
        var members: [Member] = []
        for node in children(of: Bytes(membersPath), in: store, now: epoch) {
            var member = Member(id: try id(of: node), peerURLs: [])
            var hasRaftAttributes = false
            for attribute in node.nodes {
                let value = attribute.value ?? .empty
                do throws(MemberFormatError) {
                    if attribute.key.text.hasSuffix("/raftAttributes") {
                        try member.readRaftAttributes(value)
                        hasRaftAttributes = true
                    } else if attribute.key.text.hasSuffix("/attributes") {
                        try member.readAttributes(value)
                    }
                } catch {
                    throw ClusterRecordError(description: "\(attribute.key.text): \(error)")
                }
            }
            // Attributes published after a removal leave a directory without raft attributes.
            if hasRaftAttributes { members.append(member) }
        }
        var removed: [MemberID] = []
        for node in children(of: Bytes(removedPath), in: store, now: epoch) {
            removed.append(try id(of: node))
        }
        let version = try? store.get(versionPath, recursive: false, sorted: false, now: epoch)
        return Cluster(members: members, removed: removed, version: version?.node.value?.text)
    }

    private static func children(of path: Bytes, in store: V2Store, now: WallTime)
        -> [V2NodeView]
    {
        // Absent in a store that has never seen a member.
        (try? store.get(path, recursive: true, sorted: true, now: now))?.node.nodes ?? []
    }

    private static func id(of node: V2NodeView) throws(ClusterRecordError) -> MemberID {
        let name = node.key.text.split(separator: "/").last ?? ""
        guard let id = UInt64(name, radix: 16) else {
            throw ClusterRecordError(description: "\(node.key.text): not a member id")
        }
        return MemberID(id)
    }
}
