//  WebSocket over HTTP/1.1 as its clients see it, honest and hostile ones. What the closing frames
//  say is what etcd 3.5.1 says.

import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdNet

@Suite("WebSocket", .timeLimit(.minutes(1)))
struct WebSocketTests {
    private static let fields =
        "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    private static let accepted =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        + "Sec-WebSocket-Protocol: Bearer\r\n\r\n"

    private func handshake(_ path: String) -> String { "GET \(path) HTTP/1.1\r\n" + Self.fields }

    private func connected(_ path: String = "/echo") throws -> (ServedConnection, ScriptedSocket) {
        let client = try ServedConnection()
        try client.send(handshake(path))
        #expect(try client.received() == Self.accepted)
        return (client, try #require(client.script.sockets.first))
    }

    private func bytes(_ client: ServedConnection) throws -> [UInt8] {
        try client.writes().flatMap { Array($0.readableBytesView) }
    }

    private func closing(_ code: UInt16, _ text: String) -> [UInt8] {
        [0x88, UInt8(2 + text.utf8.count), UInt8(code >> 8), UInt8(code & 0xFF)] + text.utf8
    }

    @Test("messages go both ways, whole, in fragments, and byte by byte")
    func messages() throws {
        let (client, socket) = try connected()
        try client.send(ClientFrame.text("one").wire)
        #expect(try bytes(client) == [0x81, 3] + "one".utf8)
        try client.send(ClientFrame(first: 0x82, payload: Array("two".utf8)).wire)
        #expect(try bytes(client) == [0x81, 3] + "two".utf8)
        try client.send(
            ClientFrame.text("th", isLast: false).wire + ClientFrame.rest("r", isLast: false).wire
                + ClientFrame.ping("p").wire + ClientFrame.rest("ee").wire)
        #expect(try bytes(client) == [0x8A, 1] + "p".utf8 + [0x81, 5] + "three".utf8)
        for byte in ClientFrame.text("").wire + ClientFrame.text("four").wire {
            try client.send([byte])
        }
        #expect(try bytes(client) == [0x81, 0, 0x81, 4] + "four".utf8)
        #expect(socket.log == ["one", "two", "three", "", "four"])
        #expect(client.isOpen)
    }

    @Test("frames that come with the handshake are not lost, and lengths take their three forms")
    func lengths() throws {
        let client = try ServedConnection()
        let long = String(repeating: "x", count: 300)
        try client.send(Array(handshake("/echo").utf8) + ClientFrame.text(long).wire)
        #expect(
            try bytes(client) == Array(Self.accepted.utf8) + [0x81, 126, 1, 44] + Array(long.utf8))
        let socket = try #require(client.script.sockets.first)
        let huge = ByteBuffer(repeating: 0x79, count: 70_000)
        socket.writer.send(text: huge)
        let head: [UInt8] = [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]
        #expect(try bytes(client) == head + Array(huge.readableBytesView))
    }

