//  HTTP/1.1 as its clients see it: framing, order, persistence, and what happens when they leave.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import EtcdNet

@Suite("HTTP/1.1 server", .timeLimit(.minutes(1)))
struct HTTP1ServerTests {
    /// What is said of a body whose handler stated no type.
    static let sniffed = "Content-Type: text/plain; charset=utf-8\r\n"
    static let hello =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Etcd-Index: 4  X-Evil: 1\r\n"
        + "Date: *\r\nContent-Length: 5\r\n\r\nhello"

    private func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    private func put(_ path: String, _ body: String, _ fields: String = "") -> String {
        "PUT \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n"
            + body
    }

    @Test("fields are sorted and in Go's case, and a value cannot begin another field")
    func responseForm() throws {
        let client = try ServedConnection()
        try client.send(get("/hello"))
        #expect(try client.received() == Self.hello)
        try client.send(get("/empty"))
        #expect(
            try client.received()
                == "HTTP/1.1 204 No Content\r\nX-A: 1\r\nX-B: 2\r\nDate: *\r\n\r\n")
        #expect(client.isOpen)
    }

    @Test("HEAD gets the fields of GET and no body")
    func head() throws {
        let client = try ServedConnection()
        try client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"))
        let head = String(Self.hello.dropLast(5))
        #expect(try client.received() == head + Self.hello)
    }

    @Test(
        "persistence follows version and Connection",
        arguments: [
            ("HTTP/1.1", "", "", true),
            ("HTTP/1.1", "Connection: close\r\n", "Connection: close\r\n", false),
            ("HTTP/1.1", "Connection: keep-alive, Close\r\n", "Connection: close\r\n", false),
            ("HTTP/1.0", "", "", false),
            ("HTTP/1.0", "Connection: Keep-Alive\r\n", "Connection: keep-alive\r\n", true),
        ])
    func persistence(version: String, field: String, answer: String, stays: Bool) throws {
        let client = try ServedConnection()
        try client.send("PUT /echo \(version)\r\nHost: a\r\n\(field)Content-Length: 2\r\n\r\nhi")
        #expect(
            try client.received()
                == "\(version) 200 OK\r\nDate: *\r\nContent-Length: 2\r\n"
                + "\(Self.sniffed)\(answer)\r\nhi"
        )
        #expect(client.isOpen == stays)
    }

    @Test("pipelined requests of one read are answered in order and in one write")
    func pipelining() throws {
        let client = try ServedConnection()
        try client.send(get("/hello") + put("/echo", "1") + put("/echo", "2") + get("/hello"))
        let writes = try client.writes()
        #expect(writes.count == 1)
        let text = ServedConnection.withoutDates(writes.map { String(buffer: $0) }.joined())
        let echo = "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Length: 1\r\n\(Self.sniffed)\r\n"
        #expect(text == Self.hello + echo + "1" + echo + "2" + Self.hello)
    }

    @Test("safe requests overlap but their answers keep the order; a write waits for all of them")
    func overlap() throws {
        let client = try ServedConnection()
        try client.send(
            get("/later") + get("/hello") + get("/later") + put("/echo", "x") + get("/hello"))
        #expect(client.script.seen == ["GET /later ", "GET /hello ", "GET /later "])
        #expect(try client.received() == "")
        client.script.owed[1].respond(status: 201, headers: [:], body: ByteBuffer(string: "b"))
        #expect(try client.received() == "")
        client.script.owed[0].respond(status: 201, headers: [:], body: ByteBuffer(string: "a"))
        let created = "HTTP/1.1 201 Created\r\nDate: *\r\nContent-Length: 1\r\n\(Self.sniffed)\r\n"
        let echo = "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Length: 1\r\n\(Self.sniffed)\r\nx"
        #expect(
            try client.received()
                == created + "a" + Self.hello + created + "b" + echo + Self.hello)
    }

    @Test("nothing overtakes an unanswered write")
    func writesAreExclusive() throws {
        let client = try ServedConnection()
        try client.send(put("/later", "1") + get("/hello") + put("/echo", "2"))
        #expect(client.script.seen == ["PUT /later 1"])
        client.script.owed[0].respond(status: 200, headers: [:], body: ByteBuffer())
        #expect(client.script.seen == ["PUT /later 1", "GET /hello ", "PUT /echo 2"])
    }

    @Test("a stream leaves in chunks as it is written; HTTP/1.0 gets it raw and a close")
    func streaming() throws {
        let client = try ServedConnection()
        try client.send(get("/stream"))
        let fields = "Content-Type: text/plain\r\nDate: *\r\n"
        #expect(
            try client.received()
                == "HTTP/1.1 200 OK\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n")
        let stream = client.script.owed[0]
        stream.write(ByteBuffer(string: "hello, this is it"))
        stream.write(ByteBuffer(string: "!"))
        #expect(try client.received() == "11\r\nhello, this is it\r\n1\r\n!\r\n")
        stream.finish()
        #expect(try client.received() == "0\r\n\r\n")
        #expect(client.isOpen)

        let old = try ServedConnection()
        try old.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try old.received() == "HTTP/1.0 200 OK\r\n\(fields)\r\n")
        old.script.owed[0].write(ByteBuffer(string: "x"))
        old.script.owed[0].finish()
        #expect(try old.received() == "x")
        #expect(!old.isOpen)
    }

    @Test("a large body is not chopped, nor copied into the answer's buffer")
    func largeBody() throws {
        let client = try ServedConnection()
        try client.send(get("/large") + get("/hello"))
        let writes = try client.writes()
        #expect(writes.map(\.readableBytes).max() == 100_000)
        let total = writes.map(\.readableBytes).reduce(0, +)
        let head = "HTTP/1.1 200 OK\r\nDate: *\r\nTransfer-Encoding: chunked\r\n\r\n"
        let others = head + "186a0\r\n" + "\r\n0\r\n\r\n" + Self.hello
        #expect(total == 100_000 + others.utf8.count + 2 * (HTTPDate.length - 1))
    }

    @Test("chunked bodies are put together; extensions and trailers are dropped")
    func chunkedRequest() throws {
        let client = try ServedConnection()
        try client.send(
            "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "7;ext=1\r\nvalue=2\r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
                + get("/hello"))
        #expect(
            try client.received()
                == "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Length: 17\r\n\(Self.sniffed)\r\n"
                + "value=20123456789"
                + Self.hello)
    }

    @Test("an expectation is met when the body is wanted")
    func expectContinue() throws {
        let client = try ServedConnection()
        let fields = "Expect: 100-continue\r\n"
        try client.send(String(put("/echo", "hello", fields).dropLast(5)))
        #expect(try client.received() == "HTTP/1.1 100 Continue\r\n\r\n")
        try client.send("hello")
        #expect(try client.received().hasSuffix("\r\n\r\nhello"))

        try client.send(get("/hello", fields))
        #expect(try client.received() == Self.hello)

        try client.send(String(put("/ignore", "hello", fields).dropLast(5)))
        let answer = try client.received()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
        #expect(answer.contains("Connection: close\r\n"))
        #expect(!client.isOpen)
    }

    @Test("an unknown expectation fails")
    func unknownExpectation() throws {
        let client = try ServedConnection()
        try client.send(get("/hello", "Expect: cake\r\n"))
        #expect(
            try client.received()
                == "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nDate: *\r\n"
                + "Content-Length: 0\r\n\r\n")
        #expect(!client.isOpen)
    }

    @Test("OPTIONS * is answered without the handler")
    func optionsStar() throws {
        let client = try ServedConnection()
        try client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(
            try client.received() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: *\r\n\r\n")
        #expect(client.script.seen.isEmpty)
    }

    @Test("an absolute target names the host; a CONNECT and an upgrade are ordinary requests")
    func unusualTargets() throws {
        let client = try ServedConnection()
        try client.send("GET http://other:80/host HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.received().hasSuffix("\r\n\r\nother:80"))
        try client.send(
            get("/hello", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"))
        #expect(try client.received() == Self.hello)
        try client.send("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.script.seen.last == "CONNECT /a:80 ")
        try client.send("GET /v2/keys/\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.script.seen.last == "GET /v2/keys/%C3%A4 ")
    }
}
