//  Which header fields pass, in both directions.

import EtcdNet
import NIOHTTP1
import Testing

@testable import EtcdProxy

@Suite("Header fields through the proxy")
struct ProxyFieldsTests {
    func forMember(_ fields: HTTPHeaders, from client: String = "10.1.2.3:5555") -> [String] {
        let head = EtcdNet.HTTPRequestHead(
            method: "GET", target: "/", headers: fields, version: .http11,
            connection: ConnectionFacts(remoteAddress: client, localAddress: "127.0.0.1:2379"))
        return ProxyFields.forMember(head).map { "\($0.name): \($0.value)" }
    }

    @Test("what concerns one connection alone does not pass")
    func singleHop() {
        let fields: HTTPHeaders = [
            "Host": "h", "connection": "keep-alive, X-Once", "Keep-Alive": "timeout=5",
            "Proxy-Authorization": "x", "TE": "trailers", "Trailers": "x",
            "Transfer-Encoding": "chunked", "Upgrade": "websocket", "X-Once": "1",
            "Expect": "100-continue", "Content-Length": "3", "Authorization": "Basic x",
        ]
        #expect(
            forMember(fields) == ["Host: h", "Authorization: Basic x", "X-Forwarded-For: 10.1.2.3"])
    }

    @Test("the client's address comes after those of earlier proxies, in one field")
    func forwardedFor() {
        let earlier: HTTPHeaders = ["X-Forwarded-For": "a", "x-forwarded-for": "b"]
        #expect(forMember(earlier) == ["X-Forwarded-For: a, b, 10.1.2.3"])
        #expect(forMember([:], from: "[::1]:80") == ["X-Forwarded-For: ::1"])
        #expect(forMember(["X-Forwarded-For": "a"], from: "/run/p.sock") == ["X-Forwarded-For: a"])
        #expect(forMember([:], from: "") == [])
    }

    @Test("permissions for web pages are the proxy's alone")
    func permissions() {
        let answer: HTTPHeaders = [
            "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET",
            "X-Etcd-Index": "5", "Connection": "close",
        ]
        let fields = ProxyFields.forClient(answer, permissions: [("P", "1")])
        #expect(fields.map { "\($0.name): \($0.value)" } == ["X-Etcd-Index: 5", "P: 1"])
    }
}
