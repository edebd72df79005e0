//  Changes of users and roles, as entries of the log ask for them. Each bumps the auth revision, so
//  that requests judged under older rules are refused.

package import EtcdBackend
package import EtcdProto
import Protobuf
import RuntimeCore
import Synchronization

extension AuthStore {
    // MARK: on and off

    package func enable(in backend: Backend) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled { return }
            guard let root = state.users[AuthStore.root] else { throw .rootUserNotExist }
            guard root.roles.contains(AuthStore.root) else { throw .rootRoleNotExist }
            backend.put(AuthStore.settings, key: AuthStore.enabledKey, value: Bytes([1]))
            state.isEnabled = true
            state.permissions = [:]
        }
    }

    package func disable(in backend: Backend) {
        state.withLock { state in
            guard state.isEnabled else { return }
            backend.put(AuthStore.settings, key: AuthStore.enabledKey, value: Bytes([0]))
            state.isEnabled = false
            state.tokens.forgetAll()
            AuthStore.bump(&state, backend)
        }
    }

    // MARK: users

    package func addUser(_ request: AuthUserAddRequest, in backend: Backend) throws(AuthError) {
        if request.name.isEmpty { throw .userEmpty }
        try state.withLock { state throws(AuthError) in
            if state.users[request.name] != nil { throw .userExists }
            let options = request.options ?? UserAddOptions()
            let password =
                options.noPassword
                ? .empty
                : try hashToKeep(request.password, request.hashedPassword, request.name)
            let user = User(
                name: Bytes(request.name), password: password, roles: [], options: options)
            AuthStore.set(user, request.name, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    package func deleteUser(_ name: String, in backend: Backend) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, name == AuthStore.root { throw .invalidManagement }
            guard state.users.removeValue(forKey: name) != nil else { throw .userNotFound }
            backend.delete(AuthStore.users, key: Bytes(name))
            state.tokens.forget(user: name)
            AuthStore.bump(&state, backend)
        }
    }

    package func changePassword(
        _ request: AuthUserChangePasswordRequest, in backend: Backend
    ) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            guard var user = state.users[request.name] else { throw .userNotFound }
            if user.options?.noPassword != true {
                user.password = try hashToKeep(
                    request.password, request.hashedPassword, request.name)
            }
            AuthStore.set(user, request.name, &state, backend)
            state.tokens.forget(user: request.name)
            AuthStore.bump(&state, backend)
        }
    }

    package func grantRole(_ request: AuthUserGrantRoleRequest, in backend: Backend)
        throws(AuthError)
    {
        try state.withLock { state throws(AuthError) in
            guard var user = state.users[request.user] else { throw .userNotFound }
            guard request.role == AuthStore.root || state.roles[request.role] != nil else {
                throw .roleNotFound
            }
            if user.roles.contains(request.role) { return }
            user.roles.append(request.role)
            user.roles.sort { Bytes($0) < Bytes($1) }
            AuthStore.set(user, request.user, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    package func revokeRole(_ request: AuthUserRevokeRoleRequest, in backend: Backend)
        throws(AuthError)
    {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, request.name == AuthStore.root, request.role == AuthStore.root {
                throw .invalidManagement
            }
            guard var user = state.users[request.name] else { throw .userNotFound }
            guard let position = user.roles.firstIndex(of: request.role) else {
                throw .roleNotGranted
            }
            user.roles.remove(at: position)
            AuthStore.set(user, request.name, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    /// Sorted.
    package func roles(of name: String) throws(AuthError) -> [String] {
        try state.withLock { state throws(AuthError) in
            guard let user = state.users[name] else { throw .userNotFound }
            return user.roles
        }
    }

    package var userNames: [String] { state.withLock { AuthStore.sorted($0.users.keys) } }

    // MARK: roles

    package func addRole(_ name: String, in backend: Backend) throws(AuthError) {
        if name.isEmpty { throw .roleEmpty }
        try state.withLock { state throws(AuthError) in
            if state.roles[name] != nil { throw .roleExists }
            AuthStore.set(AuthRole(name: Bytes(name)), name, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    package func deleteRole(_ name: String, in backend: Backend) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, name == AuthStore.root { throw .invalidManagement }
            guard state.roles.removeValue(forKey: name) != nil else { throw .roleNotFound }
            backend.delete(AuthStore.roles, key: Bytes(name))
            for holder in AuthStore.sorted(state.users.keys) {
                guard var user = state.users[holder], user.roles.contains(name) else { continue }
                user.roles.removeAll { $0 == name }
                AuthStore.set(user, holder, &state, backend)
                state.tokens.forget(user: holder)
            }
            AuthStore.bump(&state, backend)
        }
    }

    package func grantPermission(
        _ request: AuthRoleGrantPermissionRequest, in backend: Backend
    ) throws(AuthError) {
        guard let permission = request.perm else { throw .permissionNotGiven }
        guard AuthStore.isValid(permission) else { throw .invalidManagement }
        try state.withLock { state throws(AuthError) in
            guard var role = state.roles[request.name] else { throw .roleNotFound }
            if let position = role.keyPermission.firstIndex(where: {
                $0.key == permission.key && $0.rangeEnd == permission.rangeEnd
            }) {
                role.keyPermission[position].permType = permission.permType
            } else {
                let position =
                    role.keyPermission.firstIndex { $0.key > permission.key }
                    ?? role.keyPermission.endIndex
                role.keyPermission.insert(permission, at: position)
            }
            AuthStore.set(role, request.name, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    package func revokePermission(
        _ request: AuthRoleRevokePermissionRequest, in backend: Backend
    ) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            guard var role = state.roles[request.role] else { throw .roleNotFound }
            guard
                let position = role.keyPermission.firstIndex(where: {
                    $0.key == request.key && $0.rangeEnd == request.rangeEnd
                })
            else { throw .permissionNotGranted }
            role.keyPermission.remove(at: position)
            AuthStore.set(role, request.role, &state, backend)
            AuthStore.bump(&state, backend)
        }
    }

    /// The root role may do everything, whatever was granted to it.
    package func permissions(of name: String) throws(AuthError) -> [Permission] {
        try state.withLock { state throws(AuthError) in
            guard let role = state.roles[name] else { throw .roleNotFound }
            if name == AuthStore.root {
                return [Permission(permType: .readwrite, key: .empty, rangeEnd: Bytes([0]))]
            }
            return role.keyPermission
        }
    }

    package var roleNames: [String] { state.withLock { AuthStore.sorted($0.roles.keys) } }

    // MARK: private steps

    private static func isValid(_ permission: Permission) -> Bool {
        if permission.key.isEmpty { return false }
        if permission.rangeEnd.isEmpty { return true }
        if permission.rangeEnd.count == 1, permission.rangeEnd[0] == 0 { return true }
        return permission.rangeEnd > permission.key
    }

    /// Servers before 3.5 put the password itself into the log.
    private func hashToKeep(_ password: String, _ hashed: String, _ user: String)
        throws(AuthError) -> Bytes
    {
        if !password.isEmpty, hashed.isEmpty {
            guard let hash = PasswordHash.derive(password, user: user, cost: bcryptCost) else {
                throw .authFailed
            }
            return hash
        }
        guard let hash = ProtobufJSON.readBase64(Bytes(hashed)) else { throw .authFailed }
        return hash
    }

    private static func set(
        _ user: User, _ name: String, _ state: inout State, _ backend: Backend
    ) {
        state.users[name] = user
        var bytes: [UInt8] = []
        user.encode(into: &bytes)
        backend.put(users, key: Bytes(name), value: Bytes(bytes))
    }

    private static func set(
        _ role: AuthRole, _ name: String, _ state: inout State, _ backend: Backend
    ) {
        state.roles[name] = role
        var bytes: [UInt8] = []
        role.encode(into: &bytes)
        backend.put(roles, key: Bytes(name), value: Bytes(bytes))
    }

    private static func bump(_ state: inout State, _ backend: Backend) {
        state.revision += 1
        state.permissions = [:]
        write(revision: state.revision, to: backend)
    }

    private static func sorted(_ names: some Sequence<String>) -> [String] {
        names.sorted { Bytes($0) < Bytes($1) }
    }
}
