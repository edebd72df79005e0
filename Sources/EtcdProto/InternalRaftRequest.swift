//  What a normal log entry holds: etcd's union of requests, or a bare v2 request (spec
//  peer-and-disk 3.2).

package import Protobuf
package import RuntimeCore

/// What a member tells of itself.
package struct MemberAttributes: ProtobufMessage {
    package static let messageName = "membershippb.Attributes"

    package var name = ""
    package var clientURLs: [String] = []

    package init() {}

    package init(name: String, clientURLs: [String]) {
        self.name = name
        self.clientURLs = clientURLs
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "name", &name)
        visitor.field(2, "client_urls", &clientURLs)
    }
}

/// A request that all members apply alike. Exactly one kind is set in what etcd writes.
package struct InternalRaftRequest: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case v2(V2Request)
        case range(RangeRequest)
        case put(PutRequest)
        case deleteRange(DeleteRangeRequest)
        case txn(TxnRequest)
        case compaction(CompactionRequest)
        case leaseGrant(LeaseGrantRequest)
        case leaseRevoke(LeaseRevokeRequest)
        case alarm(AlarmRequest)
        case leaseCheckpoint(LeaseCheckpointRequest)
        case authEnable(AuthEnableRequest)
        case authDisable(AuthDisableRequest)
        case authenticate(InternalAuthenticateRequest)
        case authStatus(AuthStatusRequest)
        case authUserAdd(AuthUserAddRequest)
        case authUserDelete(AuthUserDeleteRequest)
        case authUserGet(AuthUserGetRequest)
        case authUserChangePassword(AuthUserChangePasswordRequest)
        case authUserGrantRole(AuthUserGrantRoleRequest)
        case authUserRevokeRole(AuthUserRevokeRoleRequest)
        case authUserList(AuthUserListRequest)
        case authRoleList(AuthRoleListRequest)
        case authRoleAdd(AuthRoleAddRequest)
        case authRoleDelete(AuthRoleDeleteRequest)
        case authRoleGet(AuthRoleGetRequest)
        case authRoleGrantPermission(AuthRoleGrantPermissionRequest)
        case authRoleRevokePermission(AuthRoleRevokePermissionRequest)
        case downgradeInfoSet(DowngradeInfoSetRequest)
        case clusterVersionSet(String)
        case clusterMemberAttributesSet(id: UInt64, MemberAttributes)
        /// Any other request: its field number (0 when there is none) and undecoded content.
        case other(field: Int, Bytes)
    }

    package var header: RequestHeader?
    /// Field 1, which only requests of the v2 API use.
    package var ownID: UInt64 = 0
    package var kind: Kind

    package init(header: RequestHeader?, kind: Kind) {
        self.header = header
        self.kind = kind
    }

    /// The number under which its proposer waits for it.
    package var id: UInt64 { ownID != 0 ? ownID : header?.id ?? 0 }

    /// Of a log entry. Requests inside are slices of `bytes`.
    package init(decoding bytes: Bytes) throws(ProtobufError) {
        self.init(header: nil, kind: .other(field: 0, .empty))
        var reader = MessageReader(bytes, .stored)
        reader.next()
        while reader.number != 0 {
            switch reader.number {
            case 1: reader.field(1, "ID", &ownID)
            case 100: reader.field(100, "header", &header)
            default: kind = try Kind(reading: &reader)
            }
        }
        if let failure = reader.failure { throw failure }
    }

    package var encodedSize: Int {
        var sizer = MessageSizer()
        visit(&sizer)
        return sizer.size
    }

    package func encode(into output: inout [UInt8]) {
        MessageWriter.append(count: encodedSize, to: &output) { visit(&$0) }
    }

    private func visit<V: FieldVisitor>(_ visitor: inout V) {
        var ownID = ownID
        visitor.field(1, "ID", &ownID)
        kind.visitKeySpace(&visitor)
        var header = header
        visitor.field(100, "header", &header)
        kind.visitOthers(&visitor)
    }
}

