//  Logging in over gRPC, and what a token is good for: the order of answers, tokens that a member
//  does not know yet, passwords that change meanwhile.

import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import Raft
import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite("Auth service", .timeLimit(.minutes(1)))
struct AuthServiceTests {
    private static let range = "/etcdserverpb.KV/Range"
    private static let watch = "/etcdserverpb.Watch/Watch"

    /// What is left of the answers of a call: its status.
    private func status(_ fixture: ServiceFixture) throws -> String {
        let text = try fixture.client.answers().last ?? ""
        return text.firstRange(of: "grpc-status").map { String(text[$0.lowerBound...]) } ?? text
    }

    @Test("a login gives a token that opens what its user may read, and nothing else")
    func logins() throws {
        let fixture = try ServiceFixture()
        _ = try fixture.put("a", "1")
        try fixture.enableAuth()
        let token = try #require(try fixture.login("u"))
        let stream = try fixture.begin(Self.range, RangeRequest(key: Bytes("a")), token: token)
        fixture.member.run()
        let found = try fixture.client.take(RangeResponse.self, stream: stream)
        #expect(found.first?.kvs.first?.value.text == "1")
        _ = try fixture.begin(Self.range, RangeRequest(key: Bytes("z")), token: token)
        fixture.member.run()
        #expect(try status(fixture).contains("permission denied"))
        _ = try fixture.begin(Self.range, RangeRequest(key: Bytes("a")), token: "nonsense")
        fixture.member.run()
        #expect(try status(fixture).contains("invalid auth token"))
        #expect(
            try fixture.failure(
                "/etcdserverpb.Auth/Authenticate", AuthenticateRequest(name: "u", password: "x")
            ).contains("authentication failed"))
        #expect(
            try fixture.failure(Self.range, RangeRequest(key: Bytes("a")))
                .contains("user name is empty"))
    }

    @Test("a token from the time before is no hindrance while auth is off")
    func tokenWhileOff() throws {
        let fixture = try ServiceFixture()
        _ = try fixture.put("a", "1")
        let stream = try fixture.begin(
            Self.range, RangeRequest(key: Bytes("a")), token: "abcdefghijklmnop.1")
        fixture.member.run()
        let found = try fixture.client.take(RangeResponse.self, stream: stream)
        #expect(found.first?.kvs.first?.value.text == "1")
    }

    @Test("who has not logged in learns nothing of the member")
    func strangers() throws {
        let fixture = try ServiceFixture()
        let alarms = AlarmRequest()
        for isOn in [false, true] {
            if isOn { try fixture.enableAuth() }
            let verdicts = [
                try fixture.failure("/etcdserverpb.Maintenance/Status", StatusRequest()),
                try fixture.failure("/etcdserverpb.Maintenance/Alarm", alarms),
            ]
            #expect(verdicts.allSatisfy { $0.contains("user name is empty") == isOn })
        }
        let token = try #require(try fixture.login("u"))
        let stream = try fixture.begin(
            "/etcdserverpb.Maintenance/Status", StatusRequest(), token: token)
        fixture.member.run()
        #expect(try fixture.client.take(StatusResponse.self, stream: stream).count == 1)
    }

    @Test("a linearizable read is judged by the rules in force when it is served")
    func judgedLate() throws {
        let fixture = try ServiceFixture()
        _ = try fixture.put("z", "1")
        try fixture.enableAuth()
        let (root, user) = (try fixture.login("root"), try fixture.login("u"))
        let grant = AuthRoleGrantPermissionRequest(
            name: "r", perm: Permission(permType: .read, key: Bytes("z")))
        let granted = try fixture.begin(
            "/etcdserverpb.Auth/RoleGrantPermission", grant, token: try #require(root))
        let read = try fixture.begin(
            Self.range, RangeRequest(key: Bytes("z")), token: try #require(user))
        fixture.member.run()
        _ = try fixture.client.take(AuthRoleGrantPermissionResponse.self, stream: granted)
        let found = try fixture.client.take(RangeResponse.self, stream: read)
        #expect(found.first?.kvs.first?.value.text == "1")
    }

    @Test("watches of one stream are answered in the order in which they were asked for")
    func order() throws {
        let fixture = try ServiceFixture()
        try fixture.enableAuth()
        let token = try #require(try fixture.login("u"))
        let stream = fixture.newStream()
        try fixture.client.open(Self.watch, stream: stream, fields: [("token", token)])
        for key in ["a", "z", "a", "y", "z", "a"] {
            let request = WatchRequest(request: .create(WatchCreateRequest(key: Bytes(key))))
            try fixture.send(request, stream: stream)
        }
        fixture.member.run()
        let answers = try fixture.client.take(WatchResponse.self, stream: stream)
        #expect(answers.map(\.created) == Array(repeating: true, count: 6))
        #expect(answers.map(\.canceled) == [false, true, false, true, true, false])
        #expect(answers.map(\.watchID) == [0, -1, 1, -1, -1, 2])
        #expect(answers[1].cancelReason.contains("permission denied"))
    }

    @Test("a call with a token of a login that the member has yet to apply waits for it")
    func lagging() throws {
        let fixture = try ServiceFixture()
        try fixture.enableAuth()
        let now = fixture.member.handler.status.applied.rawValue
        // A login by a member that is two entries ahead.
        _ = try fixture.begin(
            Self.range, RangeRequest(key: Bytes("a")), token: "abcdefghijklmnop.\(now + 2)")
        fixture.member.run()
        fixture.member.loop.advanceTime(by: .milliseconds(100))
        #expect(try fixture.client.answers().isEmpty)
        for _ in 0..<2 { _ = try? fixture.login("u") }
        fixture.member.loop.advanceTime(by: .milliseconds(20))
        fixture.member.run()
        #expect(try status(fixture).contains("invalid auth token"))
        // For ever it does not wait.
        _ = try fixture.begin(
            Self.range, RangeRequest(key: Bytes("a")), token: "abc.18446744073709551615")
        fixture.member.run()
        for _ in 0..<600 { fixture.member.loop.advanceTime(by: .milliseconds(10)) }
        fixture.member.run()
        #expect(try status(fixture).contains("invalid auth token"))
    }
}
