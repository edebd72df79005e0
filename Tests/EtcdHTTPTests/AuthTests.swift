//  /v2/auth, and what it means for keys and members (spec http-v2 section 7). Every answer beside
//  etcd's is checked by the integration tests; here are the rules that no request shows.

import EtcdAuth
import EtcdNet
import EtcdProto
import EtcdServer
import EtcdV2Store
import NIOCore
import NIOEmbedded
import Protobuf
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP
@testable import EtcdServer

extension Fixture {
    /// Applies proposals to the tree, as a lone member would, until none is left.
    func settle() throws {
        loop.run()
        while let id = latestID, registry.count > 0 {
            let request = try latestOperation()
            answer(.v2(perform(request), raftIndex: 6, raftTerm: 2))
            if latestID == id, registry.count > 0 { break }
        }
    }

    private func perform(_ request: V2Request) -> Result<V2Event, V2Error> {
        var outcome: Result<V2Event, V2Error> = .failure(V2Error(.raftInternal, cause: "not set"))
        keyspace.change({ store in
            outcome = Fixture.perform(request, store)
        }) { _, _ in }
        return outcome
    }

    private static func perform(_ request: V2Request, _ store: V2Store)
        -> Result<V2Event, V2Error>
    {
        let now = FakeClock.start.wall
        do throws(V2Error) {
            switch (request.method, request.previousExists) {
            case (.quorumGet, _):
                return .success(
                    try store.get(request.path, recursive: false, sorted: false, now: now))
            case (.delete, _):
                return .success(
                    try store.delete(
                        request.path, isDirectory: false, recursive: false, now: now))
            case (_, false?):
                return .success(
                    try store.create(
                        request.path, isDirectory: request.isDirectory, value: request.value,
                        unique: false, expiration: nil, now: now))
            case (_, true?):
                return .success(
                    try store.update(
                        request.path, value: request.value, expiration: nil, refresh: false,
                        now: now))
            default:
                return .success(
                    try store.compareAndSwap(
                        request.path, previousValue: request.previousValue,
                        previousIndex: request.previousIndex, value: request.value,
                        expiration: nil, refresh: false, now: now))
            }
        } catch {
            return .failure(error)
        }
    }

    func auth(_ method: String, _ path: String, _ body: String = "", as user: String? = nil) throws
        -> FakeResponder
    {
        let responder = send(
            method, "/v2/auth" + path, user.map { [basic($0)] } ?? [], body: body)
        try settle()
        return responder
    }

    /// - Parameter user: `name:password`.
    func basic(_ user: String) -> (String, String) {
        var quoted: [UInt8] = []
        ProtobufJSON.writeBase64(Bytes(user), into: &quoted)
        return (
            "Authorization",
            "Basic " + String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        )
    }

