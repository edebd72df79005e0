"""The messages and methods of the v3 API, as classes made in memory from a table of names and field
numbers (no generated files). Every message is a class in this module's MESSAGE dictionary;
METHODS tells for every call its messages, its kind and its path in the JSON gateway."""

import dataclasses

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

# One message a line (indented lines go on): number:name:type, * for repeated, @ the oneof.
MESSAGES = """
ResponseHeader 1:cluster_id:uint64 2:member_id:uint64 3:revision:int64 4:raft_term:uint64
RangeRequest 1:key:bytes 2:range_end:bytes 3:limit:int64 4:revision:int64 5:sort_order:SortOrder
    6:sort_target:SortTarget 7:serializable:bool 8:keys_only:bool 9:count_only:bool
    10:min_mod_revision:int64 11:max_mod_revision:int64 12:min_create_revision:int64
    13:max_create_revision:int64
RangeResponse 1:header:ResponseHeader 2:kvs:*KeyValue 3:more:bool 4:count:int64
PutRequest 1:key:bytes 2:value:bytes 3:lease:int64 4:prev_kv:bool 5:ignore_value:bool
    6:ignore_lease:bool
PutResponse 1:header:ResponseHeader 2:prev_kv:KeyValue
DeleteRangeRequest 1:key:bytes 2:range_end:bytes 3:prev_kv:bool
DeleteRangeResponse 1:header:ResponseHeader 2:deleted:int64 3:prev_kvs:*KeyValue
RequestOp 1:request_range:RangeRequest@request 2:request_put:PutRequest@request
    3:request_delete_range:DeleteRangeRequest@request 4:request_txn:TxnRequest@request
ResponseOp 1:response_range:RangeResponse@response 2:response_put:PutResponse@response
    3:response_delete_range:DeleteRangeResponse@response 4:response_txn:TxnResponse@response
Compare 1:result:CompareResult 2:target:CompareTarget 3:key:bytes 4:version:int64@target_union
    5:create_revision:int64@target_union 6:mod_revision:int64@target_union
    7:value:bytes@target_union 8:lease:int64@target_union 64:range_end:bytes
TxnRequest 1:compare:*Compare 2:success:*RequestOp 3:failure:*RequestOp
TxnResponse 1:header:ResponseHeader 2:succeeded:bool 3:responses:*ResponseOp
CompactionRequest 1:revision:int64 2:physical:bool
CompactionResponse 1:header:ResponseHeader
HashRequest
HashKVRequest 1:revision:int64
HashKVResponse 1:header:ResponseHeader 2:hash:uint32 3:compact_revision:int64
    4:hash_revision:int64
HashResponse 1:header:ResponseHeader 2:hash:uint32
SnapshotRequest
SnapshotResponse 1:header:ResponseHeader 2:remaining_bytes:uint64 3:blob:bytes 4:version:string
WatchRequest 1:create_request:WatchCreateRequest@request_union
    2:cancel_request:WatchCancelRequest@request_union
    3:progress_request:WatchProgressRequest@request_union
WatchCreateRequest 1:key:bytes 2:range_end:bytes 3:start_revision:int64 4:progress_notify:bool
    5:filters:*FilterType 6:prev_kv:bool 7:watch_id:int64 8:fragment:bool
WatchCancelRequest 1:watch_id:int64
WatchProgressRequest
WatchResponse 1:header:ResponseHeader 2:watch_id:int64 3:created:bool 4:canceled:bool
    5:compact_revision:int64 6:cancel_reason:string 7:fragment:bool 11:events:*Event
LeaseGrantRequest 1:TTL:int64 2:ID:int64
LeaseGrantResponse 1:header:ResponseHeader 2:ID:int64 3:TTL:int64 4:error:string
LeaseRevokeRequest 1:ID:int64
LeaseRevokeResponse 1:header:ResponseHeader
LeaseCheckpoint 1:ID:int64 2:remaining_TTL:int64
LeaseCheckpointRequest 1:checkpoints:*LeaseCheckpoint
LeaseCheckpointResponse 1:header:ResponseHeader
LeaseKeepAliveRequest 1:ID:int64
LeaseKeepAliveResponse 1:header:ResponseHeader 2:ID:int64 3:TTL:int64
LeaseTimeToLiveRequest 1:ID:int64 2:keys:bool
LeaseTimeToLiveResponse 1:header:ResponseHeader 2:ID:int64 3:TTL:int64 4:grantedTTL:int64
    5:keys:*bytes
LeaseLeasesRequest
LeaseStatus 1:ID:int64
LeaseLeasesResponse 1:header:ResponseHeader 2:leases:*LeaseStatus
Member 1:ID:uint64 2:name:string 3:peerURLs:*string 4:clientURLs:*string 5:isLearner:bool
MemberAddRequest 1:peerURLs:*string 2:isLearner:bool
MemberAddResponse 1:header:ResponseHeader 2:member:Member 3:members:*Member
MemberRemoveRequest 1:ID:uint64
MemberRemoveResponse 1:header:ResponseHeader 2:members:*Member
MemberUpdateRequest 1:ID:uint64 2:peerURLs:*string
MemberUpdateResponse 1:header:ResponseHeader 2:members:*Member
MemberListRequest 1:linearizable:bool
MemberListResponse 1:header:ResponseHeader 2:members:*Member
MemberPromoteRequest 1:ID:uint64
MemberPromoteResponse 1:header:ResponseHeader 2:members:*Member
DefragmentRequest
DefragmentResponse 1:header:ResponseHeader
MoveLeaderRequest 1:targetID:uint64
MoveLeaderResponse 1:header:ResponseHeader
AlarmRequest 1:action:AlarmAction 2:memberID:uint64 3:alarm:AlarmType
AlarmMember 1:memberID:uint64 2:alarm:AlarmType
AlarmResponse 1:header:ResponseHeader 2:alarms:*AlarmMember
DowngradeRequest 1:action:DowngradeAction 2:version:string
DowngradeResponse 1:header:ResponseHeader 2:version:string
DowngradeVersionTestRequest 1:ver:string
StatusRequest
StatusResponse 1:header:ResponseHeader 2:version:string 3:dbSize:int64 4:leader:uint64
    5:raftIndex:uint64 6:raftTerm:uint64 7:raftAppliedIndex:uint64 8:errors:*string
    9:dbSizeInUse:int64 10:isLearner:bool 11:storageVersion:string 12:dbSizeQuota:int64
    13:downgradeInfo:DowngradeInfo
DowngradeInfo 1:enabled:bool 2:targetVersion:string
AuthEnableRequest
AuthDisableRequest
AuthStatusRequest
AuthenticateRequest 1:name:string 2:password:string
AuthUserAddRequest 1:name:string 2:password:string 3:options:UserAddOptions
    4:hashedPassword:string
AuthUserGetRequest 1:name:string
AuthUserDeleteRequest 1:name:string
AuthUserChangePasswordRequest 1:name:string 2:password:string 3:hashedPassword:string
AuthUserGrantRoleRequest 1:user:string 2:role:string
AuthUserRevokeRoleRequest 1:name:string 2:role:string
AuthRoleAddRequest 1:name:string
AuthRoleGetRequest 1:role:string
AuthUserListRequest
AuthRoleListRequest
AuthRoleDeleteRequest 1:role:string
AuthRoleGrantPermissionRequest 1:name:string 2:perm:Permission
AuthRoleRevokePermissionRequest 1:role:string 2:key:bytes 3:range_end:bytes
AuthEnableResponse 1:header:ResponseHeader
AuthDisableResponse 1:header:ResponseHeader
AuthStatusResponse 1:header:ResponseHeader 2:enabled:bool 3:authRevision:uint64
AuthenticateResponse 1:header:ResponseHeader 2:token:string
AuthUserAddResponse 1:header:ResponseHeader
AuthUserGetResponse 1:header:ResponseHeader 2:roles:*string
AuthUserDeleteResponse 1:header:ResponseHeader
AuthUserChangePasswordResponse 1:header:ResponseHeader
AuthUserGrantRoleResponse 1:header:ResponseHeader
AuthUserRevokeRoleResponse 1:header:ResponseHeader
AuthRoleAddResponse 1:header:ResponseHeader
AuthRoleGetResponse 1:header:ResponseHeader 2:perm:*Permission
AuthRoleListResponse 1:header:ResponseHeader 2:roles:*string
AuthUserListResponse 1:header:ResponseHeader 2:users:*string
AuthRoleDeleteResponse 1:header:ResponseHeader
AuthRoleGrantPermissionResponse 1:header:ResponseHeader
AuthRoleRevokePermissionResponse 1:header:ResponseHeader
RangeStreamResponse 1:range_response:RangeResponse
KeyValue 1:key:bytes 2:create_revision:int64 3:mod_revision:int64 4:version:int64 5:value:bytes
    6:lease:int64
Event 1:type:EventType 2:kv:KeyValue 3:prev_kv:KeyValue
UserAddOptions 1:no_password:bool
User 1:name:bytes 2:password:bytes 3:roles:*string 4:options:UserAddOptions
Permission 1:permType:Type 2:key:bytes 3:range_end:bytes
Role 1:name:bytes 2:keyPermission:*Permission
LockRequest 1:name:bytes 2:lease:int64
LockResponse 1:header:ResponseHeader 2:key:bytes
UnlockRequest 1:key:bytes
UnlockResponse 1:header:ResponseHeader
CampaignRequest 1:name:bytes 2:lease:int64 3:value:bytes
CampaignResponse 1:header:ResponseHeader 2:leader:LeaderKey
LeaderKey 1:name:bytes 2:key:bytes 3:rev:int64 4:lease:int64
LeaderRequest 1:name:bytes
LeaderResponse 1:header:ResponseHeader 2:kv:KeyValue
ResignRequest 1:leader:LeaderKey
ResignResponse 1:header:ResponseHeader
ProclaimRequest 1:leader:LeaderKey 2:value:bytes
ProclaimResponse 1:header:ResponseHeader
HealthCheckRequest 1:service:string
HealthCheckResponse 1:status:ServingStatus
"""

