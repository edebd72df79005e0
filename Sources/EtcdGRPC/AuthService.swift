//  etcdserverpb.Auth: users and roles. Rules and verdicts are the replica's.

import EtcdEdge
import EtcdProto
package import EtcdServer
import RuntimeCore

package enum AuthService {
    private static let service = "etcdserverpb.Auth"

    package static func methods(_ handler: RequestHandler) -> [V3Method] {
        general(handler) + users(handler) + roles(handler)
    }

    private static func general(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "AuthEnable", gateway: "/v3/auth/enable") {
                (request: AuthEnableRequest, call: V3Call<AuthEnableResponse>) in
                ask(call, handler, .authEnable(request)) {
                    if case .enable(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "AuthDisable", gateway: "/v3/auth/disable") {
                (request: AuthDisableRequest, call: V3Call<AuthDisableResponse>) in
                ask(call, handler, .authDisable(request)) {
                    if case .disable(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "AuthStatus", gateway: "/v3/auth/status") {
                (request: AuthStatusRequest, call: V3Call<AuthStatusResponse>) in
                ask(call, handler, .authStatus(request)) {
                    if case .status(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "Authenticate", gateway: "/v3/auth/authenticate") {
                (request: AuthenticateRequest, call: V3Call<AuthenticateResponse>) in
                let login = Login(request)
                call.waitToRead(on: handler, handler.startLogin()) {
                    authenticate(login, call, handler)
                }
            },
        ]
    }

    private static func users(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "UserAdd", gateway: "/v3/auth/user/add") {
                (request: AuthUserAddRequest, call: V3Call<AuthUserAddResponse>) in
                wait(call, handler) {
                    handler.addUser(request, context: call.context, address: $0)
                } answer: {
                    if case .userAdd(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserGet", gateway: "/v3/auth/user/get") {
                (request: AuthUserGetRequest, call: V3Call<AuthUserGetResponse>) in
                ask(call, handler, .authUserGet(request)) {
                    if case .userGet(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserList", gateway: "/v3/auth/user/list") {
                (request: AuthUserListRequest, call: V3Call<AuthUserListResponse>) in
                ask(call, handler, .authUserList(request)) {
                    if case .userList(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserDelete", gateway: "/v3/auth/user/delete") {
                (request: AuthUserDeleteRequest, call: V3Call<AuthUserDeleteResponse>) in
                ask(call, handler, .authUserDelete(request)) {
                    if case .userDelete(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserChangePassword", gateway: "/v3/auth/user/changepw") {
                (
                    request: AuthUserChangePasswordRequest,
                    call: V3Call<AuthUserChangePasswordResponse>
                ) in
                wait(call, handler) {
                    handler.changePassword(request, context: call.context, address: $0)
                } answer: {
                    if case .userChangePassword(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserGrantRole", gateway: "/v3/auth/user/grant") {
                (request: AuthUserGrantRoleRequest, call: V3Call<AuthUserGrantRoleResponse>) in
                ask(call, handler, .authUserGrantRole(request)) {
                    if case .userGrantRole(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "UserRevokeRole", gateway: "/v3/auth/user/revoke") {
                (request: AuthUserRevokeRoleRequest, call: V3Call<AuthUserRevokeRoleResponse>) in
                ask(call, handler, .authUserRevokeRole(request)) {
                    if case .userRevokeRole(let answer) = $0 { answer } else { nil }
                }
            },
        ]
    }

    private static func roles(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "RoleAdd", gateway: "/v3/auth/role/add") {
                (request: AuthRoleAddRequest, call: V3Call<AuthRoleAddResponse>) in
                ask(call, handler, .authRoleAdd(request)) {
                    if case .roleAdd(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "RoleGet", gateway: "/v3/auth/role/get") {
                (request: AuthRoleGetRequest, call: V3Call<AuthRoleGetResponse>) in
                ask(call, handler, .authRoleGet(request)) {
                    if case .roleGet(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "RoleList", gateway: "/v3/auth/role/list") {
                (request: AuthRoleListRequest, call: V3Call<AuthRoleListResponse>) in
                ask(call, handler, .authRoleList(request)) {
                    if case .roleList(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "RoleDelete", gateway: "/v3/auth/role/delete") {
                (request: AuthRoleDeleteRequest, call: V3Call<AuthRoleDeleteResponse>) in
                ask(call, handler, .authRoleDelete(request)) {
                    if case .roleDelete(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "RoleGrantPermission", gateway: "/v3/auth/role/grant") {
                (
                    request: AuthRoleGrantPermissionRequest,
                    call: V3Call<AuthRoleGrantPermissionResponse>
                ) in
                ask(call, handler, .authRoleGrantPermission(request)) {
                    if case .roleGrantPermission(let answer) = $0 { answer } else { nil }
                }
            },
            .unary(service, "RoleRevokePermission", gateway: "/v3/auth/role/revoke") {
                (
                    request: AuthRoleRevokePermissionRequest,
                    call: V3Call<AuthRoleRevokePermissionResponse>
                ) in
                ask(call, handler, .authRoleRevokePermission(request)) {
                    if case .roleRevokePermission(let answer) = $0 { answer } else { nil }
                }
            },
        ]
    }

    private static func authenticate(
        _ login: Login, _ call: V3Call<AuthenticateResponse>, _ handler: RequestHandler
    ) {
        call.waitUnnumbered(
            on: handler, timeoutMilliseconds: handler.requestTimeoutMilliseconds
        ) { address in
            handler.authenticate(login, address: address)
            return nil
        } then: { reply in
            guard case .v3(.success(.auth(.authenticate(let applied)))) = reply else {
                return call.fail(.unknownMethod)
            }
            switch handler.token(of: login, applied: applied) {
            case .success(let response): call.respond(response)
            case .failure(let error): call.fail(error)
            case nil: authenticate(login, call, handler)
            }
        }
    }

    /// Sends a request through the log.
    private static func ask<Response: ProtobufMessage>(
        _ call: V3Call<Response>, _ handler: RequestHandler, _ kind: InternalRaftRequest.Kind,
        answer: @escaping (AuthResult) -> Response?
    ) {
        call.waitForResult(
            on: handler, { handler.auth(kind, context: call.context, address: $0) },
            response: { if case .auth(let outcome) = $0 { answer(outcome) } else { nil } })
    }

    /// For requests that begin in the background, because of a password.
    private static func wait<Response: ProtobufMessage>(
        _ call: V3Call<Response>, _ handler: RequestHandler, _ start: (ReplyAddress) -> Void,
        answer: @escaping (AuthResult) -> Response?
    ) {
        call.waitUnnumbered(
            on: handler, timeoutMilliseconds: handler.requestTimeoutMilliseconds
        ) { address in
            start(address)
            return nil
        } then: { reply in
            if case .v3(.success(.auth(let outcome))) = reply, let response = answer(outcome) {
                call.respond(response)
            } else {
                call.fail(.unknownMethod)
            }
        }
    }
}
