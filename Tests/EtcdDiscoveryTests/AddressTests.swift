//  Discovery URLs, proxies, and what the command line of `discovery` says.

import EtcdNet
import Testing

@testable import EtcdDiscovery

@Suite("Addresses of discovery")
struct AddressTests {
    @Test(
        "a URL is a place and a token",
        arguments: [
            ("https://discovery.etcd.io/3e86", "https://discovery.etcd.io", "/3e86"),
            ("http://h:1/v2/keys/a//b/", "http://h:1", "/v2/keys/a/b"),
            ("HTTP://[::1]:1/a%20b?x=1#y", "http://[::1]:1", "/a%20b"),
            ("http://h/t", "http://h", "/t"),
        ])
    func urls(text: String, origin: String, path: String) throws {
        let url = try DiscoveryURL(text)
        #expect(url.origin == origin)
        #expect(url.path == path)
        #expect(url.authorization == nil)
    }

    @Test("a password in a URL is sent, and never shown")
    func password() throws {
        let url = try DiscoveryURL("http://root:s%3Acret@h:1/t")
        #expect(url.authorization == "Basic cm9vdDpzOmNyZXQ=")
        #expect(url.shown == "http://***@h:1/t")
        #expect(url.origin == "http://h:1")
    }

    @Test(
        "bad URLs are refused by name",
        arguments: [
            ("127.0.0.1:2499/x", "discovery: invalid discovery URL \"127.0.0.1:2499/x\""),
            ("ftp://h/x", "unsupported protocol scheme \"ftp\""),
            ("http://h:1", "discovery: token not found"),
            ("http://h:1///", "discovery: token not found"),
            ("http://h:99 9/x", "discovery: invalid discovery URL \"http://h:99 9/x\""),
            ("http://h:99999/x", "discovery: invalid discovery URL \"http://h:99999/x\""),
            ("http:///x", "discovery: invalid discovery URL \"http:///x\""),
            ("http://h/a b", "discovery: invalid discovery URL \"http://h/a b\""),
        ])
    func badURLs(text: String, start: String) {
        let error = #expect(throws: DiscoveryError.self) { try DiscoveryURL(text) }
        #expect(error?.description.hasPrefix(start) == true)
    }

    @Test(
        "the proxy is the setting's, else the environment's",
        arguments: [
            ("http://h/t", "p:1", [:], "http://p:1"),
            ("http://127.0.0.1/t", "http://p:1/", [:], "http://p:1"),
            ("http://h/t", "https://p:1", ["HTTP_PROXY": "q:2"], "https://p:1"),
            ("http://h/t", "", ["HTTP_PROXY": "q:2"], "http://q:2"),
            ("http://h/t", "", ["http_proxy": "http://q:2"], "http://q:2"),
            ("https://h/t", "", ["HTTP_PROXY": "q:2"], nil),
            ("https://h/t", "", ["HTTPS_PROXY": "q:2"], "http://q:2"),
            ("http://127.0.0.1:5/t", "", ["HTTP_PROXY": "q:2"], nil),
            ("http://localhost/t", "", ["HTTP_PROXY": "q:2"], nil),
            ("http://a.b.c/t", "", ["HTTP_PROXY": "q:2", "NO_PROXY": "x, b.c"], nil),
            ("http://a.b.c/t", "", ["HTTP_PROXY": "q:2", "NO_PROXY": ".c"], nil),
            ("http://a.b.c/t", "", ["HTTP_PROXY": "q:2", "NO_PROXY": "*"], nil),
            ("http://a.b.c/t", "", ["HTTP_PROXY": "q:2", "no_proxy": "a.b.c:81"], "http://q:2"),
            ("http://a.b.c/t", "", ["HTTP_PROXY": "q:2", "no_proxy": "a.b.c:80"], nil),
            ("http://ab.c/t", "", ["HTTP_PROXY": "q:2", "no_proxy": "b.c"], "http://q:2"),
        ] as [(String, String, [String: String], String?)])
    func proxies(url: String, setting: String, environment: [String: String], expected: String?)
        throws
    {
        let proxy = try HTTPProxyChoice.proxy(
            for: DiscoveryURL(url), setting: setting, environment: environment)
        #expect(try proxy == expected.map { try HTTPClientProxy(origin: $0) })
    }

