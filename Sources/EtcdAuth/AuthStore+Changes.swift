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
            guard let root = state.users[AuthStore.rootKey] else { throw .rootUserNotExist }
            guard root.holds(AuthStore.root) else { throw .rootRoleNotExist }
            backend.put(AuthStore.settings, key: AuthStore.enabledKey, value: Bytes([1]))
            state.isEnabled = true
            state.permissions = [:]
            publish(state)
        }
    }

    package func disable(in backend: Backend) {
        state.withLock { state in
            guard state.isEnabled else { return }
            backend.put(AuthStore.settings, key: AuthStore.enabledKey, value: Bytes([0]))
            state.isEnabled = false
            state.tokens.forgetAll()
            bump(&state, backend)
        }
    }

    // MARK: users

    package func addUser(_ request: AuthUserAddRequest, in backend: Backend) throws(AuthError) {
        if request.name.isEmpty { throw .userEmpty }
        try AuthStore.checkLength(request.name)
        try state.withLock { state throws(AuthError) in
            if state.users[Bytes(request.name)] != nil { throw .userExists }
            let options = request.options ?? UserAddOptions()
            let password =
                options.noPassword
                ? .empty
                : try hashToKeep(request.password, request.hashedPassword, request.name)
            let user = User(
                name: Bytes(request.name), password: password, roles: [], options: options)
            AuthStore.set(user, Bytes(request.name), &state, backend)
            bump(&state, backend)
        }
    }

    package func deleteUser(_ name: String, in backend: Backend) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, AuthStore.isRoot(name) { throw .invalidManagement }
            guard state.users.removeValue(forKey: Bytes(name)) != nil else { throw .userNotFound }
            backend.delete(AuthStore.users, key: Bytes(name))
            state.tokens.forget(user: Bytes(name))
            bump(&state, backend)
        }
    }

    package func changePassword(
        _ request: AuthUserChangePasswordRequest, in backend: Backend
    ) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            guard var user = state.users[Bytes(request.name)] else { throw .userNotFound }
            if user.options?.noPassword != true {
                user.password = try hashToKeep(
                    request.password, request.hashedPassword, request.name)
            }
            AuthStore.set(user, Bytes(request.name), &state, backend)
            state.tokens.forget(user: Bytes(request.name))
            bump(&state, backend)
        }
    }

    package func grantRole(_ request: AuthUserGrantRoleRequest, in backend: Backend)
        throws(AuthError)
    {
        try state.withLock { state throws(AuthError) in
            guard var user = state.users[Bytes(request.user)] else { throw .userNotFound }
            guard AuthStore.isRoot(request.role) || state.roles[Bytes(request.role)] != nil else {
                throw .roleNotFound
            }
            if user.holds(request.role) { return }
            user.roles.append(request.role)
            user.roles.sort { Bytes($0) < Bytes($1) }
            AuthStore.set(user, Bytes(request.user), &state, backend)
            bump(&state, backend)
        }
    }

    package func revokeRole(_ request: AuthUserRevokeRoleRequest, in backend: Backend)
        throws(AuthError)
    {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, AuthStore.isRoot(request.name), AuthStore.isRoot(request.role) {
                throw .invalidManagement
            }
            guard var user = state.users[Bytes(request.name)] else { throw .userNotFound }
            guard let position = user.roles.firstIndex(where: { $0.isExactly(request.role) }) else {
                throw .roleNotGranted
            }
            user.roles.remove(at: position)
            AuthStore.set(user, Bytes(request.name), &state, backend)
            bump(&state, backend)
        }
    }

    /// Sorted.
    package func roles(of name: String) throws(AuthError) -> [String] {
        try state.withLock { state throws(AuthError) in
            guard let user = state.users[Bytes(name)] else { throw .userNotFound }
            return user.roles
        }
    }

    package var userNames: [String] { state.withLock { AuthStore.sorted($0.users.keys) } }

    // MARK: roles

    package func addRole(_ name: String, in backend: Backend) throws(AuthError) {
        if name.isEmpty { throw .roleEmpty }
        try AuthStore.checkLength(name)
        try state.withLock { state throws(AuthError) in
            if state.roles[Bytes(name)] != nil { throw .roleExists }
            AuthStore.set(AuthRole(name: Bytes(name)), Bytes(name), &state, backend)
            bump(&state, backend)
        }
    }

    package func deleteRole(_ name: String, in backend: Backend) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            if state.isEnabled, AuthStore.isRoot(name) { throw .invalidManagement }
            guard state.roles.removeValue(forKey: Bytes(name)) != nil else { throw .roleNotFound }
            backend.delete(AuthStore.roles, key: Bytes(name))
            for holder in state.users.keys.sorted() {
                guard var user = state.users[holder], user.holds(name) else { continue }
                user.roles.removeAll { $0.isExactly(name) }
                AuthStore.set(user, holder, &state, backend)
            }
            bump(&state, backend)
        }
    }

    package func grantPermission(
        _ request: AuthRoleGrantPermissionRequest, in backend: Backend
    ) throws(AuthError) {
        guard let permission = request.perm else { throw .permissionNotGiven }
        guard AuthStore.holdsKeys(permission) else { throw .invalidManagement }
        try state.withLock { state throws(AuthError) in
            guard var role = state.roles[Bytes(request.name)] else { throw .roleNotFound }
            // As in etcd, only the first permission of a key is compared: another range of the
            // same key is added anew, and what it granted before stays.
            let first = role.keyPermission.firstIndex { $0.key >= permission.key }
            if let first, role.keyPermission[first].key == permission.key,
                role.keyPermission[first].rangeEnd == permission.rangeEnd
            {
                role.keyPermission[first].permType = permission.permType
            } else {
                let position =
                    role.keyPermission.firstIndex { $0.key > permission.key }
                    ?? role.keyPermission.endIndex
                role.keyPermission.insert(permission, at: position)
            }
            AuthStore.set(role, Bytes(request.name), &state, backend)
            bump(&state, backend)
        }
    }

    /// Some key, or a range that is not empty.
    private static func holdsKeys(_ permission: Permission) -> Bool {
        if permission.key.isEmpty { return false }
        let end = permission.rangeEnd
        return end.isEmpty || end == Bytes([0]) || end > permission.key
    }

    package func revokePermission(
        _ request: AuthRoleRevokePermissionRequest, in backend: Backend
    ) throws(AuthError) {
        try state.withLock { state throws(AuthError) in
            guard var role = state.roles[Bytes(request.role)] else { throw .roleNotFound }
            let count = role.keyPermission.count
            role.keyPermission.removeAll {
                $0.key == request.key && $0.rangeEnd == request.rangeEnd
            }
            if role.keyPermission.count == count { throw .permissionNotGranted }
            AuthStore.set(role, Bytes(request.role), &state, backend)
            bump(&state, backend)
        }
    }

    /// The root role may do everything, whatever was granted to it.
    package func permissions(of name: String) throws(AuthError) -> [Permission] {
        try state.withLock { state throws(AuthError) in
            guard let role = state.roles[Bytes(name)] else { throw .roleNotFound }
            if AuthStore.isRoot(name) {
                return [Permission(permType: .readwrite, key: .empty, rangeEnd: Bytes([0]))]
            }
            return role.keyPermission
        }
    }

    package var roleNames: [String] { state.withLock { AuthStore.sorted($0.roles.keys) } }

    // MARK: private steps

    static func isRoot(_ name: String) -> Bool { name.isExactly(root) }

    /// Names are keys of the database.
    private static func checkLength(_ name: String) throws(AuthError) {
        if name.utf8.count > Backend.keyBytesMax { throw .nameTooLong }
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
        _ user: User, _ name: Bytes, _ state: inout State, _ backend: Backend
    ) {
        state.users[name] = user
        var bytes: [UInt8] = []
        user.encode(into: &bytes)
        backend.put(users, key: name, value: Bytes(bytes))
    }

    private static func set(
        _ role: AuthRole, _ name: Bytes, _ state: inout State, _ backend: Backend
    ) {
        state.roles[name] = role
        var bytes: [UInt8] = []
        role.encode(into: &bytes)
        backend.put(roles, key: name, value: Bytes(bytes))
    }

    private func bump(_ state: inout State, _ backend: Backend) {
        state.revision += 1
        state.permissions = [:]
        AuthStore.write(revision: state.revision, to: backend)
        publish(state)
    }

    private static func sorted(_ names: some Sequence<Bytes>) -> [String] {
        names.sorted().map(\.text)
    }
}

extension User {
    func holds(_ role: String) -> Bool { roles.contains { $0.isExactly(role) } }
}

extension String {
    /// The same bytes. `==` takes texts for equal that only look the same, which names must not be.
    package func isExactly(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
