//  Paths, methods, hosts and origins (spec http-v2 sections 0, 1 and 8); outcomes taken from etcd
//  3.4.23, or from the spec for what came later.

import EtcdProto
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP

@Suite struct RoutingTests {
    struct Route: Sendable {
        let method: String
        let target: String
        let status: Int
        var body: String?
        var header: (String, String)?
    }

    static let routes: [Route] = [
        Route(method: "GET", target: "/nothing", status: 404, body: "404 page not found\n"),
        Route(method: "GET", target: "/", status: 404),
        Route(method: "GET", target: "/v2/keysx", status: 404),
        Route(method: "GET", target: "/v2/auth", status: 404),
        Route(method: "GET", target: "/v2/authusers", status: 404, body: "404 page not found\n"),
        Route(method: "GET", target: "/v2/authroles", status: 404, body: "404 page not found\n"),
        Route(method: "GET", target: "/v2/stats", status: 404),
        Route(method: "GET", target: "/v2/stats/foo", status: 404),
        Route(method: "GET", target: "/version/", status: 404),
        Route(method: "GET", target: "/health/", status: 404),
        Route(method: "GET", target: "/debug/vars/", status: 404),
        Route(method: "GET", target: "/debug/pprof/heap", status: 404),
        Route(method: "GET", target: "/livez/other", status: 404),
        Route(
            method: "PATCH", target: "/v2/keys/a", status: 405, body: "Method Not Allowed\n",
            header: ("Allow", "HEAD,GET,PUT,POST,DELETE")),
        Route(
            method: "PATCH", target: "/v2/members", status: 405,
            header: ("Allow", "GET,POST,DELETE,PUT")),
        Route(method: "HEAD", target: "/v2/members", status: 405),
        Route(
            method: "POST", target: "/v2/machines", status: 405, header: ("Allow", "GET,HEAD")),
        Route(method: "HEAD", target: "/v2/stats/self", status: 405, header: ("Allow", "GET")),
        Route(method: "POST", target: "/health", status: 405, header: ("Allow", "GET")),
        Route(method: "POST", target: "/version", status: 405, header: ("Allow", "GET")),
        Route(method: "POST", target: "/debug/vars", status: 405),
        Route(method: "POST", target: "/livez", status: 405),
        Route(
            method: "GET", target: "/version", status: 200,
            body: "{\"etcdserver\":\"3.5.33\",\"etcdcluster\":\"3.5.0\"}",
            header: ("Content-Type", "application/json")),
        Route(
            method: "POST", target: "/metrics", status: 200, body: "a 1\n",
            header: ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")),
        Route(
            method: "GET", target: "/debug/vars", status: 200,
            body: """
                {
                "cmdline": ["etcd","--name","ref"],
                "file_descriptor_limit": 1024,
                "memstats": {"Alloc":10,"Sys":30,"HeapAlloc":10,"HeapSys":30},
                "raft.status": {"id":"2a","term":2,"commit":5,"lead":"2a",\
                "raftState":"StateLeader","applied":5}
                }

                """,
            header: ("Content-Type", "application/json; charset=utf-8")),
        Route(method: "OPTIONS", target: "/zzz", status: 200, body: ""),
        Route(method: "GET", target: "/v2/keys/%zz", status: 400, body: "400 Bad Request\n"),
        Route(method: "GET", target: "/v2/keys?recursive=false", status: 200),
        Route(method: "CONNECT", target: "/v2/keys//x", status: 405),
    ]

    @Test(arguments: routes)
    func servesRoute(_ route: Route) {
        let response = Fixture().send(route.method, route.target)
        #expect(response.status == route.status)
        if let body = route.body { #expect(response.body == body) }
        if let header = route.header {
            #expect(response.headers.first(name: header.0) == header.1)
        }
        if route.status >= 404 {
            #expect(response.headers.first(name: "X-Content-Type-Options") == "nosniff")
            #expect(response.headers.first(name: "Content-Type") == "text/plain; charset=utf-8")
        }
    }

    /// Target, Location, body of a GET.
    static let redirects: [(String, String, String)] = [
        ("/v2/keys//a", "/v2/keys/a", "<a href=\"/v2/keys/a\">Moved Permanently</a>.\n\n"),
        (
            "/v2/keys//a?b=c", "/v2/keys/a?b=c",
            "<a href=\"/v2/keys/a?b=c\">Moved Permanently</a>.\n\n"
        ),
        (
            "/v2/keys/a/../foo", "/v2/keys/foo",
            "<a href=\"/v2/keys/foo\">Moved Permanently</a>.\n\n"
        ),
        ("/v2/keys/..", "/v2", "<a href=\"/v2\">Moved Permanently</a>.\n\n"),
        ("/v2/keys/foo/.", "/v2/keys/foo", "<a href=\"/v2/keys/foo\">Moved Permanently</a>.\n\n"),
        ("//", "/", "<a href=\"/\">Moved Permanently</a>.\n\n"),
        (
            "/v2/keys/%2F%2Fx/y%20z", "/v2/keys/x/y%20z",
            "<a href=\"/v2/keys/x/y%20z\">Moved Permanently</a>.\n\n"
        ),
        (
            "/v2/keys/a/%2E%2E/%3Cx%26%22'y?a=<b>&c=\"", "/v2/keys/%3Cx&%22%27y?a=<b>&c=\"",
            "<a href=\"/v2/keys/%3Cx&amp;%22%27y?a=&lt;b&gt;&amp;c=&#34;\">"
                + "Moved Permanently</a>.\n\n"
        ),
        (
            "/v2/keys//é%C3%A9%20+", "/v2/keys/%C3%A9%C3%A9%20+",
            "<a href=\"/v2/keys/%C3%A9%C3%A9%20+\">Moved Permanently</a>.\n\n"
        ),
    ]

    @Test(arguments: redirects)
    func redirectsToTheCleanPath(target: String, location: String, body: String) {
        let get = Fixture().send("GET", target)
        #expect(get.status == 301)
        #expect(get.headers.first(name: "Location") == location)
        #expect(get.headers.first(name: "Content-Type") == "text/html; charset=utf-8")
        #expect(get.body == body)
        let put = Fixture().send("PUT", target)
        #expect(put.status == 301)
        #expect(put.headers.first(name: "Location") == location)
        #expect(!put.headers.contains(name: "Content-Type"))
        #expect(put.body.isEmpty)
    }

    @Test func decodesPaths() throws {
        let fixture = Fixture()
        _ = fixture.send("PUT", "/v2/keys/a%20b/%C3%A9+%00/")
        #expect(try fixture.latestOperation().path == Bytes("/1/a b/é+\0"))
    }

    // MARK: host check and origins

    /// Host header, name in the explanation or nil when welcome.
    static let hosts: [(String, String?)] = [
        ("example.com", nil), ("example.com:99", nil), ("evil:1", "evil"),
        ("EXAMPLE.com", "EXAMPLE.com"), ("[::1]:99", "::1"), ("127.0.0.1:2379", "127.0.0.1"),
        ("", ""), ("[::1]", "[::1]"),
    ]

    @Test(arguments: hosts)
    func checksHosts(host: String, refused: String?) {
        let fixture = Fixture(
            settings: HTTPRouter.Settings(
                serverVersion: "3.5.33", hostWhitelist: ["example.com"]))
        let response = fixture.send("OPTIONS", "/version", [("Host", host)])
        guard let refused else {
            #expect(response.status == 200)
            return
        }
        #expect(response.status == 421)
        #expect(response.body.utf8.count == 362 + refused.utf8.count)
        #expect(response.body.contains("etcd --host-whitelist \"\(refused)\"\n\nThis"))
        #expect(!response.headers.contains(name: "Access-Control-Allow-Origin"))
        let encrypted = fixture.send("GET", "/version", [("Host", host)], isTLS: true)
        #expect(encrypted.status == 200)
    }

    @Test func allowsListedOriginsOnly() {
        let fixture = Fixture(
            settings: HTTPRouter.Settings(
                serverVersion: "3.5.33", crossOrigins: ["http://good:80"]))
        let good = fixture.send("GET", "/version", [("Origin", "http://good:80")])
        #expect(good.headers.first(name: "Access-Control-Allow-Origin") == "http://good:80")
        for headers in [[("Origin", "http://bad")], []] {
            let bad = fixture.send("GET", "/version", headers)
            #expect(bad.status == 200)
            #expect(!bad.headers.contains(name: "Access-Control-Allow-Origin"))
            #expect(!bad.headers.contains(name: "Access-Control-Allow-Methods"))
        }
    }

    @Test func servesMetricsListenersLittle() {
        let fixture = Fixture(
            settings: HTTPRouter.Settings(serverVersion: "3.5.33", hostWhitelist: ["other"]),
            surface: .metrics)
        #expect(fixture.send("GET", "/metrics").status == 200)
        #expect(fixture.send("GET", "/livez").status == 200)
        for target in ["/version", "/v2/keys", "/v2/members", "/debug/vars"] {
            #expect(fixture.send("GET", target).status == 404)
        }
    }

    @Test func hidesV2WhenItIsOff() {
        let fixture = Fixture(
            settings: HTTPRouter.Settings(serverVersion: "3.5.33", servesV2: false))
        for target in ["/v2/keys", "/v2/keys/a", "/v2/members", "/v2/stats/self", "/v2/machines"] {
            #expect(fixture.send("GET", target).status == 404)
        }
        #expect(fixture.send("GET", "/version").status == 200)
    }

    @Test func saysWhenNoVersionIsDecided() {
        let response = Fixture(version: nil).send("GET", "/version")
        #expect(response.body == "{\"etcdserver\":\"3.5.33\",\"etcdcluster\":\"not_decided\"}")
    }
}