    @Test("a proxy's user is sent to it; a bad proxy is refused by the name of its setting")
    func proxyUser() throws {
        let url = try DiscoveryURL("http://h/t")
        let proxy = try HTTPProxyChoice.proxy(for: url, setting: "http://u:p@q:2", environment: [:])
        #expect(
            try proxy == HTTPClientProxy(origin: "http://q:2", authorization: "Basic dTpw"))
        for bad in ["socks5://q:2", "http://1 2", "http://u:secret@q:x"] {
            let error = #expect(throws: DiscoveryError.self) {
                try HTTPProxyChoice.proxy(for: url, setting: bad, environment: [:])
            }
            #expect(error?.description.contains("--discovery-proxy") == true)
            #expect(error?.description.contains("secret") == false)
        }
    }

    @Test(
        "answers that lead elsewhere are followed",
        arguments: [
            ("/v2/keys/t?x=1", "http://h:1", "/v2/keys/t?x=1"),
            ("https://g/a?b#c", "https://g", "/a?b"), ("http://g", "http://g", "/"),
        ])
    func redirects(location: String, origin: String, target: String) throws {
        let request = HTTPClientRequest(origin: "http://h:1", target: "/x")
        let next = try #require(V2Registry.redirected(request, to: location))
        #expect(next.origin == origin && next.target == target)
        #expect(V2Registry.redirected(request, to: "ftp://g/") == nil)
        #expect(V2Registry.redirected(request, to: "//g/") == nil)
    }

    @Test("values travel as forms, v3 keys as Go joins paths")
    func encodings() {
        #expect(V2Registry.formEncoded("a=http://b:1,ü") == "a%3Dhttp%3A%2F%2Fb%3A1%2C%C3%BC")
        #expect(V3Registry.cleaned("/_etcd/registry/a/../b//c/.") == "/_etcd/registry/b/c")
    }

    @Test(
        "the revision after the last one is the present",
        arguments: [
            (0, 1), (41, 42), (UInt64(Int64.max) - 1, Int64.max), (UInt64(Int64.max), 0),
            (UInt64.max, 0),
        ] as [(UInt64, Int64)])
    func nextRevision(position: UInt64, next: Int64) {
        #expect(V3Registry.revision(after: position) == next)
    }

    @Test("`discovery new` reads its command line")
    func command() throws {
        let options = try DiscoveryCommand.parse([
            "new", "--size", "3", "--endpoints=http://a:1,b:2", "-protocol", "v2", "--token", "x-1",
            "--user", "root:a:b", "--insecure-skip-tls-verify", "--cacert", "/ca",
        ])
        #expect(options.size == 3 && options.endpoints == ["http://a:1", "b:2"])
        #expect(options.version == .v2 && options.token == "x-1")
        #expect(options.user == "root" && options.password == "a:b")
        #expect(options.skipsVerification && options.trustedCAFile == "/ca")
    }

    @Test(
        "`discovery new` says what is wrong with its command line",
        arguments: [
            ([], "no command"), (["old"], "unknown command \"old\""),
            (["new"], "--size is required"), (["new", "--size"], "--size needs a value"),
            (["new", "--size", "0"], "--size \"0\""), (["new", "--size", "x"], "--size \"x\""),
            (["new", "--size", "1", "more"], "unexpected argument \"more\""),
            (["new", "--bad", "1"], "unknown option --bad"),
            (["new", "--protocol", "v4"], "--protocol \"v4\": it must be v2 or v3"),
            (["new", "--token", "a/b"], "--token \"a/b\""),
            (["new", "--token", "_x"], "--token \"_x\""),
            (["new", "--endpoints", ""], "--endpoints must not be empty"),
        ] as [([String], String)])
    func badCommands(arguments: [String], start: String) {
        let error = #expect(throws: DiscoveryCommand.UsageError.self) {
            try DiscoveryCommand.parse(arguments)
        }
        #expect(error?.description.hasPrefix(start) == true)
    }
}