    @Test("a handshake waits for the answers before it, and what follows it is no request")
    func pipelining() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + handshake("/echo"))
        #expect(try client.received() == "")
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(
            try client.received() == "HTTP/1.1 204 No Content\r\nDate: *\r\n\r\n" + Self.accepted)
        try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.script.seen == ["GET /later "])
    }

    @Test(
        "another handshake or another protocol is a request like others",
        arguments: [
            ("Upgrade: websocket\r\n", false), ("Upgrade: h2c\r\nConnection: Upgrade\r\n", false),
            ("Upgrade: h2c, WebSocket\r\nConnection: keep-alive, upgrade\r\n", true),
            ("Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n", true),
        ])
    func recognition(fields: String, isMeant: Bool) throws {
        let client = try ServedConnection()
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8, 13\r\n"
        try client.send("GET /echo HTTP/1.1\r\nHost: a\r\n\(fields)\(key)\r\n")
        let text = try client.received()
        #expect(text.hasPrefix(isMeant ? "HTTP/1.1 101 " : "HTTP/1.1 200 "))
    }

    @Test("a handshake with a body is refused")
    func body() throws {
        let client = try ServedConnection()
        try client.send(
            handshake("/echo").replacing("Host: a", with: "Host: a\r\nContent-Length: 2"))
        #expect(try client.received().hasPrefix("HTTP/1.1 400 "))
        #expect(client.script.sockets.isEmpty)
    }

    @Test(
        "the statuses of improper handshakes",
        arguments: [
            ("GET", "13", "k", nil), ("POST", "13", "k", 405), ("GET", "12", "k", 400),
            ("GET", "", "k", 400), ("GET", "13", "", 400),
        ] as [(String, String, String, Int?)])
    func refusals(method: String, version: String, key: String, status: Int?) {
        let head = HTTPRequestHead(
            method: method, target: "/",
            headers: ["sec-websocket-version": version, "Sec-WebSocket-Key": key],
            version: .http11, connection: ConnectionFacts(remoteAddress: "", localAddress: ""))
        #expect(WebSocketHandshake.refusal(of: head) == status)
    }

    @Test(
        "a closing frame is answered by its code, and an improper one by 1002",
        arguments: [
            ([], []), ([3], []), ([3, 232], [3, 232]), ([3, 232, 98], [3, 232]),
            ([0x0F, 0xA0], [0x0F, 0xA0]), ([3, 235], [3, 235]),
            ([3, 237], [3, 234] + Array("invalid close code".utf8)),
            ([0, 1], [3, 234] + Array("invalid close code".utf8)),
            ([0x13, 0x88], [3, 234] + Array("invalid close code".utf8)),
            ([3, 232, 0xFF], [3, 234] + Array("invalid utf8 payload in close frame".utf8)),
        ] as [([UInt8], [UInt8])])
    func close(payload: [UInt8], answer: [UInt8]) throws {
        let (client, socket) = try connected()
        try client.send(ClientFrame.close(payload).wire + ClientFrame.text("late").wire)
        #expect(try bytes(client) == [0x88, UInt8(answer.count)] + answer)
        #expect(socket.log == ["connectionClosed"])
        #expect(socket.closed == 1)
        #expect(!socket.writer.isOpen)
        socket.writer.send(text: ByteBuffer(string: "late"))
        client.endInput()
        #expect(try bytes(client) == [])
        #expect(!client.isOpen)
    }

    @Test(
        "what the protocol forbids ends the connection with the reason",
        arguments: [
            (
                [ClientFrame(first: 0x81, payload: [1], isMasked: false)], 1_002,
                "incorrect mask flag"
            ),
            ([ClientFrame(first: 0xC1, payload: [1])], 1_002, "unexpected reserved bits 0x40"),
            ([ClientFrame(first: 0xA1, payload: [1])], 1_002, "unexpected reserved bits 0x20"),
            ([ClientFrame(first: 0xF9, payload: [1])], 1_002, "unexpected reserved bits 0x70"),
            ([ClientFrame(first: 0x83, payload: [1])], 1_002, "unknown opcode 3"),
            ([ClientFrame(first: 0x8B, payload: [])], 1_002, "unknown opcode 11"),
            (
                [ClientFrame.rest("x")], 1_002, "continuation after final message frame"
            ),
            (
                [ClientFrame.text("x", isLast: false), ClientFrame.text("y")], 1_002,
                "message start before final message frame"
            ),
            ([ClientFrame(first: 0x09, payload: [1])], 1_002, "control frame not final"),
            (
                [ClientFrame(first: 0x89, payload: [UInt8](repeating: 1, count: 126))], 1_002,
                "control frame length > 125"
            ),
            (
                [ClientFrame(first: 0x88, payload: [], length: 1 << 40)], 1_009, ""
            ),
            ([ClientFrame(first: 0x81, payload: [], length: 1_001)], 1_009, ""),
            ([ClientFrame(first: 0x81, payload: [], length: 1 << 63 + 5)], 1_009, ""),
            (
                [
                    ClientFrame.text(String(repeating: "x", count: 600), isLast: false),
                    ClientFrame.rest(String(repeating: "x", count: 401)),
                ], 1_009, ""
            ),
        ] as [([ClientFrame], UInt16, String)])
    func faults(frames: [ClientFrame], code: UInt16, text: String) throws {
        let (client, socket) = try connected()
        try client.send(ClientFrame.text("good").wire + frames.flatMap(\.wire))
        #expect(try bytes(client) == [0x81, 4] + "good".utf8 + closing(code, text))
        #expect(socket.log == ["good", "connectionClosed"])
        #expect(socket.closed == 1)
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!client.isOpen)
    }

    @Test("bytes that are no UTF-8 are the handler's business, as in etcd")
    func notUTF8() throws {
        let (client, _) = try connected()
        try client.send(ClientFrame(first: 0x81, payload: [0x22, 0xFF, 0x22]).wire)
        #expect(try bytes(client) == [0x81, 3, 0x22, 0xFF, 0x22])
    }

    @Test("one message at a time, and none is read for a handler that is busy")
    func backPressure() throws {
        let (client, socket) = try connected("/patient")
        try client.send(ClientFrame.text("1").wire + ClientFrame.text("2").wire)
        #expect(socket.log == ["1"])
        let reads = ReadCounter()
        try client.channel.pipeline.syncOperations.addHandler(reads, position: .first)
        client.channel.read()
        #expect(reads.count == 0)
        socket.taken?.succeed()
        #expect(socket.log == ["1", "2"])
        #expect(reads.count == 0)
        socket.taken?.succeed()
        #expect(reads.count == 1)
    }

    @Test("pings of a client that takes no answers wait in the kernel")
    func pingFlood() throws {
        let (client, _) = try connected()
        let reads = ReadCounter()
        try client.channel.pipeline.syncOperations.addHandler(reads, position: .first)
        client.channel.isWritable = false
        client.channel.pipeline.fireChannelWritabilityChanged()
        let ping = ClientFrame.ping("x").wire
        try client.send(Array([[UInt8]](repeating: ping, count: 500).joined()))
        client.channel.read()
        #expect(try bytes(client) == [])
        #expect(reads.count == 0)
        client.channel.isWritable = true
        client.channel.pipeline.fireChannelWritabilityChanged()
        #expect(try bytes(client).count == 1_500)
        #expect(reads.count == 1)
    }

    @Test("the server ends with what is queued and without a closing frame")
    func finish() throws {
        let (client, socket) = try connected()
        socket.writer.send(text: ByteBuffer(string: "bye"))
        socket.writer.finish()
        #expect(try bytes(client) == [0x81, 3] + "bye".utf8)
        #expect(socket.closed == 0)
        try client.send(ClientFrame.text("late").wire)
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!client.isOpen)
        #expect(socket.log == ["connectionClosed"])
    }

    @Test("a client that ends its input before its handshake is due gets the answers before it")
    func halfClosed() throws {
        let client = try ServedConnection()
        try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + handshake("/echo"))
        client.endInput()
        client.script.owed[0].respond(status: 204, headers: [:], body: ByteBuffer())
        #expect(try client.received() == "HTTP/1.1 204 No Content\r\nDate: *\r\n\r\n")
        #expect(!client.isOpen)
        #expect(client.script.sockets.isEmpty)
    }

    @Test("random bytes lead to messages, pongs or an end with a reason", arguments: 0..<40)
    func noise(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let (client, socket) = try connected()
        for _ in 0..<50 where client.isOpen {
            var frame = ClientFrame(
                first: UInt8(truncatingIfNeeded: random.next()), payload: [7, 7, 7])
            if random.next() % 4 != 0 { frame.first &= 0x8F }
            if random.next() % 4 != 0 { frame.first = 0x81 }
            frame.isMasked = random.next() % 50 != 0
            if random.next() % 20 == 0 { frame.length = random.next() }
            try client.send(frame.wire)
        }
        _ = try client.channel.finish(acceptAlreadyClosed: true)
        #expect(socket.log.last == "connectionClosed")
        #expect(socket.closed == 1)
    }

    @Test("a client that is gone is reported once", arguments: [true, false])
    func gone(endsInput: Bool) throws {
        let (client, socket) = try connected()
        if endsInput { client.endInput() } else { _ = try client.channel.finish() }
        #expect(socket.closed == 1)
        #expect(socket.log == ["connectionClosed"])
        #expect(!client.isOpen)
    }

    @Test("a stopping listener closes idle sockets and leaves those in use")
    func drain() throws {
        let (idle, _) = try connected()
        idle.loop.drain()
        #expect(!idle.isOpen)
        let (busy, socket) = try connected()
        try busy.send(ClientFrame.text("1").wire)
        busy.loop.drain()
        #expect(busy.isOpen)
        busy.loop.cutAll()
        #expect(!busy.isOpen)
        #expect(socket.closed == 1)
    }
}

/// Counts what gets as far as the channel.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
