//  Users, roles and permissions: the rules of spec grpc-v3 section 11.

import EtcdAuth
import EtcdBackend
import EtcdProto
import RuntimeCore
import RuntimePosix
import Testing

/// A store over a database in a directory of its own.
private final class Fixture {
    let backend: Backend
    let auth = AuthStore(bcryptCost: 4)
    private let directory: String

    init() throws {
        directory = "/tmp/etcd-auth-tests-\(SystemEntropy.seed())"
        let files = PosixFileSystem()
        try files.createDirectory(directory, permissions: 0o700)
        backend = try Backend.open(
            path: "\(directory)/db", in: files, buckets: AuthStore.buckets,
            settings: Backend.Settings())
        try auth.recover(from: backend)
    }

    deinit {
        backend.close()
        try? PosixFileSystem().removeTree(directory)
    }

    /// User root with role root, auth on; a user `u` with role `r`.
    func enable() throws {
        for name in ["root", "u"] {
            try auth.addUser(
                AuthUserAddRequest(name: name, options: UserAddOptions(noPassword: true)),
                in: backend)
        }
        try auth.grantRole(AuthUserGrantRoleRequest(user: "root", role: "root"), in: backend)
        try auth.addRole("r", in: backend)
        try auth.grantRole(AuthUserGrantRoleRequest(user: "u", role: "r"), in: backend)
        try auth.enable(in: backend)
    }

    func grant(_ kind: Permission.Kind, _ key: String, _ end: String) throws {
        try auth.grantPermission(
            AuthRoleGrantPermissionRequest(
                name: "r",
                perm: Permission(permType: kind, key: Bytes(key), rangeEnd: Bytes(end))),
            in: backend)
    }

    func verdict(_ access: KeyAccess, _ key: String, _ end: String = "") -> AuthError? {
        auth.refusal(
            AuthInfo(username: "u", revision: auth.revision), access, Bytes(key), Bytes(end))
    }
}

@Suite("The auth store")
struct AuthStoreTests {
    @Test("begins at revision 1, switched off, and then everybody may do everything")
    func beginning() throws {
        let fixture = try Fixture()
        #expect(fixture.auth.revision == 1)
        #expect(!fixture.auth.isEnabled)
        #expect(fixture.verdict(.write, "a") == nil)
        #expect(fixture.auth.refusalOfAdministration(AuthInfo()) == nil)
    }

    @Test("is switched on only with a root user that holds the root role")
    func enabling() throws {
        let fixture = try Fixture()
        #expect(throws: AuthError.rootUserNotExist) { try fixture.auth.enable(in: fixture.backend) }
        try fixture.auth.addUser(
            AuthUserAddRequest(name: "root", options: UserAddOptions(noPassword: true)),
            in: fixture.backend)
        #expect(throws: AuthError.rootRoleNotExist) { try fixture.auth.enable(in: fixture.backend) }
    }

    @Test("counts every change and no repetition")
    func revisions() throws {
        let fixture = try Fixture()
        try fixture.enable()
        let before = fixture.auth.revision
        try fixture.auth.grantRole(
            AuthUserGrantRoleRequest(user: "u", role: "r"), in: fixture.backend)
        #expect(fixture.auth.revision == before)
        try fixture.grant(.read, "a", "")
        #expect(fixture.auth.revision == before + 1)
    }

    @Test(
        "grants what the union of ranges covers, and no more",
        arguments: [
            ("b", "", true), ("a", "c", true), ("a", "d", true), ("a", "e", false),
            ("d", "", false), ("", "\0", false), ("c", "\0", false), ("b", "a", true),
            ("b", "b", true), ("e", "a", false),
        ])
    func coverage(key: String, end: String, isAllowed: Bool) throws {
        let fixture = try Fixture()
        try fixture.enable()
        try fixture.grant(.read, "a", "c")
        try fixture.grant(.readwrite, "c", "d")
        #expect((fixture.verdict(.read, key, end) == nil) == isAllowed)
        #expect(fixture.verdict(.write, "a") == .permissionDenied)
        #expect(fixture.verdict(.write, "c") == nil)
    }