ENUMS = """
RangeRequest.SortOrder NONE ASCEND DESCEND
RangeRequest.SortTarget KEY VERSION CREATE MOD VALUE
Compare.CompareResult EQUAL GREATER LESS NOT_EQUAL
Compare.CompareTarget VERSION CREATE MOD VALUE LEASE
WatchCreateRequest.FilterType NOPUT NODELETE
AlarmType NONE NOSPACE CORRUPT
AlarmRequest.AlarmAction GET ACTIVATE DEACTIVATE
DowngradeRequest.DowngradeAction VALIDATE ENABLE CANCEL
Event.EventType PUT DELETE
Permission.Type READ WRITE READWRITE
HealthCheckResponse.ServingStatus UNKNOWN SERVING NOT_SERVING SERVICE_UNKNOWN
"""

# Service, then a line per method: name, request (default: name + Request), kind, gateway path.
SERVICES = """
etcdserverpb.KV
  Range RangeRequest RangeResponse unary /v3/kv/range
  Put PutRequest PutResponse unary /v3/kv/put
  DeleteRange DeleteRangeRequest DeleteRangeResponse unary /v3/kv/deleterange
  Txn TxnRequest TxnResponse unary /v3/kv/txn
  Compact CompactionRequest CompactionResponse unary /v3/kv/compaction
etcdserverpb.Watch
  Watch WatchRequest WatchResponse bidi /v3/watch
etcdserverpb.Lease
  LeaseGrant LeaseGrantRequest LeaseGrantResponse unary /v3/lease/grant
  LeaseRevoke LeaseRevokeRequest LeaseRevokeResponse unary /v3/lease/revoke
  LeaseKeepAlive LeaseKeepAliveRequest LeaseKeepAliveResponse bidi /v3/lease/keepalive
  LeaseTimeToLive LeaseTimeToLiveRequest LeaseTimeToLiveResponse unary /v3/lease/timetolive
  LeaseLeases LeaseLeasesRequest LeaseLeasesResponse unary /v3/lease/leases
etcdserverpb.Cluster
  MemberAdd MemberAddRequest MemberAddResponse unary /v3/cluster/member/add
  MemberRemove MemberRemoveRequest MemberRemoveResponse unary /v3/cluster/member/remove
  MemberUpdate MemberUpdateRequest MemberUpdateResponse unary /v3/cluster/member/update
  MemberList MemberListRequest MemberListResponse unary /v3/cluster/member/list
  MemberPromote MemberPromoteRequest MemberPromoteResponse unary /v3/cluster/member/promote
etcdserverpb.Maintenance
  Alarm AlarmRequest AlarmResponse unary /v3/maintenance/alarm
  Status StatusRequest StatusResponse unary /v3/maintenance/status
  Defragment DefragmentRequest DefragmentResponse unary /v3/maintenance/defragment
  Hash HashRequest HashResponse unary /v3/maintenance/hash
  HashKV HashKVRequest HashKVResponse unary /v3/maintenance/hashkv
  Snapshot SnapshotRequest SnapshotResponse server /v3/maintenance/snapshot
  MoveLeader MoveLeaderRequest MoveLeaderResponse unary /v3/maintenance/transfer-leadership
  Downgrade DowngradeRequest DowngradeResponse unary /v3/maintenance/downgrade
etcdserverpb.Auth
  AuthEnable AuthEnableRequest AuthEnableResponse unary /v3/auth/enable
  AuthDisable AuthDisableRequest AuthDisableResponse unary /v3/auth/disable
  AuthStatus AuthStatusRequest AuthStatusResponse unary /v3/auth/status
  Authenticate AuthenticateRequest AuthenticateResponse unary /v3/auth/authenticate
  UserAdd AuthUserAddRequest AuthUserAddResponse unary /v3/auth/user/add
  UserGet AuthUserGetRequest AuthUserGetResponse unary /v3/auth/user/get
  UserList AuthUserListRequest AuthUserListResponse unary /v3/auth/user/list
  UserDelete AuthUserDeleteRequest AuthUserDeleteResponse unary /v3/auth/user/delete
  UserChangePassword AuthUserChangePasswordRequest AuthUserChangePasswordResponse unary \
/v3/auth/user/changepw
  UserGrantRole AuthUserGrantRoleRequest AuthUserGrantRoleResponse unary /v3/auth/user/grant
  UserRevokeRole AuthUserRevokeRoleRequest AuthUserRevokeRoleResponse unary /v3/auth/user/revoke
  RoleAdd AuthRoleAddRequest AuthRoleAddResponse unary /v3/auth/role/add
  RoleGet AuthRoleGetRequest AuthRoleGetResponse unary /v3/auth/role/get
  RoleList AuthRoleListRequest AuthRoleListResponse unary /v3/auth/role/list
  RoleDelete AuthRoleDeleteRequest AuthRoleDeleteResponse unary /v3/auth/role/delete
  RoleGrantPermission AuthRoleGrantPermissionRequest AuthRoleGrantPermissionResponse unary \
/v3/auth/role/grant
  RoleRevokePermission AuthRoleRevokePermissionRequest AuthRoleRevokePermissionResponse unary \
/v3/auth/role/revoke
v3lockpb.Lock
  Lock LockRequest LockResponse unary /v3/lock/lock
  Unlock UnlockRequest UnlockResponse unary /v3/lock/unlock
v3electionpb.Election
  Campaign CampaignRequest CampaignResponse unary /v3/election/campaign
  Proclaim ProclaimRequest ProclaimResponse unary /v3/election/proclaim
  Leader LeaderRequest LeaderResponse unary /v3/election/leader
  Observe LeaderRequest LeaderResponse server /v3/election/observe
  Resign ResignRequest ResignResponse unary /v3/election/resign
grpc.health.v1.Health
  Check HealthCheckRequest HealthCheckResponse unary -
  Watch HealthCheckRequest HealthCheckResponse server -
"""

