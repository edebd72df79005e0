//  Request bodies that are too long, unwanted, streamed or cut off, and clients that leave.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import EtcdNet

@Suite("HTTP/1.1 bodies and endings", .timeLimit(.minutes(1)))
struct HTTP1BodyTests {
    private func put(_ path: String, _ body: String) -> String {
        "PUT \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
    }

    private func chunked(_ path: String, _ chunks: String) -> String {
        "PUT \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    }

    private let get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("a body beyond the handler's bound is refused, announced or not")
    func tooLarge() throws {
        for request in [
            put("/limit", "12345"), chunked("/limit", "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"),
        ] {
            let client = try ServedConnection()
            try client.send(request)
            #expect(
                try client.received()
                    == "HTTP/1.1 413 Request Entity Too Large\r\n"
                    + "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
                    + "413 Request Entity Too Large")
            #expect(!client.isOpen)
            #expect(client.script.seen.isEmpty)
        }
        let client = try ServedConnection()
        try client.send(put("/limit", "1234"))
        #expect(client.script.seen == ["PUT /limit 1234"])
    }

    @Test("an unwanted body is skipped and the connection goes on, unless it is long")
    func unwanted() throws {
        let client = try ServedConnection()
        try client.send(put("/ignore", "some body") + get)
        #expect(client.script.seen == ["PUT /ignore ", "GET /hello "])
        try client.send(
            "PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nxxx")
        #expect(try client.received().contains("Connection: close\r\n"))
        #expect(!client.isOpen)
    }

    @Test("an endless unwanted body ends the connection")
    func endless() throws {
        let client = try ServedConnection()
        try client.send(chunked("/ignore", ""))
        let chunk = "1000\r\n" + String(repeating: "x", count: 4_096) + "\r\n"
        var sent = 0
        while client.isOpen, sent < 1_000 {
            try client.send(chunk)
            _ = try client.writes()
            sent += 1
        }
        #expect(sent == 65)
    }

    @Test("a stream during which an unwanted body became too long is the last of its connection")
    func endlessDuringStream() throws {
        let client = try ServedConnection()
        try client.send(chunked("/ignore-stream", ""))
        let head = try client.received()
        #expect(head.contains("Transfer-Encoding: chunked\r\n"))
        // It could not be known yet.
        #expect(!head.contains("Connection: close\r\n"))
        let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
        for _ in 0..<5 { try client.send(chunk) }
        #expect(client.isOpen)
        client.script.owed[0].finish()
        #expect(try client.received() == "0\r\n\r\n")
        #expect(!client.isOpen)
    }

