//  Users, roles and whether they matter (spec grpc-v3 11): kept in the database, the same on every
//  member, read from any thread.

package import EtcdBackend
package import EtcdProto
package import RuntimeCore
import Synchronization

/// Who acts, as of which revision of the auth store. Goes into the log with a request, so that
/// every member judges it alike.
package struct AuthInfo: Sendable, Hashable {
    package var username: String
    package var revision: UInt64

    package init(username: String = "", revision: UInt64 = 0) {
        self.username = username
        self.revision = revision
    }
}

/// What somebody wants to do with keys.
package enum KeyAccess: Sendable {
    case read, write
}

/// Changes come from the apply role alone; every question may be asked from any thread.
package final class AuthStore: Sendable {
    package static let settings = Bucket(name: Bytes("auth"), number: 7, isSequential: false)
    package static let users = Bucket(name: Bytes("authUsers"), number: 8, isSequential: false)
    package static let roles = Bucket(name: Bytes("authRoles"), number: 9, isSequential: false)
    package static let buckets = [settings, users, roles]
    package static let root = "root"

    static let enabledKey = Bytes("authEnabled")
    static let revisionKey = Bytes("authRevision")

    struct State {
        var isEnabled = false
        var revision: UInt64 = 0
        var users: [String: User] = [:]
        var roles: [String: AuthRole] = [:]
        /// Computed when first asked for; empty after every change.
        var permissions: [String: RangePermissions] = [:]
        var tokens = SimpleTokens()
    }

    let state = Mutex(State())
    let bcryptCost: Int
    private let tokenMilliseconds: UInt64

    package init(bcryptCost: Int = 10, tokenSeconds: UInt64 = 300) {
        self.bcryptCost = bcryptCost
        tokenMilliseconds = tokenSeconds * 1_000
    }

    // MARK: start

    /// Replaces everything by what the database holds; tokens are gone. A new database gets
    /// revision 1.
    package func recover(from backend: Backend) {
        var found = State()
        found.isEnabled = backend.get(AuthStore.settings, key: AuthStore.enabledKey) == Bytes([1])
        if let bytes = backend.get(AuthStore.settings, key: AuthStore.revisionKey),
            bytes.count == 8
        {
            found.revision = bytes.array.reduce(0) { $0 << 8 | UInt64($1) }
        }
        backend.scan(AuthStore.users, from: .empty, to: nil) { key, value in
            if let user = try? User(decoding: Bytes(Array(value))) {
                found.users[String(decoding: key, as: UTF8.self)] = user
            }
            return true
        }
        backend.scan(AuthStore.roles, from: .empty, to: nil) { key, value in
            if let role = try? AuthRole(decoding: Bytes(Array(value))) {
                found.roles[String(decoding: key, as: UTF8.self)] = role
            }
            return true
        }
        if found.revision == 0 {
            found.revision = 1
            AuthStore.write(revision: 1, to: backend)
        }
        let recovered = found
        state.withLock { $0 = recovered }
    }

    static func write(revision: UInt64, to backend: Backend) {
        backend.put(
            settings, key: revisionKey,
            value: withUnsafeBytes(of: revision.bigEndian) { Bytes(Array($0)) })
    }

    // MARK: questions

    package var isEnabled: Bool { state.withLock { $0.isEnabled } }
    package var revision: UInt64 { state.withLock { $0.revision } }

    /// `nil` while auth is off: then everybody may do everything.
    package func refusal(_ info: AuthInfo, _ access: KeyAccess, _ key: Bytes, _ end: Bytes)
        -> AuthError?
    {
        state.withLock { state in
            guard state.isEnabled else { return nil }
            if info.revision == 0 { return .userEmpty }
            if info.revision < state.revision { return .revisionOld }
            guard let user = state.users[info.username] else { return .permissionDenied }
            if user.roles.contains(AuthStore.root) { return nil }
            let granted = AuthStore.permissions(of: user, info.username, &state)
            let coverage = access == .read ? granted.reading : granted.writing
            return coverage.covers(key, end) ? nil : .permissionDenied
        }
    }

    /// `nil` when auth is off or the user holds the root role.
    package func refusalOfAdministration(_ info: AuthInfo) -> AuthError? {
        state.withLock { state in
            guard state.isEnabled else { return nil }
            if info.username.isEmpty { return .userEmpty }
            let isRoot = state.users[info.username]?.roles.contains(AuthStore.root) ?? false
            return isRoot ? nil : .permissionDenied
        }
    }

    package func hasRole(_ user: String, _ role: String) -> Bool {
        state.withLock { $0.users[user]?.roles.contains(role) ?? false }
    }

    private static func permissions(of user: User, _ name: String, _ state: inout State)
        -> RangePermissions
    {
        if let known = state.permissions[name] { return known }
        let merged = RangePermissions(user.roles.compactMap { state.roles[$0] })
        state.permissions[name] = merged
        return merged
    }

    // MARK: logging in

    /// The user behind a token, as of now; `nil` for a token that is not valid here. Using a token
    /// prolongs it.
    package func info(ofToken token: String, now: Instant) -> AuthInfo? {
        state.withLock { state in
            guard
                let user = state.tokens.user(
                    of: token, now: now, milliseconds: tokenMilliseconds)
            else { return nil }
            return AuthInfo(username: user, revision: state.revision)
        }
    }

    /// What a login compares; ask for it before the slow comparison, and the revision again after.
    package func credentials(of name: String) throws(AuthError) -> (
        hash: Bytes, revision: UInt64
    ) {
        try state.withLock { state throws(AuthError) in
            guard state.isEnabled else { throw .authNotEnabled }
            guard let user = state.users[name], user.options?.noPassword != true else {
                throw .authFailed
            }
            return (user.password, state.revision)
        }
    }

    /// Sixteen letters that nobody can guess, the first part of a new token.
    package static func makeTokenPrefix() -> String { SimpleTokens.makePrefix() }

    /// The hash that goes into the log in place of a password; `nil` when there can be none.
    package func hash(_ password: String) -> Bytes? {
        PasswordHash.make(password, cost: bcryptCost)
    }

    /// The applied half of a login: the token is valid on every member from here on.
    package func authenticate(
        _ request: InternalAuthenticateRequest, index: UInt64, now: Instant
    ) throws(AuthError) -> String {
        try state.withLock { state throws(AuthError) in
            guard state.isEnabled else { throw .authNotEnabled }
            guard let user = state.users[request.name], user.options?.noPassword != true else {
                throw .authFailed
            }
            let token = "\(request.simpleToken).\(index)"
            state.tokens.assign(
                token, to: request.name, now: now, milliseconds: tokenMilliseconds)
            return token
        }
    }
}
