//  Users, roles and permissions as simply as they can be written, and the verdict on every request.
//  Fed with the log; what members allow, answer and hold is compared with it.

import EtcdAuth
import EtcdProto
import RuntimeCore

/// A pure function of the requests applied to it.
struct AuthModel: Hashable {
    struct Grant: Hashable {
        let kind: Permission.Kind
        let key: Bytes
        let end: Bytes

        func opens(_ point: Bytes, _ access: KeyAccess) -> Bool {
            switch (kind, access) {
            case (.read, .write), (.write, .read): return false
            default: break
            }
            if end.isEmpty { return point == key }
            return key <= point && (end == Bytes([0]) || point < end)
        }
    }

    /// Keys that a request wants to read or write.
    struct Wish {
        let access: KeyAccess
        let key: Bytes
        let end: Bytes
    }

    private(set) var isEnabled = false
    private(set) var revision: UInt64 = 1
    private(set) var users: [String: Set<String>] = [:]
    private(set) var roles: [String: [Grant]] = [:]

    // MARK: verdicts

    /// What a request of `sender` is refused with; `nil` when it is allowed.
    func refusal(of wishes: [Wish], by sender: AuthInfo) -> String? {
        guard isEnabled else { return nil }
        for wish in wishes {
            if sender.revision == 0 { return "etcdserver: user name is empty" }
            if sender.revision < revision { return "etcdserver: revision of auth store is old" }
            if !allows(wish, sender.username) { return "etcdserver: permission denied" }
        }
        return nil
    }

    private func refusalOfAdministration(by sender: AuthInfo) -> String? {
        guard isEnabled else { return nil }
        if sender.username.isEmpty { return "etcdserver: user name is empty" }
        return users[sender.username]?.contains("root") == true
            ? nil : "etcdserver: permission denied"
    }

    /// Whether every key of the wish is opened by some grant: asked for the first one and for each
    /// place where a grant ends, as nothing changes in between.
    private func allows(_ wish: Wish, _ user: String) -> Bool {
        guard let held = users[user] else { return false }
        if held.contains("root") { return true }
        let grants = held.flatMap { roles[$0] ?? [] }
        if wish.isEmpty {
            // Nothing is touched; etcd asks for the beginning.
            return grants.contains { $0.opens(wish.key, wish.access) }
        }
        let points = [wish.key] + grants.map { $0.end.isEmpty ? $0.key.next : $0.end }
        return points.allSatisfy { point in
            guard wish.covers(point) else { return true }
            return grants.contains { $0.opens(point, wish.access) }
        } && (wish.end != Bytes([0]) || grants.contains { $0.end == wish.end })
    }

    // MARK: requests

    /// `nil` for what is no matter of users and roles.
    mutating func apply(_ kind: InternalRaftRequest.Kind, by sender: AuthInfo) -> KVAnswer? {
        var next = self
        let refusal: String?
        switch kind {
        case .authEnable: refusal = next.enable()
        case .authDisable: refusal = next.disable()
        case .authUserAdd(let request):
            refusal = next.change(
                next.users[request.name] != nil ? "etcdserver: user name already exists" : nil
            ) { $0.users[request.name] = [] }
        case .authUserDelete(let request):
            refusal = next.change(next.refusalToDelete(request.name)) {
                $0.users[request.name] = nil
            }
        case .authUserGrantRole(let request): refusal = next.grant(request)
        case .authUserRevokeRole(let request):
            refusal = next.change(next.refusal(of: request)) {
                $0.users[request.name]?.remove(request.role)
            }
        case .authRoleAdd(let request):
            refusal = next.change(
                next.roles[request.name] != nil ? "etcdserver: role name already exists" : nil
            ) { $0.roles[request.name] = [] }
        case .authRoleDelete(let request):
            refusal = next.change(
                next.roles[request.role] == nil ? "etcdserver: role name not found" : nil
            ) { model in
                model.roles[request.role] = nil
                for user in model.users.keys { model.users[user]?.remove(request.role) }
            }
        case .authRoleGrantPermission(let request):
            refusal = next.change(
                next.roles[request.name] == nil ? "etcdserver: role name not found" : nil
            ) { $0.add(request.perm!, to: request.name) }
        case .authRoleRevokePermission(let request):
            refusal = next.change(next.refusal(of: request)) {
                $0.roles[request.role]?.removeAll {
                    $0.key == request.key && $0.end == request.rangeEnd
                }
            }
        default: return nil
        }
        if let refusal = refusalOfAdministration(by: sender) ?? refusal { return .refused(refusal) }
        self = next
        return .other
    }

