//  What the administrator of a run asks: users, roles and permissions that come and go.

import EtcdProto
import RuntimeCore

struct AuthRequests {
    static let root = "root"

    let names: KVNames

    private func user(_ random: inout RandomSource) -> String { "u\(random.below(3))" }
    private func role(_ random: inout RandomSource) -> String { "r\(random.below(3))" }

    /// - Parameter isEnabled: until it is, root is made and users and roles are switched on.
    func draw(isEnabled: Bool, _ random: inout RandomSource) -> InternalRaftRequest.Kind {
        if !isEnabled, random.oneIn(2) {
            switch random.below(3) {
            case 0: return addUser(AuthRequests.root)
            case 1:
                return .authUserGrantRole(
                    AuthUserGrantRoleRequest(user: AuthRequests.root, role: AuthRequests.root))
            default: return .authEnable(AuthEnableRequest())
            }
        }
        switch random.below(16) {
        case 0, 1: return addUser(user(&random))
        case 2: return .authUserDelete(AuthUserDeleteRequest(name: anyUser(&random)))
        case 3, 4: return .authRoleAdd(AuthRoleAddRequest(name: role(&random)))
        case 5: return .authRoleDelete(AuthRoleDeleteRequest(role: role(&random)))
        case 6...8:
            return .authUserGrantRole(
                AuthUserGrantRoleRequest(user: user(&random), role: role(&random)))
        case 9:
            return .authUserRevokeRole(
                AuthUserRevokeRoleRequest(name: anyUser(&random), role: role(&random)))
        case 10...13:
            let (key, end) = range(&random)
            let kinds: [Permission.Kind] = [.read, .write, .readwrite, .readwrite]
            return .authRoleGrantPermission(
                AuthRoleGrantPermissionRequest(
                    name: role(&random),
                    perm: Permission(
                        permType: kinds[random.below(4)], key: key, rangeEnd: end)))
        case 14:
            let (key, end) = range(&random)
            return .authRoleRevokePermission(
                AuthRoleRevokePermissionRequest(role: role(&random), key: key, rangeEnd: end))
        default:
            if random.oneIn(4) { return .authDisable(AuthDisableRequest()) }
            return .authUserRevokeRole(
                AuthUserRevokeRoleRequest(name: AuthRequests.root, role: AuthRequests.root))
        }
    }

    private func anyUser(_ random: inout RandomSource) -> String {
        random.oneIn(6) ? AuthRequests.root : user(&random)
    }

    private func addUser(_ name: String) -> InternalRaftRequest.Kind {
        .authUserAdd(
            AuthUserAddRequest(name: name, options: UserAddOptions(noPassword: true)))
    }

    /// Few ranges, so that they meet again.
    private func range(_ random: inout RandomSource) -> (Bytes, Bytes) {
        switch random.below(5) {
        case 0: (Bytes("k"), Bytes("l"))
        case 1: (Bytes([0]), Bytes([0]))
        case 2: (Bytes("k1"), Bytes("k3"))
        default: (names.drawOther(&random), .empty)
        }
    }
}
