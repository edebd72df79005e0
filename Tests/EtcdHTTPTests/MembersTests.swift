//  /v2/members, /v2/machines and /v2/stats (spec http-v2 sections 5 and 6).

import EtcdAuth
import EtcdMembership
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP
@testable import EtcdServer

private let json = [("Content-Type", "application/json")]

@Suite struct MembersTests {
    @Test func listsMembers() {
        let response = Fixture().send("GET", "/v2/members/")
        #expect(response.status == 200)
        #expect(
            response.body == """
                {"members":[{"id":"2a","name":"ref","peerURLs":["http://h:2380"],\
                "clientURLs":["http://h:2379"]}]}

                """)
        #expect(response.headers.first(name: "X-Etcd-Cluster-Id") == "c1")
        #expect(Fixture().send("GET", "/v2/machines").body == "http://h:2379")
    }

    @Test func findsTheLeader() {
        let fixture = Fixture()
        #expect(fixture.send("GET", "/v2/members/leader").body.hasPrefix("{\"id\":\"2a\""))
        let other = fixture.send("GET", "/v2/members/other")
        #expect(other.status == 404)
        #expect(other.body == "{\"message\":\"Not found\"}")
        fixture.status.publish(leader: .none, role: .candidate)
        let none = fixture.send("GET", "/v2/members/leader")
        #expect(none.status == 503)
        #expect(none.body == "{\"message\":\"During election\"}")
    }

    @Test func addsAMember() {
        let fixture = Fixture()
        let response = fixture.send(
            "POST", "/v2/members", json, body: "{\"PeerURLS\":[\"http://b:1\",\" http://a:1\"]}")
        fixture.answer(.members([]))
        #expect(response.status == 201)
        #expect(response.body.hasPrefix("{\"id\":\""))
        #expect(
            response.body.hasSuffix(
                "\"name\":\"\",\"peerURLs\":[\"http://a:1\",\"http://b:1\"],\"clientURLs\":[]}\n"))
    }

    @Test("nobody changes the cluster while users and roles of the v3 API are in force")
    func foreignRules() throws {
        let fixture = Fixture()
        let auth = fixture.v3.views.auth
        try auth.addUser(
            AuthUserAddRequest(
                name: "root", options: UserAddOptions(noPassword: true)), in: fixture.v3.backend)
        try auth.addRole("root", in: fixture.v3.backend)
        try auth.grantRole(
            AuthUserGrantRoleRequest(user: "root", role: "root"), in: fixture.v3.backend)
        try auth.enable(in: fixture.v3.backend)
        let body = "{\"peerURLs\":[\"http://b:1\"]}"
        for (method, path) in [
            ("POST", "/v2/members"), ("PUT", "/v2/members/2a"), ("DELETE", "/v2/members/2a"),
            ("PUT", "/v2/auth/users/root"), ("PUT", "/v2/auth/enable"),
            ("PUT", "/config/local/log"),
        ] {
            let refused = fixture.send(method, path, json, body: body)
            #expect(refused.status == 401, "\(method) \(path)")
            let forged = fixture.send(
                method, path, json + [("Authorization", "root.1")], body: body)
            #expect(forged.status == 401, "\(method) \(path)")
        }
        #expect(fixture.send("GET", "/v2/members").status == 200)
        let allowed = fixture.send(
            "PUT", "/v2/members/2a", json, body: body, isTLS: true, commonName: "root")
        fixture.answer(.members([]))
        #expect(allowed.status == 204)
    }

    @Test func changesAndRemoves() {
        let fixture = Fixture()
        let put = fixture.send(
            "PUT", "/v2/members/2a", json, body: "{\"peerURLs\":[\"http://b:1\"]}")
        fixture.answer(.members([]))
        #expect(put.status == 204)
        #expect(put.body.isEmpty)
        let delete = fixture.send("DELETE", "/v2/members/2A")
        fixture.answer(.members([]))
        #expect(delete.status == 204)
    }

    /// Outcome of a DELETE, status, message.
    static let outcomes: [(ServerError, Int, String)] = [
        (.memberNotFound(0x123), 404, "No such member: 123"),
        (.memberIDRemoved(0x123), 410, "Member permanently removed: 123"),
        (.memberIDExists, 409, "membership: ID exists"),
        (.peerURLExists, 409, "membership: peerURL exists"),
        (.timeout, 500, "Internal Server Error"),
        (.unhealthyCluster, 500, "Internal Server Error"),
    ]

    @Test(arguments: outcomes)
    func answersErrors(error: ServerError, status: Int, message: String) {
        let fixture = Fixture()
        let response = fixture.send("DELETE", "/v2/members/123")
        fixture.answer(.failed(error))
        #expect(response.status == status)
        #expect(response.body == "{\"message\":\"\(message)\"}")
        #expect(response.headers.first(name: "Content-Type") == "application/json")
    }

    @Test func needsAnID() {
        let fixture = Fixture()
        for (method, target) in [("DELETE", "/v2/members"), ("PUT", "/v2/members/")] {
            let response = fixture.send(method, target)
            #expect(response.status == 405)
            #expect(response.body == "Method Not Allowed\n")
            #expect(!response.headers.contains(name: "Allow"))
        }
        for id in ["zz", "+12", "11111111111111111"] {
            let response = fixture.send("DELETE", "/v2/members/\(id)")
            #expect(response.status == 404)
            #expect(response.body == "{\"message\":\"No such member: \(id)\"}")
        }
    }

    /// Content type, status and message of the refusal.
    @Test func needsJSON() {
        let fixture = Fixture()
        let form = fixture.send("POST", "/v2/members", [("Content-Type", "text/plain; a=b")])
        #expect(form.status == 415)
        #expect(
            form.body
                == "{\"message\":\"Bad Content-Type text/plain; a=b, accept application/json\"}")
        let none = fixture.send("PUT", "/v2/members/123")
        #expect(none.body == "{\"message\":\"Bad Content-Type , accept application/json\"}")
        let spaced = fixture.send(
            "POST", "/v2/members", [("Content-Type", "Application/JSON ; a")], body: "{")
        #expect(spaced.body == "{\"message\":\"unexpected end of JSON input\"}")
    }

    /// Body of a POST, message of the refusal.
    static let bodies: [(String, String)] = [
        ("", "unexpected end of JSON input"), ("{", "unexpected end of JSON input"),
        ("{\"peerURLs\":[]}", "no valid URLs given"),
        ("{\"peerURLs\":null}", "no valid URLs given"),
        ("{}", "no valid URLs given"),
        ("{\"peerURLs\":[\"x\"]}", "URL scheme must be http, https, unix, or unixs: x"),
        (
            "{\"peerURLs\":[\"ftp://h:1\"]}",
            "URL scheme must be http, https, unix, or unixs: ftp://h:1"
        ),
        (
            "{\"peerURLs\":[\"http://h\"]}",
            "URL address does not have the form \"host:port\": http://h"
        ),
        ("{\"peerURLs\":[\"http://h:1/p\"]}", "URL must not contain a path: http://h:1/p"),
        ("{\"peerURLs\":[\"http://h:1/\"]}", "URL must not contain a path: http://h:1/"),
        (
            "{\"peerURLs\":5}",
            "json: cannot unmarshal number into Go struct field .peerURLs of type []string"
        ),
        (
            "{\"peerURLs\":[5]}",
            "json: cannot unmarshal number into Go struct field .peerURLs of type string"
        ),
        (
            "[]",
            "json: cannot unmarshal array into Go value of type "
                + "struct { PeerURLs []string \"json:\\\"peerURLs\\\"\" }"
        ),
        (
            "{\"peerURLs\":[\"http://a b:1\"]}",
            "parse \"http://a b:1\": invalid character \" \" in host name"
        ),
        (
            "{\"peerURLs\":[\"http://h:x\"]}",
            "parse \"http://h:x\": invalid port \":x\" after host"
        ),
        ("{\"peerURLs\":[\":\"]}", "parse \":\": missing protocol scheme"),
    ]

    @Test(arguments: bodies)
    func refusesBadBodies(body: String, message: String) {
        #expect(throws: MemberRequestError(message: message)) {
            try MemberRequestBody.peerURLs(in: Bytes(body))
        }
    }

    @Test(arguments: ["http://h:1?x", "http://:1", "unix://h:1", "https://[::1]:2380", "HTTP://h:"])
    func takesURLs(url: String) throws {
        let body = Bytes("{\"peerURLs\":[\"\(url)\"]}")
        #expect(try MemberRequestBody.peerURLs(in: body) == [url])
    }

    // MARK: statistics

    @Test func showsOwnStatistics() {
        let response = Fixture().send("GET", "/v2/stats/self")
        #expect(response.headers.first(name: "Content-Type") == "application/json")
        #expect(!response.headers.contains(name: "X-Etcd-Cluster-Id"))
        #expect(
            response.body.hasPrefix("{\"name\":\"ref\",\"id\":\"2a\",\"state\":\"StateLeader\","))
        #expect(
            response.body.contains("\"leaderInfo\":{\"leader\":\"2a\",\"uptime\":\"2.19721345s\","))
        #expect(
            response.body.hasSuffix(
                "\"recvAppendRequestCnt\":7,\"recvPkgRate\":10.5,\"recvBandwidthRate\":1e+21,"
                    + "\"sendAppendRequestCnt\":0}"))
    }

    @Test func showsFollowersOnALeaderOnly() {
        let fixture = Fixture()
        #expect(
            fixture.send("GET", "/v2/stats/leader").body == """
                {"leader":"2a","followers":{"10":{"latency":{"current":0.25,"average":0,\
                "standardDeviation":0,"minimum":9223372036854776000,"maximum":0},\
                "counts":{"fail":0,"success":3}},"9":{"latency":{"current":0,"average":0,\
                "standardDeviation":0,"minimum":9223372036854776000,"maximum":0},\
                "counts":{"fail":0,"success":0}}}}
                """)
        fixture.status.publish(leader: 0x2b, role: .follower)
        let follower = fixture.send("GET", "/v2/stats/leader")
        #expect(follower.status == 403)
        #expect(follower.body == "{\"message\":\"not current leader\"}")
    }

    @Test func showsStoreStatistics() {
        let response = Fixture().send("GET", "/v2/stats/store")
        #expect(response.body.hasPrefix("{\"getsSuccess\":0,\"getsFail\":0,\"setsSuccess\":0,"))
        #expect(response.body.hasSuffix("\"expireCount\":0,\"watchers\":0}"))
    }
}