    /// Every change of users and roles counts.
    private mutating func change(_ refusal: String?, _ body: (inout AuthModel) -> Void)
        -> String?
    {
        if let refusal { return refusal }
        body(&self)
        revision += 1
        return nil
    }

    private mutating func enable() -> String? {
        if isEnabled { return nil }
        guard let held = users["root"] else { return "etcdserver: root user does not exist" }
        guard held.contains("root") else {
            return "etcdserver: root user does not have root role"
        }
        isEnabled = true
        return nil
    }

    private mutating func disable() -> String? {
        if isEnabled { revision += 1 }
        isEnabled = false
        return nil
    }

    private func refusalToDelete(_ user: String) -> String? {
        if isEnabled, user == "root" { return "etcdserver: invalid auth management" }
        return users[user] == nil ? "etcdserver: user name not found" : nil
    }

    private mutating func grant(_ request: AuthUserGrantRoleRequest) -> String? {
        guard let held = users[request.user] else { return "etcdserver: user name not found" }
        if request.role != "root", roles[request.role] == nil {
            return "etcdserver: role name not found"
        }
        if held.contains(request.role) { return nil }
        return change(nil) { $0.users[request.user]?.insert(request.role) }
    }

    private func refusal(of request: AuthUserRevokeRoleRequest) -> String? {
        if isEnabled, request.name == "root", request.role == "root" {
            return "etcdserver: invalid auth management"
        }
        guard let held = users[request.name] else { return "etcdserver: user name not found" }
        return held.contains(request.role)
            ? nil : "etcdserver: role is not granted to the user"
    }

    private func refusal(of request: AuthRoleRevokePermissionRequest) -> String? {
        guard let grants = roles[request.role] else { return "etcdserver: role name not found" }
        return grants.contains { $0.key == request.key && $0.end == request.rangeEnd }
            ? nil : "etcdserver: permission is not granted to the role"
    }

    /// etcd looks at the first grant of a key only.
    private mutating func add(_ permission: Permission, to role: String) {
        let grant = Grant(
            kind: permission.permType, key: permission.key, end: permission.rangeEnd)
        var grants = roles[role] ?? []
        let first = grants.firstIndex { $0.key == grant.key }
        if let first, grants[first].end == grant.end {
            grants[first] = grant
        } else {
            let behind = grants.firstIndex { $0.key > grant.key } ?? grants.endIndex
            grants.insert(grant, at: behind)
        }
        roles[role] = grants
    }

    // MARK: what a store has to hold

    /// Why `store` is not this; `nil` when it is.
    func difference(from store: AuthStore) -> String? {
        if store.isEnabled != isEnabled { return "auth is \(store.isEnabled), not \(isEnabled)" }
        if store.revision != revision {
            return "auth revision \(store.revision) instead of \(revision)"
        }
        if store.userNames != users.keys.sorted() { return "has users \(store.userNames)" }
        if store.roleNames != roles.keys.sorted() { return "has roles \(store.roleNames)" }
        for (user, held) in users {
            let found = try? store.roles(of: user)
            if found != held.sorted() { return "user \(user) has \(found ?? []), not \(held)" }
        }
        for (role, grants) in roles where role != "root" {
            let found = (try? store.permissions(of: role)) ?? []
            let texts = found.map { Grant(kind: $0.permType, key: $0.key, end: $0.rangeEnd) }
            if texts != grants { return "role \(role) has \(texts), not \(grants)" }
        }
        return nil
    }
}

extension AuthModel.Wish {
    /// Of no key at all, as its end does not come behind its beginning.
    fileprivate var isEmpty: Bool { !end.isEmpty && end != Bytes([0]) && end <= key }

    fileprivate func covers(_ point: Bytes) -> Bool {
        if end.isEmpty { return point == key }
        return key <= point && (end == Bytes([0]) || point < end)
    }
}

extension Bytes {
    /// The smallest key behind this one.
    fileprivate var next: Bytes { Bytes(array + [0]) }
}
