//  HTTP/2 as its clients see it: streams, bodies, flow control, trailers, resets, farewell.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import EtcdNet

@Suite("HTTP/2 server", .timeLimit(.minutes(1)))
struct HTTP2ServerTests {
    /// The first byte of an answer's field block: `:status: 200` and `204` from the static table.
    private static let status200: UInt8 = 0x88
    private static let status204: UInt8 = 0x89

    private func connect() throws -> ServedConnection {
        let client = try ServedConnection()
        try client.send(
            HTTP2Wire.preface + HTTP2Wire.settings()
                + HTTP2Wire.frame(type: 4, flags: 1, stream: 0, []))
        return client
    }

    private func frames(_ client: ServedConnection) throws -> [HTTP2Wire.Frame] {
        HTTP2Wire.frames(try client.writes().flatMap { Array($0.readableBytesView) })
    }

    private func answers(_ client: ServedConnection) throws -> [HTTP2Wire.Frame] {
        try frames(client).filter { $0.type <= 1 || $0.type == 3 }
    }

    private func body(_ frames: [HTTP2Wire.Frame], _ stream: UInt32) -> String {
        let parts = frames.filter { $0.type == 0 && $0.stream == stream }.flatMap(\.payload)
        return String(decoding: parts, as: UTF8.self)
    }

    @Test("the server announces its settings and acknowledges the client's")
    func settings() throws {
        let client = try connect()
        let sent = try frames(client)
        #expect(sent.first?.type == 4)
        #expect(sent.first?.flags == 0)
        #expect(sent.contains { $0.type == 4 && $0.flags == 1 })
        #expect(sent.contains { $0.type == 8 && $0.stream == 0 })
    }

    @Test("requests of several streams are answered in one write, whoever is first")
    func requests() throws {
        let client = try connect()
        _ = try client.writes()
        try client.send(
            HTTP2Wire.request("GET", "/later", stream: 1, ends: true)
                + HTTP2Wire.request("GET", "/hello", stream: 3, ends: true)
                + HTTP2Wire.request("PUT", "/echo", stream: 5, ends: false)
                + HTTP2Wire.data("va", stream: 5, ends: false)
                + HTTP2Wire.data("lue", stream: 5, ends: true)
                + HTTP2Wire.request("GET", "/host", stream: 7, ends: true))
        let writes = try client.writes()
        #expect(writes.count == 1)
        let sent = HTTP2Wire.frames(writes.flatMap { Array($0.readableBytesView) })
        #expect(sent.filter { $0.type == 1 }.allSatisfy { $0.payload.first == Self.status200 })
        #expect(body(sent, 3) == "hello")
        #expect(body(sent, 5) == "value")
        #expect(body(sent, 7) == "a")
        #expect(client.script.owed.count == 1)
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        let last = try answers(client)
        #expect(last.map(\.stream) == [1])
        #expect(last[0].payload.first == Self.status204)
        #expect(last[0].endsStream)
    }

    @Test("HEAD gets no body")
    func head() throws {
        let client = try connect()
        _ = try client.writes()
        try client.send(HTTP2Wire.request("HEAD", "/hello", stream: 1, ends: true))
        let sent = try answers(client)
        #expect(sent.map(\.type) == [1])
        #expect(sent[0].endsStream)
    }

