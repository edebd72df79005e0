//  Requests that Go's server refuses, with its answers, and that splitting the input changes
//  nothing.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import RuntimeCore
import Testing

@testable import EtcdNet

@Suite("HTTP/1.1 refusals", .timeLimit(.minutes(2)))
struct HTTP1RefusalTests {
    private static let malformed = "400 Bad Request"
    private static let name = "400 Bad Request: invalid header name"
    private static let value = "400 Bad Request: invalid header value"
    private static let host = "400 Bad Request: malformed Host header"
    private static let version = "505 HTTP Version Not Supported: unsupported protocol version"
    private static let coding = "501 Not Implemented"

    static let refused: [(request: String, status: String)] = [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", malformed),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", host),
        ("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n", host),
        ("hello\r\n\r\n", malformed),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET / HTTP/9.1\r\nHost: a\r\n\r\n", version),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", version),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", version),
        ("GET / FOO\r\nHost: a\r\n\r\n", malformed),
        ("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", malformed),
        ("GET /\r\nHost: a\r\n\r\n", malformed),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET foo HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET /%a HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET /a\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", malformed),
        ("GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n", malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", name),
        ("GET / HTTP/1.1\r\nHost: a\r\nX@(: a\r\n\r\n", name),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{1}b\r\n\r\n", value),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", value),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", value),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", coding),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", coding),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n", coding
        ),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            malformed
        ),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n", malformed),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz", malformed),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "fffffffffffffffff\r\n", malformed
        ),
    ]

    static let served = [
        "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", "GET /hello HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET /hello HTTP/1.1\nHost: a\n\n", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", "get /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nX:\ta\tb\t\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n"
            + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    private func answer(to parts: [String]) throws -> (text: String, isOpen: Bool) {
        let client = try ServedConnection()
        var text = ""
        for part in parts {
            try client.send(part)
            text += try client.received()
        }
        return (text, client.isOpen)
    }

    @Test("a refused request gets Go's answer and the connection closes", arguments: refused)
    func refusals(request: String, status: String) throws {
        let (text, isOpen) = try answer(to: [request])
        let body = status == Self.coding ? "Unsupported transfer encoding" : status
        #expect(
            text == "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "Connection: close\r\n\r\n\(body)")
        #expect(!isOpen)
    }

    @Test("what Go tolerates is served", arguments: served)
    func tolerated(request: String) throws {
        let (text, isOpen) = try answer(to: [request])
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.hasSuffix("\r\n\r\nhello"))
        #expect(isOpen)
    }

    @Test("where the input is split changes nothing")
    func splitAnywhere() throws {
        for request in Self.refused.map(\.request) + Self.served {
            let whole = try answer(to: [request])
            let bytes = Array(request.utf8)
            for position in 1..<bytes.count {
                let client = try ServedConnection()
                try client.send(Array(bytes[..<position]))
                var text = try client.received()
                try client.send(Array(bytes[position...]))
                text += try client.received()
                #expect(text == whole.text, "split at \(position) of \(request)")
                #expect(client.isOpen == whole.isOpen)
            }
        }
    }

    @Test("too many or too long fields are refused, complete or not")
    func tooLarge() throws {
        let many = (0..<600).map { "X-\($0): y\r\n" }.joined()
        let long = "X: " + String(repeating: "y", count: 1 << 20)
        for fields in [many + "\r\n", long + "\r\n\r\n", long] {
            let (text, isOpen) = try answer(to: ["GET / HTTP/1.1\r\nHost: a\r\n" + fields])
            #expect(text.hasPrefix("HTTP/1.1 431 Request Header Fields Too Large\r\n"))
            #expect(!isOpen)
        }
    }

    @Test("chunks that are mostly framing are refused")
    func chunkOverhead() throws {
        let client = try ServedConnection()
        try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "1;" + String(repeating: "e", count: 1_000) + "\r\nx\r\n"
        for _ in 0..<20 { try client.send(chunk) }
        #expect(try client.received().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
    }

    @Test("TLS on a plain listener is closed without a word")
    func tls() throws {
        let (text, isOpen) = try answer(to: ["\u{16}\u{3}\u{1}\u{0}\u{5}hello"])
        #expect(text == "")
        #expect(!isOpen)
    }

    @Test("the answer to an unserveable request comes after the answers due before")
    func refusalKeepsOrder() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
        #expect(try client.received() == "")
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        let text = try client.received()
        #expect(text.hasPrefix("HTTP/1.1 204 No Content\r\n"))
        #expect(text.hasSuffix("\r\n\r\n400 Bad Request"))
        #expect(!client.isOpen)
    }
}
