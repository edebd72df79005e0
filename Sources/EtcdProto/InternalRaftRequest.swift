//  What a normal log entry holds: etcd's union of requests, or a bare v2 request (spec
//  peer-and-disk 3.2).

package import Protobuf
package import RuntimeCore

/// What a member tells of itself.
package struct MemberAttributes: Sendable, Hashable {
    package var name = ""
    package var clientURLs: [String] = []
}

package struct InternalRaftRequest: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case v2(V2Request)
        case clusterVersionSet(String)
        case clusterMemberAttributesSet(id: UInt64, MemberAttributes)
        /// Any other request: its field number (0 when there is none) and undecoded content.
        case other(field: Int, Bytes)
    }

    package var id: UInt64
    package var kind: Kind

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var id: UInt64 = 0
        var kind = Kind.other(field: 0, .empty)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: id = try reader.unsigned()
            case 2: kind = .v2(try V2Request(decoding: try reader.bytes()))
            case 100:
                let headerID = try Self.headerID(try reader.bytes())
                if id == 0 { id = headerID }
            case 1300: kind = .clusterVersionSet(try Self.version(try reader.bytes()))
            case 1301: kind = try Self.memberAttributes(try reader.bytes())
            default: kind = .other(field: field, try reader.bytes())
            }
        }
        self.id = id
        self.kind = kind
    }

    private static func headerID(_ bytes: Bytes) throws(ProtobufError) -> UInt64 {
        var id: UInt64 = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field == 1 { id = try reader.unsigned() } else { try reader.skip() }
        }
        return id
    }

    private static func version(_ bytes: Bytes) throws(ProtobufError) -> String {
        var version = ""
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field == 1 { version = try reader.text() } else { try reader.skip() }
        }
        return version
    }

    private static func memberAttributes(_ bytes: Bytes) throws(ProtobufError) -> Kind {
        var id: UInt64 = 0
        var attributes = MemberAttributes()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: id = try reader.unsigned()
            case 2:
                var inner = ProtobufReader(try reader.bytes())
                while let field = try inner.next() {
                    switch field {
                    case 1: attributes.name = try inner.text()
                    case 2: attributes.clientURLs.append(try inner.text())
                    default: try inner.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        return .clusterMemberAttributesSet(id: id, attributes)
    }
}

/// The content of a normal entry.
package enum EntryPayload: Sendable, Hashable {
    /// The entry that opens a leader's term.
    case empty
    case v2(V2Request)
    case internalRequest(InternalRaftRequest)

    /// The union first, then the bare request. No bare request reads as a union, because the name
    /// of its method is no message.
    package static func decode(_ data: Bytes) throws(ProtobufError) -> EntryPayload {
        if data.isEmpty { return .empty }
        if startsLikeV2(data) { return .v2(try V2Request(decoding: data)) }
        do throws(ProtobufError) {
            return .internalRequest(try InternalRaftRequest(decoding: data))
        } catch {
            guard let request = try? V2Request(decoding: data) else { throw error }
            return .v2(request)
        }
    }

    /// The usual case without a failed attempt: id, then a method that everybody knows.
    private static func startsLikeV2(_ data: Bytes) -> Bool {
        var reader = ProtobufReader(data)
        guard (try? reader.next()) == 1, (try? reader.unsigned()) != nil,
            (try? reader.next()) == 2, let name = try? reader.bytes()
        else { return false }
        return name.count <= 6 && V2Method(name) != .other
    }
}
