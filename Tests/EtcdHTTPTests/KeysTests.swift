//  /v2/keys: what is proposed, and the bytes of the answers (spec http-v2 section 3).

import EtcdEdge
import EtcdProto
import EtcdServer
import EtcdV2Store
import NIOCore
import NIOEmbedded
import RuntimeCore
import Synchronization
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP

func node(
    _ key: String, _ value: String?, modified: UInt64 = 7, created: UInt64 = 7
) -> V2NodeView {
    V2NodeView(
        key: Bytes("/1" + key), value: value.map { Bytes($0) }, modifiedIndex: modified,
        createdIndex: created)
}

private func setEvent(_ value: String, previous: V2NodeView? = nil) -> V2Event {
    V2Event(action: .set, node: node("/message", value), previous: previous, storeIndex: 7)
}

@Suite struct KeysTests {
    @Test func writesThroughTheLog() throws {
        let fixture = Fixture()
        let response = fixture.put("/message", "value=Hello+world&ttl=5")
        #expect(response.status == nil)
        let operation = try fixture.latestOperation()
        #expect(operation.method == .put)
        #expect(operation.path.text == "/1/message")
        #expect(operation.value.text == "Hello world")
        #expect(operation.expiration == 1_700_000_005_000_000_000)
        fixture.answer(.v2(.success(setEvent("Hello")), raftIndex: 9, raftTerm: 3))
        #expect(response.status == 201)
        #expect(
            response.body == """
                {"action":"set","node":{"key":"/message","value":"Hello",\
                "modifiedIndex":7,"createdIndex":7}}

                """)
        #expect(
            response.headers.map { "\($0.name): \($0.value)" } == [
                "Access-Control-Allow-Headers: accept, content-type, authorization",
                "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE",
                "Access-Control-Allow-Origin: *", "Content-Type: application/json",
                "X-Etcd-Cluster-Id: c1", "X-Etcd-Index: 7", "X-Raft-Index: 9", "X-Raft-Term: 3",
            ])
        #expect(fixture.edges.all[0].waiterCount == 0)
    }

    @Test func showsThePreviousNode() {
        let fixture = Fixture()
        let response = fixture.put("/message", "value=new")
        let previous = node("/message", "old", modified: 6, created: 6)
        fixture.answer(
            .v2(.success(setEvent("new", previous: previous)), raftIndex: 9, raftTerm: 3))
        #expect(response.status == 200)
        #expect(
            response.body == """
                {"action":"set","node":{"key":"/message","value":"new",\
                "modifiedIndex":7,"createdIndex":7},"prevNode":{"key":"/message",\
                "value":"old","modifiedIndex":6,"createdIndex":6}}

                """)
    }

    @Test func leavesOutWhatTheClientKnows() {
        let fixture = Fixture()
        let response = fixture.put("/message", "value=new&noValueOnSuccess=true")
        fixture.answer(.v2(.success(setEvent("new")), raftIndex: 9, raftTerm: 3))
        #expect(response.body == "{\"action\":\"set\"}\n")
    }

    @Test func answersStoreErrors() {
        let fixture = Fixture()
        let response = fixture.send("DELETE", "/v2/keys/a?prevValue=zz")
        let error = V2Error(.compareFailed, cause: "[zz != x]", index: 17)
        fixture.answer(.v2(.failure(error), raftIndex: 9, raftTerm: 3))
        #expect(response.status == 412)
        #expect(
            response.body == """
                {"errorCode":101,"message":"Compare failed","cause":"[zz != x]","index":17}

                """)
        #expect(response.headers.first(name: "X-Etcd-Index") == "17")
        #expect(!response.headers.contains(name: "X-Raft-Index"))
    }

    @Test func answersReplicaErrors() {
        let fixture = Fixture()
        let failed = fixture.put("/a", "value=1")
        fixture.answer(.failed(.stopped))
        #expect(failed.status == 500)
        #expect(
            failed.body == """
                {"errorCode":300,"message":"Raft Internal Error",\
                "cause":"etcdserver: server stopped","index":0}

                """)
        fixture.consensus.isFull.withLock { $0 = true }
        let refused = fixture.put("/a", "value=1")
        #expect(refused.body.contains("etcdserver: too many requests"))
        #expect(fixture.edges.all[0].waiterCount == 0)
    }

    @Test func givesUpAfterTheTimeLimit() {
        let fixture = Fixture()
        let response = fixture.put("/a", "value=1")
        fixture.loop.advanceTime(by: .milliseconds(6_900))
        #expect(response.status == nil)
        fixture.loop.advanceTime(by: .milliseconds(400))
        #expect(response.status == 500)
        #expect(
            response.body == """
                {"errorCode":300,"message":"Raft Internal Error",\
                "cause":"etcdserver: request timed out","index":0}

                """)
        #expect(fixture.registry.count == 0)
    }

    @Test func readsLocally() {
        let fixture = Fixture()
        let root = fixture.send("GET", "/v2/keys")
        #expect(root.status == 200)
        #expect(root.body == "{\"action\":\"get\",\"node\":{\"dir\":true}}\n")
        #expect(root.headers.first(name: "X-Raft-Index") == "5")
        let missing = fixture.send("GET", "/v2/keys/missing/")
        #expect(missing.status == 404)
        #expect(
            missing.body.hasPrefix(
                "{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/missing\""))
        #expect(fixture.latestID == nil)
    }

    @Test func readsAfterABarrier() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys?quorum=true&wait=true")
        #expect(response.status == nil)
        fixture.answer(.barrier)
        #expect(response.status == 200)
        #expect(response.body == "{\"action\":\"get\",\"node\":{\"dir\":true}}\n")
    }

    /// Content type, body, value that is proposed.
    static let bodies: [(String?, String, String)] = [
        ("application/x-www-form-urlencoded", "value=a", "a"),
        ("application/x-www-form-urlencoded; charset=utf-8", "value=a", "a"),
        ("Application/X-WWW-Form-Urlencoded", "value=a", "a"),
        ("application/x-www-form-urlencoded; a=\"b;c\";", "value=a", "a"),
        ("text/plain", "value=a", ""),
        (nil, "value=a", ""),
        ("application/json", "value=a", ""),
        // etcd 3.4.23 does not look into these either.
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\na\r\n--b--\r\n", ""
        ),
    ]

    @Test(arguments: bodies)
    func readsFormsOnly(type: String?, body: String, value: String) throws {
        let fixture = Fixture()
        let headers = type.map { [("Content-Type", $0)] } ?? []
        _ = fixture.send("PUT", "/v2/keys/a", headers, body: body)
        #expect(try fixture.latestOperation().value.text == value)
    }

    /// Content type of a PUT, cause of the refusal.
    static let badTypes: [(String, String)] = [
        (";;bad", "no media type"), ("a b", "expected slash after first token"),
        ("a/", "expected token after slash"),
        ("a/b/c", "unexpected content after media subtype"),
        ("application/x-www-form-urlencoded; x", "invalid media parameter"),
        ("text/plain; x=\"y", "invalid media parameter"),
    ]

    @Test(arguments: badTypes)
    func refusesBadContentTypes(type: String, cause: String) {
        let response = Fixture().send(
            "PUT", "/v2/keys/a", [("Content-Type", type)], body: "value=1")
        #expect(response.status == 400)
        #expect(
            response.body == """
                {"errorCode":210,"message":"Invalid POST form","cause":"mime: \(cause)","index":0}

                """)
    }
}