    @Test("an answer given before the body stands, and the body is skipped")
    func earlyAnswer() throws {
        let client = try ServedConnection()
        try client.send(put("/early", "12345") + get)
        #expect(
            try client.received()
                == "HTTP/1.1 403 Forbidden\r\nDate: *\r\nContent-Length: 2\r\n"
                + HTTP1ServerTests.sniffed + "\r\nno"
                + HTTP1ServerTests.hello)
        #expect(client.script.seen == ["GET /hello "])
    }

    @Test("a sink gets the parts in order, one at a time, and nothing is read ahead of it")
    func sink() throws {
        let client = try ServedConnection()
        try client.send(chunked("/patient", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n") + get)
        let sink = try #require(client.script.sinks.first)
        #expect(sink.log == ["a"])
        #expect(client.script.seen.isEmpty)
        sink.taken?.succeed()
        #expect(sink.log == ["a", "b"])
        sink.taken?.succeed()
        #expect(sink.log == ["a", "b", "complete"])
        #expect(client.script.seen == ["GET /hello "])
    }

    @Test("a sink learns of malformed chunks and of a lost connection")
    func sinkFailures() throws {
        let malformed = try ServedConnection()
        try malformed.send(chunked("/sink", "1\r\na\r\nzz\r\n"))
        #expect(malformed.script.sinks[0].log == ["a", "malformed"])
        #expect(try malformed.received().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(!malformed.isOpen)

        let lost = try ServedConnection()
        try lost.send(chunked("/sink", "1\r\na\r\n"))
        try lost.channel.close().wait()
        #expect(lost.script.sinks[0].log == ["a", "connectionClosed"])

        let half = try ServedConnection()
        try half.send(chunked("/sink", "1\r\na\r\n"))
        half.endInput()
        #expect(half.script.sinks[0].log == ["a", "connectionClosed"])
        #expect(!half.isOpen)
    }

    @Test("a client that ends its input still gets its answers")
    func halfClosed() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + get)
        client.endInput()
        #expect(client.isOpen)
        client.script.owed[0].respond(status: 200, headers: [:], body: ByteBuffer())
        #expect(try client.received().hasSuffix(HTTP1ServerTests.hello))
        #expect(!client.isOpen)
        #expect(client.script.closed == 0)
    }

    @Test("an answer without a stated length is no stream, and reaches such a client, too")
    func halfClosedLongAnswer() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        client.endInput()
        let body = String(repeating: "x", count: HTTPServerLimits.statedLengthMax + 1)
        client.script.owed[0].respond(
            status: 200, headers: [:], body: ByteBuffer(string: body))
        #expect(try client.received().hasSuffix("\r\n\r\n801\r\n\(body)\r\n0\r\n\r\n"))
        #expect(!client.isOpen)
        #expect(client.script.closed == 0)
    }

    @Test("a client that has ended its input is not waited for much longer")
    func halfClosedForLong() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + get)
        client.endInput()
        client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(900))
        #expect(client.isOpen)
        client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
        #expect(!client.isOpen)
        #expect(client.script.closed == 1)
    }

    @Test("a client that waits for a stream and ends its input is gone")
    func halfClosedStream() throws {
        let client = try ServedConnection()
        try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        client.endInput()
        #expect(!client.isOpen)
        #expect(client.script.closed == 1)
        #expect(!client.script.owed[0].isOpen)
        client.script.owed[0].write(ByteBuffer(string: "ignored"))
        client.script.owed[0].finish()
    }

    @Test("whoever waits is told once that the client is gone; late answers are ignored")
    func clientGone() throws {
        let client = try ServedConnection()
        try client.send(
            "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        try client.channel.close().wait()
        #expect(client.script.closed == 2)
        for responder in client.script.owed {
            responder.respond(status: 200, headers: [:], body: ByteBuffer())
        }
        #expect(client.script.closed == 2)
    }

    @Test("an aborted answer cuts the connection, with what was written before")
    func abort() throws {
        let client = try ServedConnection()
        try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        client.script.owed[0].write(ByteBuffer(string: "x"))
        client.script.owed[0].abort()
        #expect(try client.received().hasSuffix("1\r\nx\r\n"))
        #expect(!client.isOpen)
    }

    @Test("draining closes an idle connection, and a busy one after its last answer says so")
    func drain() throws {
        let idle = try ServedConnection()
        try idle.send(get)
        idle.loop.drain()
        #expect(try idle.received() == HTTP1ServerTests.hello)
        #expect(!idle.isOpen)

        let busy = try ServedConnection()
        let later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
        try busy.send(later + later + put("/echo", "dropped"))
        busy.loop.drain()
        let answer = "HTTP/1.1 204 No Content\r\nDate: *\r\n"
        busy.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(try busy.received() == answer + "\r\n")
        busy.script.owed[1].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(try busy.received() == answer + "Connection: close\r\n\r\n")
        #expect(!busy.isOpen)
        #expect(busy.script.seen.count == 2)
    }

    @Test("at most so many requests are held")
    func pipelineBound() throws {
        let client = try ServedConnection()
        let request = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
        try client.send(String(repeating: request, count: 100))
        #expect(client.script.seen.count == 64)
        client.script.owed[0].respond(status: 200, headers: [:], body: ByteBuffer())
        #expect(client.script.seen.count == 65)
    }

    @Test("so many bytes of answers are held for an earlier one, and no further request is read")
    func heldBound() throws {
        let client = try ServedConnection()
        let large = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
        try client.send(
            "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + String(repeating: large, count: 20))
        // 100 000 bytes each, and the bound is 256 KiB.
        #expect(client.script.seen.count == 1 + 3)
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        let sent = try client.writes().map(\.readableBytes).reduce(0, +)
        #expect(sent > 20 * 100_000)
        #expect(client.script.seen.count == 1 + 20)
        #expect(client.isOpen)
    }

    @Test("a head that is not finished in time ends the connection; an idle connection may stay")
    func headTimeout() throws {
        let client = try ServedConnection(
            settings: ListenerSettings(headerTimeoutMilliseconds: 0))
        try client.send(get)
        client.channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(client.isOpen)
        try client.send("GET /hello HT")
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!client.isOpen)
    }
}