extension InternalRaftRequest.Kind {
    /// Kinds with numbers below the header's.
    fileprivate func visitKeySpace<V: FieldVisitor>(_ visitor: inout V) {
        switch self {
        case .v2(let request):
            var content: [UInt8] = []
            request.encode(into: &content)
            visitor.choice(2, "v2", Bytes(content)) { _ in }
        case .range(let request): visitor.message(3, "range", request)
        case .put(let request): visitor.message(4, "put", request)
        case .deleteRange(let request): visitor.message(5, "delete_range", request)
        case .txn(let request): visitor.message(6, "txn", request)
        case .compaction(let request): visitor.message(7, "compaction", request)
        case .leaseGrant(let request): visitor.message(8, "lease_grant", request)
        case .leaseRevoke(let request): visitor.message(9, "lease_revoke", request)
        case .alarm(let request): visitor.message(10, "alarm", request)
        case .leaseCheckpoint(let request): visitor.message(11, "lease_checkpoint", request)
        case .other(let field, let content):
            if (1..<100).contains(field) { visitor.choice(field, "other", content) { _ in } }
        default: break
        }
    }

    /// Kinds with numbers above the header's.
    fileprivate func visitOthers<V: FieldVisitor>(_ visitor: inout V) {
        switch self {
        case .authEnable(let request): visitor.message(1000, "auth_enable", request)
        case .authDisable(let request): visitor.message(1011, "auth_disable", request)
        case .authenticate(let request): visitor.message(1012, "authenticate", request)
        case .authStatus(let request): visitor.message(1013, "auth_status", request)
        case .authUserAdd(let request): visitor.message(1100, "auth_user_add", request)
        case .authUserDelete(let request):
            visitor.message(1101, "auth_user_delete", request)
        case .authUserGet(let request): visitor.message(1102, "auth_user_get", request)
        case .authUserChangePassword(let request):
            visitor.message(1103, "auth_user_change_password", request)
        case .authUserGrantRole(let request):
            visitor.message(1104, "auth_user_grant_role", request)
        case .authUserRevokeRole(let request):
            visitor.message(1105, "auth_user_revoke_role", request)
        case .authUserList(let request): visitor.message(1106, "auth_user_list", request)
        case .authRoleList(let request): visitor.message(1107, "auth_role_list", request)
        case .authRoleAdd(let request): visitor.message(1200, "auth_role_add", request)
        case .authRoleDelete(let request):
            visitor.message(1201, "auth_role_delete", request)
        case .authRoleGet(let request): visitor.message(1202, "auth_role_get", request)
        case .authRoleGrantPermission(let request):
            visitor.message(1203, "auth_role_grant_permission", request)
        case .authRoleRevokePermission(let request):
            visitor.message(1204, "auth_role_revoke_permission", request)
        case .downgradeInfoSet(let request):
            visitor.message(1302, "downgrade_info_set", request)
        case .clusterVersionSet(let version):
            let request = ClusterVersionSetRequest(version)
            visitor.message(1300, "cluster_version_set", request)
        case .clusterMemberAttributesSet(let id, let attributes):
            let request = ClusterMemberAttributesSetRequest(id, attributes)
            visitor.message(1301, "cluster_member_attr_set", request)
        case .other(let field, let content):
            if field > 100 { visitor.choice(field, "other", content) { _ in } }
        default: break
        }
    }

    /// The current field, whatever it is.
    fileprivate init(reading reader: inout MessageReader) throws(ProtobufError) {
        switch reader.number {
        case 2: self = .v2(try V2Request(decoding: reader.takeBytes()))
        case 3: self = .range(reader.takeMessage(RangeRequest.self))
        case 4: self = .put(reader.takeMessage(PutRequest.self))
        case 5: self = .deleteRange(reader.takeMessage(DeleteRangeRequest.self))
        case 6: self = .txn(reader.takeMessage(TxnRequest.self))
        case 7: self = .compaction(reader.takeMessage(CompactionRequest.self))
        case 8: self = .leaseGrant(reader.takeMessage(LeaseGrantRequest.self))
        case 9: self = .leaseRevoke(reader.takeMessage(LeaseRevokeRequest.self))
        case 10: self = .alarm(reader.takeMessage(AlarmRequest.self))
        case 11: self = .leaseCheckpoint(reader.takeMessage(LeaseCheckpointRequest.self))
        case 1000...1299: self = Self(readingAuthentication: &reader)
        case 1300: self = .clusterVersionSet(reader.takeMessage(ClusterVersionSetRequest.self).ver)
        case 1301:
            let request = reader.takeMessage(ClusterMemberAttributesSetRequest.self)
            self = .clusterMemberAttributesSet(
                id: request.memberID, request.memberAttributes ?? MemberAttributes())
        case 1302: self = .downgradeInfoSet(reader.takeMessage(DowngradeInfoSetRequest.self))
        default: self = .other(field: reader.number, reader.takeBytes())
        }
    }

