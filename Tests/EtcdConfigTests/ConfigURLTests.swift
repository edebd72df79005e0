//  URLs as settings hold them.

import EtcdConfig
import Testing

@Suite("URLs in settings")
struct ConfigURLTests {
    @Test("are taken apart, their text kept")
    func parts() throws {
        let cases: [(String, String, String, UInt16, String)] = [
            ("http://127.0.0.1:2380", "http://127.0.0.1:2380", "127.0.0.1", 2380, ""),
            (" HTTP://Host:1 ", "http://Host:1", "Host", 1, ""),
            ("http://[::1]:2380", "http://[::1]:2380", "::1", 2380, ""),
            ("https://a.b-c:443", "https://a.b-c:443", "a.b-c", 443, ""),
            ("http://h:1?a=b", "http://h:1?a=b", "h", 1, ""),
            ("http://:2380", "http://:2380", "", 2380, ""),
            ("unix:///run/x.sock", "unix:///run/x.sock", "", 0, "/run/x.sock"),
            ("unix://localhost:123", "unix://localhost:123", "localhost", 123, "localhost:123"),
            ("unixs://name", "unixs://name", "name", 0, "name"),
        ]
        for (given, text, host, port, path) in cases {
            let url = try ConfigURL(given)
            #expect(url.text == text)
            #expect(url.host == host)
            #expect(url.port == port)
            #expect(url.path == path)
        }
    }

    @Test("fail in etcd's words")
    func failures() {
        let cases: [(String, String)] = [
            ("ftp://x:1", "URL scheme must be http, https, unix, or unixs: ftp://x:1"),
            ("", "URL scheme must be http, https, unix, or unixs: "),
            ("localhost:2380", "URL scheme must be http, https, unix, or unixs: localhost:2380"),
            (
                "http://127.0.0.1",
                "URL address does not have the form \"host:port\": http://127.0.0.1"
            ),
            (
                "http://::1:2380",
                "URL address does not have the form \"host:port\": http://::1:2380"
            ),
            ("http://h/x:1", "URL address does not have the form \"host:port\": http://h/x:1"),
            ("http://h:1/", "URL must not contain a path: http://h:1/"),
            ("http://h:abc", "parse \"http://h:abc\": invalid port \":abc\" after host"),
            ("http://a b:1", "parse \"http://a b:1\": invalid character \" \" in host name"),
            (
                "127.0.0.1:2380",
                "parse \"127.0.0.1:2380\": first path segment in URL cannot contain colon"
            ),
            (":2380", "parse \":2380\": missing protocol scheme"),
            ("http://h:99999", "address 99999: invalid port: http://h:99999"),
            ("http://[::1:1", "parse \"http://[::1:1\": missing ']' in host"),
        ]
        for (text, message) in cases {
            do {
                let url = try ConfigURL(text)
                Issue.record("\(text) was taken as \(url)")
            } catch {
                #expect(error.description == message)
            }
        }
    }

    @Test("never crash the reader, whatever the text")
    func hostile() {
        var state: UInt64 = 1
        let alphabet = Array("htp:/[]@?#.,= %1aé\u{0}")
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            _ = try? ConfigURL(text)
            _ = try? ConfigURL("http://" + text)
        }
    }

    @Test("lists are sorted, without duplicates and blanks")
    func lists() throws {
        let urls = try ConfigURL.list("http://b:2, http://a:1 ,http://b:2,http://a:10")
        #expect(urls.map(\.text) == ["http://a:1", "http://a:10", "http://b:2"])
        #expect(throws: ValueError.self) { try ConfigURL.list("http://a:1,") }
    }
}