    /// Root and a user `u` who reads `/k/*`; on.
    func enableAuth() throws {
        for (path, body) in [
            ("/users/root", #"{"user":"root","password":"rp"}"#),
            ("/users/u", #"{"user":"u","password":"p"}"#),
            ("/roles/r", #"{"role":"r","permissions":{"kv":{"read":["/k/*"],"write":[]}}}"#),
            ("/users/u", #"{"user":"u","grant":["r"]}"#),
            ("/enable", ""),
        ] {
            let answer = try auth("PUT", path, body)
            #expect([200, 201].contains(answer.status), "\(path): \(answer.body)")
        }
    }
}

@Suite("The v2 API's users and roles")
struct AuthTests {
    @Test("live in the tree as etcd writes them, made in its order")
    func records() throws {
        let fixture = Fixture()
        let answer = try fixture.auth("PUT", "/users/u", #"{"user":"u","password":"p"}"#)
        #expect(answer.status == 201)
        #expect(answer.body == "{\"user\":\"u\",\"roles\":null}\n")
        #expect(answer.headers.first(name: "X-Etcd-Cluster-ID") == "c1")
        #expect(fixture.keyspace.currentIndex == 5)
        let record = try #require(fixture.keyspace.peek(Bytes("/2/users/u")))
        let user = try V2User(record: record)
        #expect(PasswordHash.matches("p", user.password))
        #expect(user.password.text.hasPrefix("$2a$10$"))
        #expect(fixture.keyspace.peek(Bytes("/2/enabled"))?.text == "false")
        #expect(record.text.hasPrefix("{\"user\":\"u\",\"password\":\"$2a$10$"))
        #expect(record.text.hasSuffix("\",\"roles\":null}"))
        // No answer shows a hash.
        let shown = try fixture.auth("GET", "/users/u")
        #expect(shown.body == "{\"user\":\"u\"}\n")
    }

    @Test("a change that was overtaken is made anew on what is there now")
    func races() throws {
        let fixture = Fixture()
        _ = try fixture.auth("PUT", "/users/u", #"{"user":"u","password":"p"}"#)
        let first = fixture.send(
            "PUT", "/v2/auth/users/u", [], body: #"{"user":"u","grant":["a"]}"#)
        // Between its reading and its writing another grant is committed.
        let read = try fixture.latestOperation()
        #expect(read.method == .quorumGet)
        let stale = try fixture.handler.getV2(read.path, recursive: false, sorted: false).get()
        var other = try V2User(record: stale.node.value ?? .empty)
        other.roles = [Bytes("b")]
        let changed = other.json(withPassword: true)
        fixture.keyspace.change({ store in
            _ = try? store.update(
                read.path, value: Bytes(changed), expiration: nil, refresh: false,
                now: FakeClock.start.wall)
        }) { _, _ in }
        fixture.answer(.v2(.success(stale), raftIndex: 6, raftTerm: 2))
        try fixture.settle()
        #expect(first.body == "{\"user\":\"u\",\"roles\":[\"a\",\"b\"]}\n")
    }

    @Test("decide about keys by the roles of this moment", .timeLimit(.minutes(1)))
    func keys() throws {
        let fixture = Fixture()
        try fixture.enableAuth()
        func status(_ method: String, _ target: String, _ user: String?) throws -> Int? {
            let answer = fixture.send(method, target, user.map { [fixture.basic($0)] } ?? [])
            fixture.loop.run()
            if answer.status == nil {
                // It has been let through, into the log.
                fixture.answer(.failed(.timeout))
            }
            return answer.status
        }
        #expect(try status("GET", "/v2/keys/k/a", "u:p") == 404)
        #expect(try status("GET", "/v2/keys/k/a", "u:wrong") == 401)
        #expect(try status("GET", "/v2/keys/x", "u:p") == 401)
        #expect(try status("PUT", "/v2/keys/k/a", "u:p") == 401)
        #expect(try status("PUT", "/v2/keys/k/a", "root:rp") == 500)
        #expect(try status("PUT", "/v2/keys/k/a", nil) == 500)
        #expect(try status("DELETE", "/v2/members/2a", "u:p") == 401)
        #expect(try status("GET", "/v2/members", nil) == 200)
        let refused = fixture.send("GET", "/v2/keys/x", [fixture.basic("u:p")])
        fixture.loop.run()
        #expect(
            refused.body == """
                {"errorCode":110,"message":"The request requires user authentication",\
                "cause":"Insufficient credentials","index":0}

                """)
        // A password that was right once is not right for ever.
        _ = try fixture.auth("PUT", "/users/u", #"{"user":"u","password":"q"}"#, as: "root:rp")
        #expect(try status("GET", "/v2/keys/k/a", "u:p") == 401)
        #expect(try status("GET", "/v2/keys/k/a", "u:q") == 404)
        _ = try fixture.auth("PUT", "/users/u", #"{"user":"u","revoke":["r"]}"#, as: "root:rp")
        #expect(try status("GET", "/v2/keys/k/a", "u:q") == 401)
        _ = try fixture.auth("DELETE", "/roles/guest", as: "root:rp")
        #expect(try status("GET", "/v2/keys/k/a", nil) == 401)
        _ = try fixture.auth("DELETE", "/enable", as: "root:rp")
        #expect(try status("GET", "/v2/keys/x", nil) == 404)
    }

    @Test("take the name in a client's certificate when there is no other")
    func certificates() throws {
        let fixture = Fixture()
        try fixture.enableAuth()
        func status(_ name: String?, _ target: String) -> Int? {
            let answer = fixture.send("GET", target, isTLS: true, commonName: name)
            fixture.loop.run()
            return answer.status
        }
        #expect(status("u", "/v2/keys/k/a") == 404)
        #expect(status("u", "/v2/keys/x") == 401)
        #expect(status("root", "/v2/auth/users") == 200)
        #expect(status("u", "/v2/auth/users") == 401)
        // Somebody unknown is a guest as far as keys go.
        #expect(status("ghost", "/v2/keys/x") == 404)
        #expect(status("../users/u", "/v2/auth/users") == 401)
        #expect(status(nil, "/v2/auth/users") == 401)
    }

    @Test("the v3 gateway tells whoever has a name in its certificate that it does not count")
    func gatewayNames() throws {
        struct Gateway: HTTPHandler {
            func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder)
                -> HTTPBodyPlan
            { .ignore }
            func handle(
                _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
            ) { responder.respond(status: 200, headers: [:], body: body) }
            var remoteCalls: (any RemoteCallHandler)? { nil }
        }
        let fixture = Fixture(gateway: Gateway())
        func status(_ name: String?) -> Int? {
            fixture.send("POST", "/v3/kv/range", isTLS: true, commonName: name).status
        }
        #expect(status("u") == 200)
        let auth = fixture.v3.views.auth
        try auth.addUser(
            AuthUserAddRequest(name: "root", options: UserAddOptions(noPassword: true)),
            in: fixture.v3.backend)
        try auth.grantRole(
            AuthUserGrantRoleRequest(user: "root", role: "root"), in: fixture.v3.backend)
        try auth.enable(in: fixture.v3.backend)
        #expect(status("u") == 400)
        #expect(status("") == 200)
        #expect(status(nil) == 200)
        let refused = fixture.send("POST", "/v3/kv/range", isTLS: true, commonName: "u")
        #expect(refused.body.hasPrefix("CommonName of client sending a request against gateway"))
    }

    @Test("too many passwords at once are refused, not queued")
    func floods() throws {
        let fixture = Fixture(background: HoldingBackground())
        fixture.keyspace.change({ store in
            for (path, value) in [
                ("/2/enabled", "true"),
                ("/2/users/u", #"{"user":"u","password":"$2a$10$x","roles":null}"#),
            ] {
                _ = try? store.set(
                    Bytes(path), isDirectory: false, value: Bytes(value), expiration: nil,
                    refresh: false, now: FakeClock.start.wall)
            }
        }) { _, _ in }
        let waiting = (0..<Limits.passwordWorkMax).map { number in
            fixture.send("GET", "/v2/keys/x", [fixture.basic("u:\(number)")])
        }
        #expect(waiting.allSatisfy { $0.status == nil })
        let last = fixture.send("GET", "/v2/keys/x", [fixture.basic("u:p")])
        fixture.loop.run()
        #expect(last.status == 401)
    }

    @Test(
        "patterns open keys, and with a star what is below",
        arguments: [
            ("/a", "/a", false, true), ("/a", "/a/b", false, false), ("/a", "/a", true, false),
            ("/a*", "/ab/c", false, true), ("/a*", "/a", true, true), ("/a/*", "/a", false, false),
            ("/*", "", false, false), ("/*", "/", false, true), ("*", "", true, true),
            ("", "/a", false, false), ("", "", false, false), ("/a*", "/b", true, false),
        ])
    func patterns(pattern: String, key: String, recursive: Bool, opens: Bool) {
        let role = V2Role(name: Bytes("r"), permissions: V2Permissions(read: [Bytes(pattern)]))
        #expect(role.allows(Bytes(key), write: false, recursive: recursive) == opens)
        #expect(!role.allows(Bytes(key), write: true, recursive: recursive))
        #expect(V2Role.rootRole.allows(Bytes(key), write: true, recursive: recursive))
    }

    @Test(
        "credentials are read as Go reads them",
        arguments: [
            ("Basic dTpw", "u", "p"), ("basic dTpw", "u", "p"), ("BASIC dTpwOnE=", "u", "p:q"),
            ("Basic Og==", "", ""), ("Basic dQ==", nil, nil), ("Basic dTpw=", nil, nil),
            ("Bearer dTpw", nil, nil), ("Basic", nil, nil), ("Basic !!!!", nil, nil),
            ("Basic  dTpw", nil, nil),
        ] as [(String, String?, String?)])
    func credentials(header: String, name: String?, password: String?) {
        let found = BasicCredentials(header)
        #expect(found?.name.text == name)
        #expect(found?.password.text == password)
    }

    @Test("verified passwords are forgotten one by one")
    func verified() {
        let verified = VerifiedPasswords()
        let hash = Bytes("$2a$10$hash")
        for number in 0...Limits.verifiedPasswordsMax {
            verified.insert(Bytes("p\(number)"), hash)
        }
        #expect(!verified.contains(Bytes("p0"), hash))
        #expect(verified.contains(Bytes("p1"), hash))
        #expect(verified.contains(Bytes("p\(Limits.verifiedPasswordsMax)"), hash))
        #expect(!verified.contains(Bytes("p1"), Bytes("$2a$10$other")))
    }
}