    private init(readingAuthentication reader: inout MessageReader) {
        switch reader.number {
        case 1000: self = .authEnable(reader.takeMessage(AuthEnableRequest.self))
        case 1011: self = .authDisable(reader.takeMessage(AuthDisableRequest.self))
        case 1012: self = .authenticate(reader.takeMessage(InternalAuthenticateRequest.self))
        case 1013: self = .authStatus(reader.takeMessage(AuthStatusRequest.self))
        case 1100: self = .authUserAdd(reader.takeMessage(AuthUserAddRequest.self))
        case 1101: self = .authUserDelete(reader.takeMessage(AuthUserDeleteRequest.self))
        case 1102: self = .authUserGet(reader.takeMessage(AuthUserGetRequest.self))
        case 1103:
            self = .authUserChangePassword(
                reader.takeMessage(AuthUserChangePasswordRequest.self))
        case 1104: self = .authUserGrantRole(reader.takeMessage(AuthUserGrantRoleRequest.self))
        case 1105: self = .authUserRevokeRole(reader.takeMessage(AuthUserRevokeRoleRequest.self))
        case 1106: self = .authUserList(reader.takeMessage(AuthUserListRequest.self))
        case 1107: self = .authRoleList(reader.takeMessage(AuthRoleListRequest.self))
        case 1200: self = .authRoleAdd(reader.takeMessage(AuthRoleAddRequest.self))
        case 1201: self = .authRoleDelete(reader.takeMessage(AuthRoleDeleteRequest.self))
        case 1202: self = .authRoleGet(reader.takeMessage(AuthRoleGetRequest.self))
        case 1203:
            self = .authRoleGrantPermission(
                reader.takeMessage(AuthRoleGrantPermissionRequest.self))
        case 1204:
            self = .authRoleRevokePermission(
                reader.takeMessage(AuthRoleRevokePermissionRequest.self))
        default: self = .other(field: reader.number, reader.takeBytes())
        }
    }
}

/// The cluster version, from now on.
struct ClusterVersionSetRequest: ProtobufMessage {
    static let messageName = "membershippb.ClusterVersionSetRequest"

    var ver = ""

    init() {}

    init(_ version: String) { ver = version }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "ver", &ver)
    }
}

/// What a member tells of itself when it starts.
struct ClusterMemberAttributesSetRequest: ProtobufMessage {
    static let messageName = "membershippb.ClusterMemberAttrSetRequest"

    var memberID: UInt64 = 0
    var memberAttributes: MemberAttributes?

    init() {}

    init(_ id: UInt64, _ attributes: MemberAttributes) {
        memberID = id
        memberAttributes = attributes
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "member_ID", &memberID)
        visitor.field(2, "member_attributes", &memberAttributes)
    }
}

/// The content of a normal entry.
package enum EntryPayload: Sendable, Hashable {
    /// The entry that opens a leader's term.
    case empty
    case v2(V2Request)
    case internalRequest(InternalRaftRequest)

    /// A union, or a bare request of the v2 API.
    ///
    /// - Throws: when it is neither; an entry that cannot be read must not pass for one without
    ///   effect, since it has one on other members.
    package static func decode(_ data: Bytes) throws(ProtobufError) -> EntryPayload {
        if data.isEmpty { return .empty }
        guard let method = methodOfBareRequest(data) else {
            return .internalRequest(try InternalRaftRequest(decoding: data))
        }
        // The usual case without a failed attempt.
        if method.count <= 6, V2Method(method) != .other {
            return .v2(try V2Request(decoding: data))
        }
        // A union may begin alike, with its own id and a v2 request inside; the name of a method is
        // no message.
        do throws(ProtobufError) {
            return .internalRequest(try InternalRaftRequest(decoding: data))
        } catch {
            guard let request = try? V2Request(decoding: data) else { throw error }
            return .v2(request)
        }
    }

    /// Bare requests begin with id and method, written even when they are empty.
    private static func methodOfBareRequest(_ data: Bytes) -> Bytes? {
        var reader = ProtobufReader(data)
        guard (try? reader.next()) == 1, (try? reader.unsigned()) != nil,
            (try? reader.next()) == 2
        else { return nil }
        return try? reader.bytes()
    }
}