    @Test("refuses requests judged under older rules, and those of nobody")
    func oldRevisions() throws {
        let fixture = try Fixture()
        try fixture.enable()
        try fixture.grant(.read, "a", "")
        let old = AuthInfo(username: "u", revision: fixture.auth.revision - 1)
        #expect(fixture.auth.refusal(old, .read, Bytes("a"), .empty) == .revisionOld)
        #expect(fixture.auth.refusal(AuthInfo(), .read, Bytes("a"), .empty) == .userEmpty)
        #expect(
            fixture.auth.refusalOfAdministration(AuthInfo(username: "u", revision: 1))
                == .permissionDenied)
    }

    @Test("keeps root usable while it is on")
    func root() throws {
        let fixture = try Fixture()
        try fixture.enable()
        let backend = fixture.backend
        #expect(throws: AuthError.invalidManagement) {
            try fixture.auth.deleteUser("root", in: backend)
        }
        #expect(throws: AuthError.invalidManagement) {
            try fixture.auth.revokeRole(
                AuthUserRevokeRoleRequest(name: "root", role: "root"), in: backend)
        }
        let info = AuthInfo(username: "root", revision: fixture.auth.revision)
        #expect(fixture.auth.refusal(info, .write, Bytes("x"), Bytes([0])) == nil)
        #expect(throws: AuthError.roleNotFound) { _ = try fixture.auth.permissions(of: "root") }
        try fixture.auth.addRole("root", in: backend)
        #expect(try fixture.auth.permissions(of: "root").map(\.rangeEnd) == [Bytes([0])])
    }

    @Test("knows a password by its bcrypt hash, and a login gives a token that ends with its user")
    func logins() throws {
        let fixture = try Fixture()
        try fixture.enable()
        let hash = try #require(fixture.auth.hash("secret"))
        #expect(hash.text.hasPrefix("$2a$04$"))
        #expect(PasswordHash.matches("secret", hash))
        #expect(!PasswordHash.matches("Secret", hash))
        #expect(fixture.auth.hash(String(repeating: "x", count: 73)) == nil)
        #expect(throws: AuthError.noPasswordUser) { _ = try fixture.auth.credentials(of: "u") }
        #expect(throws: AuthError.authFailed) { _ = try fixture.auth.credentials(of: "ghost") }

        var text: [UInt8] = []
        text = Array("JDJhJDA0JHh4".utf8)
        try fixture.auth.addUser(
            AuthUserAddRequest(
                name: "p", hashedPassword: String(decoding: text, as: UTF8.self)),
            in: fixture.backend)
        let now = Instant(nanoseconds: 1_000_000_000)
        let token = try fixture.auth.authenticate(
            InternalAuthenticateRequest(name: "p", simpleToken: "abc"), index: 7, now: now)
        #expect(token == "abc.7")
        func moment(_ instant: Instant) -> Moment {
            Moment(monotonic: instant, wall: WallTime(unixNanoseconds: 0))
        }
        #expect(fixture.auth.info(ofToken: token, now: moment(now))?.username == "p")
        let late = now.advanced(byMilliseconds: 300_001)
        #expect(fixture.auth.info(ofToken: token, now: moment(late)) == nil)
        let second = try fixture.auth.authenticate(
            InternalAuthenticateRequest(name: "p", simpleToken: "def"), index: 8, now: now)
        try fixture.auth.deleteUser("p", in: fixture.backend)
        #expect(fixture.auth.info(ofToken: second, now: moment(now)) == nil)
    }

    @Test("a token's letters differ every time")
    func tokenPrefixes() {
        let store = AuthStore()
        let first = store.makeTokenPrefix()
        #expect(first.count == 16 && first.allSatisfy { $0.isLetter && $0.isASCII })
        #expect(first != store.makeTokenPrefix())
    }

    @Test(
        "a token names the log entry that made it",
        arguments: [
            ("abc.7", 7), ("abc.", nil), ("abc", nil), ("a.b.7", nil), ("abc.-7", nil),
            ("abc.99999999999999999999", nil), (".7", 7),
        ] as [(String, UInt64?)])
    func tokenPositions(token: String, position: UInt64?) {
        #expect(AuthStore.position(ofToken: token) == position)
    }

    @Test("names that look the same but are not are different users")
    func normalization() throws {
        let fixture = try Fixture()
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        try fixture.auth.addUser(
            AuthUserAddRequest(name: composed, options: UserAddOptions(noPassword: true)),
            in: fixture.backend)
        #expect(throws: AuthError.userNotFound) {
            try fixture.auth.deleteUser(decomposed, in: fixture.backend)
        }
        try fixture.auth.addRole(decomposed, in: fixture.backend)
        #expect(throws: AuthError.roleNotFound) {
            try fixture.auth.grantRole(
                AuthUserGrantRoleRequest(user: composed, role: composed), in: fixture.backend)
        }
    }

    @Test("refuses names that its database cannot keep, and takes those it can")
    func longNames() throws {
        let fixture = try Fixture()
        let longest = String(repeating: "n", count: Backend.keyBytesMax)
        try fixture.auth.addRole(longest, in: fixture.backend)
        #expect(throws: AuthError.nameTooLong) {
            try fixture.auth.addRole(longest + "n", in: fixture.backend)
        }
        #expect(throws: AuthError.nameTooLong) {
            try fixture.auth.addUser(
                AuthUserAddRequest(name: longest + "n"), in: fixture.backend)
        }
    }

    @Test("keeps empty and inverted ranges of old members, which open nothing, and all of one key")
    func oddRanges() throws {
        let fixture = try Fixture()
        try fixture.enable()
        let odd = [("", "\0"), ("z", "a")].map {
            Permission(permType: .readwrite, key: Bytes($0.0), rangeEnd: Bytes($0.1))
        }
        var row: [UInt8] = []
        var role = AuthRole(name: Bytes("r"))
        role.keyPermission = odd
        role.encode(into: &row)
        fixture.backend.put(AuthStore.roles, key: Bytes("r"), value: Bytes(row))
        try fixture.auth.recover(from: fixture.backend)
        #expect(fixture.verdict(.read, "b") == .permissionDenied)
        #expect(fixture.verdict(.read, "a", "\0") == .permissionDenied)
        try fixture.grant(.read, "k", "m")
        try fixture.grant(.read, "k", "l")
        // Another range comes first for that key: the old permission stays beside the new one.
        try fixture.grant(.write, "k", "l")
        #expect(
            try fixture.auth.permissions(of: "r").map { "\($0.key.text)-\($0.rangeEnd.text)" }
                == ["-\0", "k-m", "k-l", "k-l", "z-a"])
        #expect(fixture.verdict(.read, "k") == nil)
        #expect(fixture.verdict(.write, "k") == nil)
        try fixture.auth.revokePermission(
            AuthRoleRevokePermissionRequest(role: "r", key: Bytes("k"), rangeEnd: Bytes("l")),
            in: fixture.backend)
        #expect(fixture.verdict(.write, "k") == .permissionDenied)
    }

    @Test("hashes of Go's bcrypt are known, those of its longest passwords too")
    func goHashes() {
        // From the database of an etcd 3.5.1 with --bcrypt-cost 4.
        let long = String(repeating: "x", count: 80)
        let hashes = [
            ("secret", "$2a$04$NETkI2fZ/MtqyTWo40F5A.a3.kTle/Wxz/nz2oInnEv9rlTd9zhHO"),
            ("\u{FC}\u{FF}\u{A3}", "$2a$04$Y2CWZbDCmsxlvhwaIQex3OMPVfvSC0ZlrG33rwHFOAfkgeF188AeO"),
            (long, "$2a$04$yRBuG9EBQacVqCf1Xq5VCea9c1oLZtZzppBgOGuW9qki3aEvAM/T2"),
        ]
        for (password, hash) in hashes {
            #expect(PasswordHash.matches(password, Bytes(hash)))
            #expect(!PasswordHash.matches("Secret", Bytes(hash)))
            #expect(!PasswordHash.matches("", Bytes(hash)))
        }
        let cut = PasswordHash.make(String(repeating: "x", count: 72), cost: 4) ?? .empty
        #expect(PasswordHash.matches(long, cut))
        #expect(!PasswordHash.matches(String(repeating: "x", count: 71), cut))
        #expect(!PasswordHash.matches("x", Bytes("plain")))
        #expect(!PasswordHash.matches("x", .empty))
    }

    @Test("is read back from the database as it was")
    func recovery() throws {
        let fixture = try Fixture()
        try fixture.enable()
        try fixture.grant(.write, "k", "")
        let again = AuthStore()
        try again.recover(from: fixture.backend)
        #expect(again.isEnabled)
        #expect(again.revision == fixture.auth.revision)
        #expect(again.userNames == ["root", "u"])
        #expect(again.roleNames == ["r"])
        let info = AuthInfo(username: "u", revision: again.revision)
        #expect(again.refusal(info, .write, Bytes("k"), .empty) == nil)
        #expect(again.refusal(info, .read, Bytes("k"), .empty) == .permissionDenied)
    }

    @Test("rows that cannot be read are no reason to go on without them")
    func unreadable() throws {
        let fixture = try Fixture()
        try fixture.enable()
        var role: [UInt8] = [0x0A, 1, 0xE9]
        fixture.backend.put(AuthStore.roles, key: Bytes([0xE9]), value: Bytes(role))
        // As Go's members keep it.
        try AuthStore().recover(from: fixture.backend)
        role[1] = 9
        fixture.backend.put(AuthStore.roles, key: Bytes([0xE9]), value: Bytes(role))
        #expect(throws: UnreadableAuthRecord.self) {
            try AuthStore().recover(from: fixture.backend)
        }
    }

    @Test(
        "a permission holds some key",
        arguments: [
            ("k", "", true), ("k", "l", true), ("k", "\0", true), ("\0", "\0", true),
            ("", "", false), ("", "\0", false), ("k", "k", false), ("z", "a", false),
            ("a", "A", false),
        ])
    func emptyPermissions(_ key: String, _ end: String, _ isValid: Bool) throws {
        let fixture = try Fixture()
        try fixture.enable()
        let revision = fixture.auth.revision
        if isValid { return try fixture.grant(.read, key, end) }
        #expect(throws: AuthError.invalidManagement) { try fixture.grant(.read, key, end) }
        #expect(fixture.auth.revision == revision)
    }

    @Test("deleting a role takes it from everybody; names that are not there are told apart")
    func deletions() throws {
        let fixture = try Fixture()
        try fixture.enable()
        let backend = fixture.backend
        try fixture.auth.deleteRole("r", in: backend)
        #expect(try fixture.auth.roles(of: "u") == [])
        #expect(throws: AuthError.roleNotFound) { try fixture.auth.deleteRole("r", in: backend) }
        #expect(throws: AuthError.userNotFound) { _ = try fixture.auth.roles(of: "nobody") }
        #expect(throws: AuthError.roleNotGranted) {
            try fixture.auth.revokeRole(
                AuthUserRevokeRoleRequest(name: "u", role: "r"), in: backend)
        }
        #expect(throws: AuthError.userEmpty) {
            try fixture.auth.addUser(AuthUserAddRequest(), in: backend)
        }
        #expect(throws: AuthError.roleEmpty) { try fixture.auth.addRole("", in: backend) }
        #expect(throws: AuthError.permissionNotGiven) {
            try fixture.auth.grantPermission(
                AuthRoleGrantPermissionRequest(name: "r"), in: backend)
        }
    }
}
