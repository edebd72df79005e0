//  Every message of the API, and random content for them.

import EtcdProto
import RuntimeCore

let allMessages: [any ProtobufMessage.Type] = [
    AlarmMember.self, AlarmRequest.self, AlarmResponse.self, AuthDisableRequest.self,
    AuthDisableResponse.self, AuthEnableRequest.self, AuthEnableResponse.self, AuthRole.self,
    AuthRoleAddRequest.self, AuthRoleAddResponse.self, AuthRoleDeleteRequest.self,
    AuthRoleDeleteResponse.self, AuthRoleGetRequest.self, AuthRoleGetResponse.self,
    AuthRoleGrantPermissionRequest.self, AuthRoleGrantPermissionResponse.self,
    AuthRoleListRequest.self, AuthRoleListResponse.self, AuthRoleRevokePermissionRequest.self,
    AuthRoleRevokePermissionResponse.self, AuthStatusRequest.self, AuthStatusResponse.self,
    AuthUserAddRequest.self, AuthUserAddResponse.self, AuthUserChangePasswordRequest.self,
    AuthUserChangePasswordResponse.self, AuthUserDeleteRequest.self, AuthUserDeleteResponse.self,
    AuthUserGetRequest.self, AuthUserGetResponse.self, AuthUserGrantRoleRequest.self,
    AuthUserGrantRoleResponse.self, AuthUserListRequest.self, AuthUserListResponse.self,
    AuthUserRevokeRoleRequest.self, AuthUserRevokeRoleResponse.self, AuthenticateRequest.self,
    AuthenticateResponse.self, CampaignRequest.self, CampaignResponse.self, ClusterMember.self,
    CompactionRequest.self, CompactionResponse.self, Compare.self, DefragmentRequest.self,
    DefragmentResponse.self, DeleteRangeRequest.self, DeleteRangeResponse.self,
    DowngradeInfo.self, DowngradeInfoSetRequest.self, DowngradeRequest.self,
    DowngradeResponse.self, DowngradeVersionTestRequest.self, Event.self, HashKVRequest.self,
    HashKVResponse.self, HashRequest.self, HashResponse.self, InternalAuthenticateRequest.self,
    KeyValue.self, LeaderKey.self, LeaderRequest.self, LeaderResponse.self, LeaseCheckpoint.self,
    LeaseCheckpointRequest.self, LeaseCheckpointResponse.self, LeaseGrantRequest.self,
    LeaseGrantResponse.self, LeaseInternalRequest.self, LeaseInternalResponse.self,
    LeaseKeepAliveRequest.self, LeaseKeepAliveResponse.self, LeaseLeasesRequest.self,
    LeaseLeasesResponse.self, LeaseRecord.self, LeaseRevokeRequest.self,
    LeaseRevokeResponse.self, LeaseStatus.self, LeaseTimeToLiveRequest.self,
    LeaseTimeToLiveResponse.self, LockRequest.self, LockResponse.self, MemberAddRequest.self,
    MemberAddResponse.self, MemberAttributes.self, MemberListRequest.self,
    MemberListResponse.self, MemberPromoteRequest.self, MemberPromoteResponse.self,
    MemberRemoveRequest.self, MemberRemoveResponse.self, MemberUpdateRequest.self,
    MemberUpdateResponse.self, MoveLeaderRequest.self, MoveLeaderResponse.self, Permission.self,
    ProclaimRequest.self, ProclaimResponse.self, PutRequest.self, PutResponse.self,
    RangeRequest.self, RangeResponse.self, RangeStreamResponse.self, RequestHeader.self,
    RequestOp.self, ResignRequest.self, ResignResponse.self, ResponseHeader.self,
    ResponseOp.self, SnapshotRequest.self, SnapshotResponse.self, StatusRequest.self,
    StatusResponse.self, TxnRequest.self, TxnResponse.self, UnlockRequest.self,
    UnlockResponse.self, User.self, UserAddOptions.self, WatchCancelRequest.self,
    WatchCreateRequest.self, WatchProgressRequest.self, WatchRequest.self, WatchResponse.self,
]

extension ProtobufMessage {
    static func random(_ random: inout RandomSource) -> Self {
        var message = Self()
        var visitor = RandomVisitor(random: random, depth: 0)
        message.visit(&visitor)
        random = visitor.random
        return message
    }
}

/// Fills a message with random values, zero and the extremes among them.
private struct RandomVisitor: FieldVisitor {
    var random: RandomSource
    let depth: Int

    private mutating func number() -> UInt64 {
        switch random.below(4) {
        case 0: 0
        case 1: UInt64(bitPattern: Int64(random.below(7) - 3))
        case 2: UInt64(1) << UInt64(random.below(64))
        default: random.next() >> UInt64(random.below(64))
        }
    }

    private mutating func content() -> Bytes {
        let count = random.oneIn(8) ? 100 + random.below(100) : random.below(10)
        return Bytes((0..<count).map { _ in UInt8(random.below(256)) })
    }

    private mutating func text() -> String {
        let alphabet = Array("abc/:\"\\<&>é\u{2028}😀\n\u{1}")
        return String((0..<random.below(10)).map { _ in alphabet[random.below(alphabet.count)] })
    }

    private mutating func element<E: OpenEnum>() -> E {
        E(rawValue: random.oneIn(4) ? Int32(truncatingIfNeeded: number()) : Int32(random.below(3)))
    }

    private mutating func message<M: ProtobufMessage>() -> M {
        var message = M()
        if depth > 3 { return message }
        var inner = RandomVisitor(random: random, depth: depth + 1)
        message.visit(&inner)
        random = inner.random
        return message
    }

    private mutating func list<Element>(
        _ make: (inout RandomVisitor) -> Element
    ) -> [Element] {
        (0..<random.below(depth > 3 ? 1 : 4)).map { _ in make(&self) }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Int64) {
        value = Int64(bitPattern: self.number())
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt64) {
        value = self.number()
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout UInt32) {
        value = UInt32(truncatingIfNeeded: self.number())
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bool) {
        value = random.oneIn(2)
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout String) {
        value = text()
    }

    mutating func field(_ number: Int, _ name: StaticString, _ value: inout Bytes) {
        value = content()
    }

    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ value: inout E) {
        value = element()
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: inout M?
    ) {
        value = random.oneIn(4) ? nil : message()
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [String]) {
        list = self.list { $0.text() }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout [Bytes]) {
        list = self.list { $0.content() }
    }

    mutating func field<E: OpenEnum>(_ number: Int, _ name: StaticString, _ list: inout [E]) {
        list = self.list { $0.element() }
    }

    mutating func field<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ list: inout [M]
    ) {
        list = self.list { $0.message() }
    }

    mutating func field(_ number: Int, _ name: StaticString, _ list: inout KeyValueList) {
        let elements: [KeyValue] = self.list { $0.message() }
        list = KeyValueList(elements)
    }

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Int64?, _ set: (Int64) -> Void
    ) {
        if random.oneIn(3) { set(Int64(bitPattern: self.number())) }
    }

    mutating func choice(
        _ number: Int, _ name: StaticString, _ value: Bytes?, _ set: (Bytes) -> Void
    ) {
        if random.oneIn(3) { set(content()) }
    }

    mutating func choice<M: ProtobufMessage>(
        _ number: Int, _ name: StaticString, _ value: M?, _ set: (M) -> Void
    ) {
        if random.oneIn(3) { set(message()) }
    }
}
