//  Targets, forms, paths and dates against what Go makes of them.

import RuntimeCore
import Testing

@testable import EtcdNet

@Suite("Request targets")
struct RequestTargetTests {
    @Test(
        "paths are decoded as Go does",
        arguments: [
            ("/v2/keys/a", "/v2/keys/a"), ("/a%2fb?x", "/a/b"), ("/a+b", "/a+b"),
            ("/%C3%A4", "\u{e4}"), ("/a#x", "/a#x"), ("*", "*"),
        ])
    func paths(target: String, path: String) throws {
        let decoded = try RequestTarget(target).decodedPath()
        #expect(decoded.text.hasSuffix(path))
    }

    @Test(
        "bad escapes are reported in Go's words",
        arguments: [("/%zz", "%zz"), ("/%", "%"), ("/a%4", "%4"), ("/%a\"b", "%a\\\"")])
    func badPaths(target: String, escape: String) {
        #expect(throws: TargetError(description: "invalid URL escape \"\(escape)\"")) {
            try RequestTarget(target).decodedPath()
        }
    }

    @Test(
        "forms: first value wins, bad fields are skipped, the first error is kept",
        arguments: [
            ("a=1&a=2", "1", nil), ("a", "", nil), ("a=", "", nil), ("&&a=b=c&", "b=c", nil),
            ("%61=x+y%2B", "x y+", nil), ("b=1", nil, nil),
            ("b=%zz&a=1", "1", "invalid URL escape \"%zz\""),
            ("a=%4", nil, "invalid URL escape \"%4\""),
            ("b=1;c=2&a=%zz&a=3", "3", "invalid semicolon separator in query"),
        ] as [(String, String?, String?)])
    func forms(query: String, value: String?, error: String?) {
        let fields = RequestTarget("/?" + query).queryFields()
        #expect(fields["a"]?.text == value)
        #expect(fields.error?.description == error)
    }

    @Test("undecodable bytes survive")
    func rawBytes() {
        let fields = FormFields(Bytes("value=%FF%00"))
        #expect(fields["value"] == Bytes([0xFF, 0]))
    }

    @Test(
        "paths are cleaned as Go's router does",
        arguments: [
            ("/", "/"), ("", "/"), ("a", "/a"), ("/a/b", "/a/b"), ("/a/b/", "/a/b/"),
            ("//v2//keys/./a", "/v2/keys/a"), ("/v2//keys/../keys/a/", "/v2/keys/a/"),
            ("/a/..", "/"), ("/../..", "/"), ("/a/../", "/"), ("/.a/..b", "/.a/..b"),
            ("/a/.", "/a"),
        ])
    func cleaning(path: String, cleaned: String) {
        #expect(PathCleaning.cleaned(Bytes(path)).text == cleaned)
    }

    @Test("paths are escaped as in Go's Location fields")
    func escaping() {
        #expect(PercentCoding.encode(path: Bytes("/a b/%\u{e4}?#:@")) == "/a%20b/%25%C3%A4%3F%23:@")
    }

    @Test(
        "dates",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_136_214_245, "Mon, 02 Jan 2006 15:04:05 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] as [(Int64, String)])
    func dates(seconds: Int64, text: String) {
        #expect(HTTPDate.text(unixSeconds: seconds) == text)
        #expect(text.utf8.count == HTTPDate.length)
    }

    @Test(
        "listen addresses",
        arguments: [
            ("http", "127.0.0.1", 2379, "127.0.0.1:2379"), ("https", "::1", 1, "[::1]:1"),
            ("unix", "localhost", 2379, "localhost:2379"), ("ftp", "a", 1, nil),
        ] as [(String, String, Int, String?)])
    func listenAddresses(scheme: String, host: String, port: Int, text: String?) {
        let address = ListenAddress(scheme: scheme, host: host, port: port)
        #expect(address?.description == text)
    }
}
