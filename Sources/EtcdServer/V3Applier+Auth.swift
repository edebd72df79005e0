//  Permissions of committed requests, and the requests that change users and roles. Judged at
//  apply, where every member has the same rules and comes to the same verdict.

import EtcdAuth
import EtcdProto
import Raft
import RuntimeCore

extension V3Applier {
    // MARK: permissions

    /// Why the sender may not do this, if it may not.
    func refusal(of kind: InternalRaftRequest.Kind) -> ServerError? {
        guard keyspace.auth.isEnabled else { return nil }
        let checks = AccessChecks(auth: keyspace.auth, lessor: keyspace.lessor, info: sender)
        let refusal: AuthError? =
            switch kind {
            case .put(let request): checks.refusal(of: request)
            case .range(let request): checks.refusal(of: request)
            case .deleteRange(let request): checks.refusal(of: request)
            case .txn(let request): checks.refusal(of: request)
            case .leaseRevoke(let request): checks.refusalOfWrites(toLease: request.id)
            case .authEnable, .authDisable, .authStatus, .authUserAdd, .authUserDelete,
                .authUserChangePassword, .authUserGrantRole, .authUserRevokeRole, .authUserList,
                .authRoleAdd, .authRoleDelete, .authRoleList, .authRoleGrantPermission,
                .authRoleRevokePermission:
                keyspace.auth.refusalOfAdministration(sender)
            case .authUserGet(let request) where !request.name.isExactly(sender.username):
                keyspace.auth.refusalOfAdministration(sender)
            case .authRoleGet(let request)
            where !keyspace.auth.hasRole(sender.username, request.role):
                keyspace.auth.refusalOfAdministration(sender)
            default: nil
            }
        return refusal.map { ServerError($0) }
    }

    // MARK: users and roles

    /// `nil` when this is no request of the Auth service.
    func applyAuth(_ kind: InternalRaftRequest.Kind) -> Result<V3Result, ServerError>? {
        do throws(AuthError) {
            guard var result = try perform(kind) else { return nil }
            result.complete { complete(&$0) }
            return .success(.auth(result))
        } catch {
            return .failure(ServerError(error))
        }
    }

    private func perform(_ kind: InternalRaftRequest.Kind) throws(AuthError) -> AuthResult? {
        let auth = keyspace.auth
        let backend = keyspace.backend
        switch kind {
        case .authEnable:
            try auth.enable(in: backend)
            return .enable(AuthEnableResponse())
        case .authDisable:
            auth.disable(in: backend)
            return .disable(AuthDisableResponse())
        case .authStatus:
            return .status(
                AuthStatusResponse(enabled: auth.isEnabled, authRevision: auth.revision))
        case .authenticate(let request):
            let token = try auth.authenticate(request, index: index.rawValue, now: now)
            return .authenticate(AuthenticateResponse(token: token))
        case .authUserAdd(let request):
            try auth.addUser(request, in: backend)
            return .userAdd(AuthUserAddResponse())
        case .authUserDelete(let request):
            try auth.deleteUser(request.name, in: backend)
            return .userDelete(AuthUserDeleteResponse())
        case .authUserChangePassword(let request):
            try auth.changePassword(request, in: backend)
            return .userChangePassword(AuthUserChangePasswordResponse())
        case .authUserGrantRole(let request):
            try auth.grantRole(request, in: backend)
            return .userGrantRole(AuthUserGrantRoleResponse())
        case .authUserRevokeRole(let request):
            try auth.revokeRole(request, in: backend)
            return .userRevokeRole(AuthUserRevokeRoleResponse())
        case .authUserGet(let request):
            return .userGet(AuthUserGetResponse(roles: try auth.roles(of: request.name)))
        case .authUserList:
            return .userList(AuthUserListResponse(users: auth.userNames))
        default:
            return try performOnRoles(kind)
        }
    }

    private func performOnRoles(_ kind: InternalRaftRequest.Kind) throws(AuthError)
        -> AuthResult?
    {
        let auth = keyspace.auth
        let backend = keyspace.backend
        switch kind {
        case .authRoleAdd(let request):
            try auth.addRole(request.name, in: backend)
            return .roleAdd(AuthRoleAddResponse())
        case .authRoleDelete(let request):
            try auth.deleteRole(request.role, in: backend)
            return .roleDelete(AuthRoleDeleteResponse())
        case .authRoleGet(let request):
            return .roleGet(AuthRoleGetResponse(perm: try auth.permissions(of: request.role)))
        case .authRoleList:
            return .roleList(AuthRoleListResponse(roles: auth.roleNames))
        case .authRoleGrantPermission(let request):
            try auth.grantPermission(request, in: backend)
            return .roleGrantPermission(AuthRoleGrantPermissionResponse())
        case .authRoleRevokePermission(let request):
            try auth.revokePermission(request, in: backend)
            return .roleRevokePermission(AuthRoleRevokePermissionResponse())
        default:
            return nil
        }
    }
}

extension AuthResult {
    /// Fills the header of whichever answer this is.
    fileprivate mutating func complete(_ body: (inout ResponseHeader?) -> Void) {
        switch self {
        case .enable(var answer): body(&answer.header); self = .enable(answer)
        case .disable(var answer): body(&answer.header); self = .disable(answer)
        case .status(var answer): body(&answer.header); self = .status(answer)
        case .authenticate(var answer): body(&answer.header); self = .authenticate(answer)
        case .userAdd(var answer): body(&answer.header); self = .userAdd(answer)
        case .userGet(var answer): body(&answer.header); self = .userGet(answer)
        case .userList(var answer): body(&answer.header); self = .userList(answer)
        case .userDelete(var answer): body(&answer.header); self = .userDelete(answer)
        case .userChangePassword(var answer):
            body(&answer.header); self = .userChangePassword(answer)
        case .userGrantRole(var answer): body(&answer.header); self = .userGrantRole(answer)
        case .userRevokeRole(var answer): body(&answer.header); self = .userRevokeRole(answer)
        case .roleAdd(var answer): body(&answer.header); self = .roleAdd(answer)
        case .roleGet(var answer): body(&answer.header); self = .roleGet(answer)
        case .roleList(var answer): body(&answer.header); self = .roleList(answer)
        case .roleDelete(var answer): body(&answer.header); self = .roleDelete(answer)
        case .roleGrantPermission(var answer):
            body(&answer.header); self = .roleGrantPermission(answer)
        case .roleRevokePermission(var answer):
            body(&answer.header); self = .roleRevokePermission(answer)
        }
    }
}

extension ServerError {
    init(_ error: AuthError) {
        switch error {
        case .rootUserNotExist: self = .rootUserNotExist
        case .rootRoleNotExist: self = .rootRoleNotExist
        case .userExists: self = .userExists
        case .userEmpty: self = .userEmpty
        case .userNotFound: self = .userNotFound
        case .roleExists: self = .roleExists
        case .roleNotFound: self = .roleNotFound
        case .roleEmpty: self = .roleEmpty
        case .authFailed: self = .authFailed
        case .permissionNotGiven: self = .permissionNotGiven
        case .permissionDenied: self = .permissionDenied
        case .roleNotGranted: self = .roleNotGranted
        case .permissionNotGranted: self = .permissionNotGranted
        case .authNotEnabled: self = .authNotEnabled
        case .invalidToken: self = .invalidAuthToken
        case .invalidManagement: self = .invalidAuthManagement
        case .revisionOld: self = .authRevisionOld
        case .nameTooLong: self = .authNameTooLong
        case .noPasswordUser: self = .noPasswordUser
        case .verifyOnly: self = .tokenVerifyOnly
        }
    }
}