PACKAGE = "v3"
FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {"bytes": FIELD.TYPE_BYTES, "string": FIELD.TYPE_STRING, "bool": FIELD.TYPE_BOOL,
           "int64": FIELD.TYPE_INT64, "uint64": FIELD.TYPE_UINT64, "uint32": FIELD.TYPE_UINT32}


@dataclasses.dataclass(frozen=True)
class Method:
    name: str
    path: str
    request: type
    response: type
    kind: str
    gateway: str | None


def _add_field(message, text, enums):
    number, name, kind = text.split(":")
    kind, _, oneof = kind.partition("@")
    field = message.field.add(name=name, number=int(number))
    field.label = FIELD.LABEL_REPEATED if kind.startswith("*") else FIELD.LABEL_OPTIONAL
    kind = kind.lstrip("*")
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind in enums:
        field.type = FIELD.TYPE_ENUM
        field.type_name = f".{PACKAGE}.{enums[kind]}"
    else:
        field.type = FIELD.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    if oneof:
        names = [one.name for one in message.oneof_decl]
        if oneof not in names:
            message.oneof_decl.add(name=oneof)
            names.append(oneof)
        field.oneof_index = names.index(oneof)


def _file():
    """The whole table as one file descriptor."""
    file = descriptor_pb2.FileDescriptorProto(name="v3.proto", package=PACKAGE, syntax="proto3")
    enum_lines = [line.split() for line in ENUMS.split("\n") if line]
    enums = {words[0].rpartition(".")[2]: words[0] for words in enum_lines}
    messages = {}
    for line in MESSAGES.replace("\n    ", " ").split("\n"):
        if line:
            name, *fields = line.split()
            messages[name] = file.message_type.add(name=name)
            for text in fields:
                _add_field(messages[name], text, enums)
    for path, *values in enum_lines:
        scope, _, name = path.rpartition(".")
        enum = (messages[scope] if scope else file).enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    return file