    @Test("a stream ends with its trailers")
    func trailers() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("POST", "/stream", stream: 1, ends: true))
        let responder = try #require(client.script.owed.first as? any HTTPTrailersResponder)
        responder.write(ByteBuffer(string: "one"))
        #expect(body(try answers(client), 1) == "one")
        responder.write(ByteBuffer(string: "two"))
        responder.finish(trailers: ["grpc-status": "0"])
        let sent = try answers(client)
        #expect(body(sent, 1) == "two")
        #expect(sent.last?.type == 1)
        #expect(sent.last?.endsStream == true)
        #expect(sent.filter(\.endsStream).count == 1)
        #expect(!responder.isOpen)
    }

    @Test("a body waits for the client's window, and its writer learns when to go on")
    func flowControl() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("GET", "/stream", stream: 1, ends: true))
        let responder = client.script.owed[0]
        #expect(responder.isWritable)
        responder.write(ByteBuffer(repeating: 120, count: 400_000))
        #expect(!responder.isWritable)
        #expect(body(try answers(client), 1).utf8.count == 65_535)
        #expect(client.script.writable == 0)
        try client.send(
            HTTP2Wire.windowUpdate(300_000, stream: 0) + HTTP2Wire.windowUpdate(300_000, stream: 1))
        #expect(body(try answers(client), 1).utf8.count == 300_000)
        #expect(client.script.writable == 1)
        #expect(responder.isWritable)
    }

    @Test("a patient sink holds the client's window back")
    func receiveWindow() throws {
        let client = try connect()
        _ = try client.writes()
        try client.send(HTTP2Wire.request("PUT", "/patient", stream: 1, ends: false))
        let part = String(repeating: "x", count: 16_384)
        for _ in 0..<40 { try client.send(HTTP2Wire.data(part, stream: 1, ends: false)) }
        #expect(try frames(client).allSatisfy { $0.type != 8 })
        let sink = client.script.sinks[0]
        #expect(sink.log.count == 1)
        while sink.log.joined().utf8.count < 40 * part.utf8.count { sink.taken?.succeed() }
        sink.taken?.succeed()
        #expect(try frames(client).contains { $0.type == 8 && $0.stream == 1 })
        try client.send(HTTP2Wire.data("", stream: 1, ends: true))
        #expect(sink.log.last == "complete")
    }

    @Test("tiny parts that wait for a busy sink are joined, and it goes on without a deep stack")
    func tinyParts() throws {
        let client = try connect()
        let count = 100_000
        let part = HTTP2Wire.data("x", stream: 1, ends: false)
        try client.send(
            HTTP2Wire.request("PUT", "/patient", stream: 1, ends: false)
                + Array([[UInt8]](repeating: part, count: count).joined()))
        let sink = client.script.sinks[0]
        #expect(sink.log == ["x"])
        sink.isPatient = false
        sink.taken?.succeed()
        #expect(sink.log.joined().utf8.count == count)
        #expect(sink.log.count <= 2 + count / HTTP2Limits.joinedPartBytes)
        try client.send(HTTP2Wire.data("", stream: 1, ends: true))
        #expect(sink.log.last == "complete")
    }

    @Test("what a busy sink has not taken is given back to the connection when the stream is reset")
    func resetBesideBusySink() throws {
        let client = try connect()
        _ = try client.writes()
        let part = String(repeating: "x", count: 8_000)
        // More than half of the connection's window, when the client is told.
        let count = UInt32(HTTP2Limits.window) / 2 / 8_000 + 1
        for number in 0..<count {
            let stream = 2 * number + 1
            try client.send(
                HTTP2Wire.request("PUT", "/patient", stream: stream, ends: false)
                    + HTTP2Wire.data(part, stream: stream, ends: false)
                    + HTTP2Wire.frame(type: 3, stream: stream, [0, 0, 0, 8]))
        }
        let sinks = client.script.sinks
        #expect(sinks.count == Int(count))
        #expect(sinks.allSatisfy { $0.log == [part, "connectionClosed"] })
        let updates = try frames(client).filter { $0.type == 8 }
        #expect(updates.map(\.stream) == [0])
        // Once only, though it is taken in the end.
        for sink in sinks { sink.taken?.succeed() }
        #expect(try frames(client).isEmpty)
    }

    @Test("a body beyond the bound is answered with 413 and the rest is not wanted")
    func tooLarge() throws {
        let client = try connect()
        _ = try client.writes()
        try client.send(
            HTTP2Wire.request("PUT", "/limit", stream: 1, ends: false)
                + HTTP2Wire.data("12345", stream: 1, ends: false))
        let sent = try answers(client)
        #expect(body(sent, 1) == "413 Request Entity Too Large")
        #expect(sent.last == HTTP2Wire.Frame(type: 3, flags: 0, stream: 1, payload: [0, 0, 0, 0]))
        #expect(client.script.seen.isEmpty)
    }

    @Test("an expectation is met before the body arrives")
    func expectContinue() throws {
        let client = try connect()
        _ = try client.writes()
        try client.send(
            HTTP2Wire.request(
                "PUT", "/echo", stream: 1, ends: false, fields: [("expect", "100-continue")]))
        let sent = try answers(client)
        #expect(sent.count == 1)
        #expect(sent.first?.endsStream == false)
        try client.send(HTTP2Wire.data("x", stream: 1, ends: true))
        #expect(body(try answers(client), 1) == "x")
    }

    @Test("whoever waits is told when the client resets its stream, once")
    func reset() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("GET", "/stream", stream: 1, ends: true))
        try client.send(HTTP2Wire.frame(type: 3, stream: 1, [0, 0, 0, 8]))
        #expect(client.script.closed == 1)
        #expect(!client.script.owed[0].isOpen)
        client.script.owed[0].write(ByteBuffer(string: "ignored"))
        client.script.owed[0].finish()
        try client.channel.close().wait()
        #expect(client.script.closed == 1)
    }

    @Test("an abort resets the stream and nothing else")
    func abort() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("GET", "/stream", stream: 1, ends: true))
        _ = try client.writes()
        client.script.owed[0].abort()
        #expect(try answers(client).map(\.type) == [3])
        try client.send(HTTP2Wire.request("GET", "/hello", stream: 3, ends: true))
        #expect(body(try answers(client), 3) == "hello")
    }

    /// Calls beyond an allowance that are begun before anybody notices.
    private static let sliceCalls = HTTP2Limits.sliceBytes / 60

    @Test("a client that resets all it asks for is read from slowly")
    func rapidReset() throws {
        let client = try connect()
        let count = 2 * HTTP2Limits.resetBurst
        var ids = (0..<UInt32(count)).map { 2 * $0 + 1 }
        let calls = ids.map { id in
            HTTP2Wire.request("GET", "/later", stream: id, ends: true)
                + HTTP2Wire.frame(type: 3, stream: id, [0, 0, 0, 8])
        }
        // What follows is read in its turn, not lost.
        ids.append(UInt32(2 * count + 1))
        try client.send(
            calls.flatMap(\.self)
                + HTTP2Wire.request("GET", "/hello", stream: ids[count], ends: true))
        let first = HTTP2Limits.resetBurst...(HTTP2Limits.resetBurst + Self.sliceCalls)
        #expect(first.contains(client.script.seen.count))
        #expect(try answers(client).isEmpty)
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(client.script.seen.count == count + 1)
        #expect(client.script.closed == count)
        #expect(body(try answers(client), ids[count]) == "hello")
        #expect(client.isOpen)
    }

    @Test("heads that unfold to megabytes are not looked at for long")
    func headerBombs() throws {
        let client = try connect()
        _ = try client.writes()
        // One field of 4000 bytes into the table of the compression, then 200 references to it.
        let value = [UInt8](repeating: UInt8(ascii: "a"), count: 4_000)
        let entry = [0x40, 1, UInt8(ascii: "b"), 0x7F, 0xA1, 0x1E] + value
        let start =
            HTTP2Wire.field(":method", "GET") + HTTP2Wire.field(":scheme", "http")
            + HTTP2Wire.field(":path", "/hello") + HTTP2Wire.field(":authority", "a")
        let count: UInt32 = 200
        let bombs = (0..<count).map { number in
            HTTP2Wire.frame(
                type: 1, flags: 5, stream: 2 * number + 1,
                start + (number == 0 ? entry : []) + [UInt8](repeating: 0xBE, count: 200))
        }
        try client.send(bombs.flatMap(\.self))
        // 800 kB each: one is served, then the allowance is used up.
        let atOnce = try answers(client)
        #expect(atOnce.filter { $0.type == 1 }.count < Int(count) / 2)
        #expect(client.script.seen.count == 1)
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1_000))
        let later = try answers(client)
        #expect((atOnce + later).filter { $0.type == 1 }.count == Int(count))
        #expect(client.isOpen)
    }

    @Test("an allowance is made up for by time")
    func allowance() {
        var allowance = HTTP2Allowance(burst: 10, perSecond: 5)
        let start = NIODeadline.uptimeNanoseconds(1_000)
        allowance.use(10, now: start)
        #expect(!allowance.isExhausted)
        allowance.use(5, now: start)
        #expect(allowance.isExhausted)
        let wait = allowance.wait(now: start)
        #expect(wait == .nanoseconds(1_000_000_001))
        #expect(allowance.wait(now: start + .milliseconds(500)) != nil)
        #expect(allowance.wait(now: start + .seconds(1)) == nil)
        #expect(allowance.wait(now: start + .seconds(100)) == nil)
        // Idle time is not saved up.
        allowance.use(11, now: start + .seconds(100))
        #expect(allowance.isExhausted)
        // No debt is for ever.
        allowance.use(1_000_000, now: start + .seconds(100))
        #expect(allowance.wait(now: start + .seconds(161)) == nil)
    }

    @Test("draining says GOAWAY, finishes what is in flight and closes")
    func drain() throws {
        let idle = try connect()
        idle.loop.drain()
        #expect(try frames(idle).last?.type == 7)
        #expect(!idle.isOpen)

        let busy = try connect()
        try busy.send(HTTP2Wire.request("GET", "/later", stream: 1, ends: true))
        busy.loop.drain()
        #expect(try frames(busy).last?.type == 7)
        try busy.send(HTTP2Wire.request("GET", "/hello", stream: 3, ends: true))
        #expect(busy.script.seen == ["GET /later "])
        busy.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(try answers(busy).map(\.stream) == [1])
        #expect(!busy.isOpen)
    }

    @Test("after a GOAWAY of the client the connection closes with its last stream")
    func clientLeaves() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("GET", "/later", stream: 1, ends: true))
        try client.send(HTTP2Wire.frame(type: 7, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]))
        _ = try client.writes()
        #expect(client.isOpen)
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(try answers(client).count == 1)
        #expect(!client.isOpen)
    }

    @Test("a client that breaks the protocol hears of it at once, and is let go a moment later")
    func linger() throws {
        let client = try connect()
        try client.send(HTTP2Wire.request("GET", "/later", stream: 1, ends: true))
        try client.send(HTTP2Wire.frame(type: 0, stream: 0, [1]))
        #expect(try frames(client).last?.type == 7)
        #expect(client.script.closed == 1)
        #expect(client.isOpen)
        try client.send(HTTP2Wire.request("GET", "/hello", stream: 3, ends: true))
        #expect(try client.writes().isEmpty)
        #expect(client.script.seen == ["GET /later "])
        client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(250))
        #expect(!client.isOpen)
    }
}
