//  Outcomes of v3 requests that went through the log, as complete response messages: front ends
//  only have to write them down.

package import EtcdProto

package enum V3Result: Sendable {
    case range(RangeResponse)
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)
    case compaction(CompactionResponse)
    case leaseGrant(LeaseGrantResponse)
    case leaseRevoke(LeaseRevokeResponse)
    /// Nothing to say.
    case leaseCheckpoint
    case alarm(AlarmResponse)
    case hashKV(HashKVResponse)
    case hash(HashResponse)
    case defragment(DefragmentResponse)
    case downgrade(DowngradeResponse)
    case auth(AuthResult)
}

/// Answers of the Auth service.
package enum AuthResult: Sendable {
    case enable(AuthEnableResponse)
    case disable(AuthDisableResponse)
    case status(AuthStatusResponse)
    case authenticate(AuthenticateResponse)
    case userAdd(AuthUserAddResponse)
    case userGet(AuthUserGetResponse)
    case userList(AuthUserListResponse)
    case userDelete(AuthUserDeleteResponse)
    case userChangePassword(AuthUserChangePasswordResponse)
    case userGrantRole(AuthUserGrantRoleResponse)
    case userRevokeRole(AuthUserRevokeRoleResponse)
    case roleAdd(AuthRoleAddResponse)
    case roleGet(AuthRoleGetResponse)
    case roleList(AuthRoleListResponse)
    case roleDelete(AuthRoleDeleteResponse)
    case roleGrantPermission(AuthRoleGrantPermissionResponse)
    case roleRevokePermission(AuthRoleRevokePermissionResponse)
}
