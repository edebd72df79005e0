//  Users, roles and whether they matter (spec grpc-v3 11): kept in the database, the same on every
//  member, read from any thread.

package import EtcdBackend
package import EtcdProto
import Protobuf
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

/// A row of the database that is no user or role.
package struct UnreadableAuthRecord: Error, CustomStringConvertible {
    let kind: String
    let name: String
    let cause: ProtobufError

    package var description: String {
        "the \(kind) \(name) in the database cannot be read: \(cause)"
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
    static let rootKey = Bytes(root)

    static let enabledKey = Bytes("authEnabled")
    static let revisionKey = Bytes("authRevision")

    struct State {
        var isEnabled = false
        var revision: UInt64 = 0
        var users: [Bytes: User] = [:]
        var roles: [Bytes: AuthRole] = [:]
        /// Computed when first asked for; empty after every change.
        var permissions: [Bytes: RangePermissions] = [:]
        var tokens = SimpleTokens()
    }

    let state = Mutex(State())
    // The same as in `state`, for the questions of every request: those are not to wait for one
    // another.
    private let publishedEnabled = Atomic<Bool>(false)
    private let publishedRevision = Atomic<UInt64>(0)
    let bcryptCost: Int
    package let tokens: TokenKind

    package init(bcryptCost: Int = 10, tokens: TokenKind = .simple(seconds: 300)) {
        self.bcryptCost = bcryptCost
        self.tokens = tokens
    }

    // MARK: start

    /// Replaces everything by what the database holds; tokens are gone. A new database gets
    /// revision 1.
    ///
    /// - Throws: when a user or a role cannot be read: without it others would have other rights.
    package func recover(from backend: Backend) throws(UnreadableAuthRecord) {
        var found = State()
        found.isEnabled = backend.get(AuthStore.settings, key: AuthStore.enabledKey) == Bytes([1])
        if let bytes = backend.get(AuthStore.settings, key: AuthStore.revisionKey),
            bytes.count == 8
        {
            found.revision = bytes.array.reduce(0) { $0 << 8 | UInt64($1) }
        }
        found.users = try AuthStore.all(AuthStore.users, "user", in: backend)
        found.roles = try AuthStore.all(AuthStore.roles, "role", in: backend)
        if found.revision == 0 {
            found.revision = 1
            AuthStore.write(revision: 1, to: backend)
        }
        let recovered = found
        state.withLock { state in
            state = recovered
            publish(state)
        }
    }

    private static func all<Record: ProtobufMessage>(
        _ bucket: Bucket, _ kind: String, in backend: Backend
    ) throws(UnreadableAuthRecord) -> [Bytes: Record] {
        var found: [Bytes: Record] = [:]
        var problem: UnreadableAuthRecord?
        backend.scan(bucket, from: .empty, to: nil) { key, value in
            let name = Bytes(Array(key))
            do throws(ProtobufError) {
                found[name] = try Record(decodingStored: Bytes(Array(value)))
                return true
            } catch {
                problem = UnreadableAuthRecord(kind: kind, name: name.text, cause: error)
                return false
            }
        }
        if let problem { throw problem }
        return found
    }

    /// Called with the lock held, after a change of what it shows.
    func publish(_ state: State) {
        publishedEnabled.store(state.isEnabled, ordering: .releasing)
        publishedRevision.store(state.revision, ordering: .releasing)
    }

    static func write(revision: UInt64, to backend: Backend) {
        backend.put(
            settings, key: revisionKey,
            value: withUnsafeBytes(of: revision.bigEndian) { Bytes(Array($0)) })
    }

    // MARK: questions

    package var isEnabled: Bool { publishedEnabled.load(ordering: .acquiring) }
    package var revision: UInt64 { publishedRevision.load(ordering: .acquiring) }

    /// `nil` while auth is off: then everybody may do everything.
    package func refusal(_ info: AuthInfo, _ access: KeyAccess, _ key: Bytes, _ end: Bytes)
        -> AuthError?
    {
        state.withLock { state in
            guard state.isEnabled else { return nil }
            if info.revision == 0 { return .userEmpty }
            if info.revision < state.revision { return .revisionOld }
            let name = Bytes(info.username)
            guard let user = state.users[name] else { return .permissionDenied }
            if user.holds(AuthStore.root) { return nil }
            let granted = AuthStore.permissions(of: user, name, &state)
            let coverage = access == .read ? granted.reading : granted.writing
            return coverage.covers(key, end) ? nil : .permissionDenied
        }
    }

    /// `nil` when auth is off or the user holds the root role.
    package func refusalOfAdministration(_ info: AuthInfo) -> AuthError? {
        state.withLock { state in
            guard state.isEnabled else { return nil }
            if info.username.isEmpty { return .userEmpty }
            let isRoot = state.users[Bytes(info.username)]?.holds(AuthStore.root) ?? false
            return isRoot ? nil : .permissionDenied
        }
    }

    package func hasRole(_ user: String, _ role: String) -> Bool {
        state.withLock { $0.users[Bytes(user)]?.holds(role) ?? false }
    }

    private static func permissions(of user: User, _ name: Bytes, _ state: inout State)
        -> RangePermissions
    {
        if let known = state.permissions[name] { return known }
        let merged = RangePermissions(user.roles.compactMap { state.roles[Bytes($0)] })
        state.permissions[name] = merged
        return merged
    }

    // MARK: logging in

    /// The user behind a token; `nil` for a token that is not valid here. Using a simple token
    /// prolongs it and means the rules of now; a signed one says itself which rules it knows.
    package func info(ofToken token: String, now: Moment) -> AuthInfo? {
        switch tokens {
        case .none: return nil
        case .signed(let keys): return keys.info(of: token, now: now.wall)
        case .simple(let seconds):
            return state.withLock { state in
                guard
                    let user = state.tokens.user(
                        of: token, now: now.monotonic, milliseconds: seconds &* 1_000)
                else { return nil }
                return AuthInfo(username: user.text, revision: state.revision)
            }
        }
    }

    /// The log position from which on a simple token is valid; `nil` when it names none.
    package static func position(ofToken token: String) -> UInt64? {
        SimpleTokens.position(of: token)
    }

    /// Whether a user can log in with a password, and what it is compared with. Read the revision
    /// again once the login is applied: if it has changed, the password may have.
    package func credentials(of name: String) throws(AuthError) -> (
        hash: Bytes, revision: UInt64
    ) {
        try state.withLock { state throws(AuthError) in
            guard state.isEnabled else { throw .authNotEnabled }
            guard let user = state.users[Bytes(name)] else { throw .authFailed }
            if user.options?.noPassword == true { throw .noPasswordUser }
            return (user.password, state.revision)
        }
    }

    /// Sixteen letters that nobody can guess, the first part of a new simple token; empty for other
    /// kinds.
    package func makeTokenPrefix() -> String {
        if case .simple = tokens { SimpleTokens.makePrefix() } else { "" }
    }

    /// The hash that goes into the log in place of a password; `nil` when there can be none.
    package func hash(_ password: String) -> Bytes? {
        PasswordHash.make(password, cost: bcryptCost)
    }

    /// The applied half of a login: a simple token is valid on every member from here on. A signed
    /// one is made by the member that was asked (`sign`), which is no business of the state.
    package func authenticate(
        _ request: InternalAuthenticateRequest, index: UInt64, now: Instant
    ) throws(AuthError) -> String {
        try state.withLock { state throws(AuthError) in
            guard state.isEnabled else { throw .authNotEnabled }
            let name = Bytes(request.name)
            guard let user = state.users[name], user.options?.noPassword != true else {
                throw .authFailed
            }
            guard case .simple(let seconds) = tokens else { return "" }
            let token = "\(request.simpleToken).\(index)"
            state.tokens.assign(token, to: name, now: now, milliseconds: seconds &* 1_000)
            return token
        }
    }

    /// A signed token for somebody who has just logged in under the rules of `revision`.
    package func sign(_ name: String, revision: UInt64, now: WallTime) throws(AuthError) -> String {
        switch tokens {
        case .signed(let keys):
            try keys.make(AuthInfo(username: name, revision: revision), now: now)
        case .simple, .none: throw .authFailed
        }
    }
}

/// What a login gets.
package enum TokenKind: Sendable {
    /// Kept in memory on every member, valid this long after its last use.
    case simple(seconds: UInt64)
    /// JSON Web Tokens, which every member can check by itself.
    case signed(WebTokens)
    /// Nobody can log in.
    case none
}