def _classes():
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file().SerializeToString())
    descriptor = pool.FindFileByName("v3.proto")
    return {name: message_factory.GetMessageClass(kind)
            for name, kind in descriptor.message_types_by_name.items()}


MESSAGE = _classes()


def _methods():
    methods = {}
    for line in SERVICES.split("\n"):
        words = line.split()
        if len(words) == 1:
            service = words[0]
        elif words:
            name, request, response, kind, gateway = words
            key = f"Health.{name}" if service.endswith("Health") else name
            methods[key] = Method(name, f"/{service}/{name}", MESSAGE[request], MESSAGE[response],
                                  kind, None if gateway == "-" else gateway)
    return methods


METHODS = _methods()


def as_bytes(value):
    """Text anywhere in a request becomes bytes where the field wants bytes."""
    return value.encode() if isinstance(value, str) else value


def fill(message, fields):
    """Sets the fields of a dictionary in a message; nested dictionaries, lists of them, enum names,
    and text for bytes are understood."""
    described = {field.name: field for field in message.DESCRIPTOR.fields}
    for name, value in fields.items():
        field = described[name]
        if field.message_type is not None and isinstance(value, list):
            for item in value:
                fill(getattr(message, name).add(), item)
        elif field.message_type is not None:
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        elif isinstance(value, list):
            getattr(message, name).extend(scalar(field, item) for item in value)
        else:
            setattr(message, name, scalar(field, value))
    return message


def scalar(field, value):
    if field.type == FIELD.TYPE_BYTES:
        return as_bytes(value)
    if field.type == FIELD.TYPE_ENUM and isinstance(value, str):
        return field.enum_type.values_by_name[value].number
    return value


def build(kind, fields=None):
    """A message of the class (or of the class with that name)."""
    kind = MESSAGE[kind] if isinstance(kind, str) else kind
    return fill(kind(), fields or {})


def as_json(message):
    """What a client of the gateway would send: proto names, 64-bit numbers as strings."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
