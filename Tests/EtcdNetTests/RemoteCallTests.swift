//  gRPC calls between the connection and a handler: messages, status, resets, flow control.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import RuntimeCore
import Testing

@testable import EtcdNet

/// Keeps its calls, and notes what happens to them.
final class CallScript {
    var streams: [RemoteCallStream] = []
    var log: [String] = []
}

private final class ScriptedReceiver: RemoteCallReceiver {
    let script: CallScript
    let stream: RemoteCallStream
    let holdsAfterEach: Bool
    let keeps: Bool

    init(_ script: CallScript, _ stream: RemoteCallStream, holdsAfterEach: Bool, keeps: Bool) {
        self.script = script
        self.stream = stream
        self.holdsAfterEach = holdsAfterEach
        self.keeps = keeps
    }

    func received(_ message: Bytes, flags: UInt8) {
        script.log.append(message.count < 100 ? message.text : "\(message.count)")
        if keeps { stream.keptBytes += message.count }
        if holdsAfterEach { stream.holdInput() }
    }

    func receivedMalformed(_ error: RemoteCallError) {
        script.log.append("\(error)")
        stream.finish(status: 8, message: "no")
    }

    func requestEnded() { script.log.append("end") }
    func streamClosed() { script.log.append("closed") }
    func streamBecameWritable() { script.log.append("writable") }
}

private struct ScriptedCalls: HTTPHandler, RemoteCallHandler {
    let script: NIOLoopBound<CallScript>

    var remoteCalls: (any RemoteCallHandler)? { self }

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        responder.respond(status: 204, headers: [:], body: ByteBuffer())
    }

    func begin(_ stream: RemoteCallStream, fields: RequestFields) {
        let script = script.value
        let path = fields.text(of: ":path") ?? ""
        script.log.append("\(path) \(fields.text(of: "token") ?? "-")")
        if path == "/refuse" {
            return stream.refuse(httpStatus: 415, status: 3, message: "grün 100%")
        }
        script.streams.append(stream)
        stream.messageBytesMax = 100_000
        stream.receiver = ScriptedReceiver(
            script, stream, holdsAfterEach: path == "/patient", keeps: path == "/keep")
    }
}

final class CallClient {
    let channel = EmbeddedChannel()
    let script = CallScript()
    let loop: ListenerLoop
    private let decoder = HTTP2FieldDecoder()
    private var session: HTTP2Session?

    init(settings: ListenerSettings = ListenerSettings()) throws {
        let handler = ScriptedCalls(script: NIOLoopBound(script, eventLoop: channel.eventLoop))
        loop = ListenerLoop(eventLoop: channel.eventLoop, settings: settings)
        try channel.pipeline.syncOperations.addHandler(ProtocolDemux(loop: loop, handler: handler))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try send(
            HTTP2Wire.preface + HTTP2Wire.settings()
                + HTTP2Wire.frame(type: 4, flags: 1, stream: 0, []))
        _ = try answers()
        session = try channel.pipeline.syncOperations.handler(type: HTTP2Session.self)
    }

    /// What the connection has counted of unfinished requests.
    var heldBytes: Int? { session?.collectedBytes }
    /// Whether the head of a request is still there.
    var holdsFields: Bool { session?.fields.value(of: ":path") != nil }

    func send(_ bytes: [UInt8]) throws {
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
    }

    func call(_ path: String, stream: UInt32, _ messages: [String], ends: Bool = true) throws {
        let head = HTTP2Wire.request(
            "POST", path, stream: stream, ends: false,
            fields: [("content-type", "application/grpc"), ("token", "t")])
        let body = messages.flatMap { Self.framed(Array($0.utf8)) }
        try send(
            head + HTTP2Wire.frame(type: 0, flags: ends ? 1 : 0, stream: stream, body))
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [0] + HTTP2Wire.number(UInt32(message.count)) + message
    }

    var received = 0

    /// What came since the last call, one line per frame.
    func answers() throws -> [String] {
        channel.embeddedEventLoop.run()
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += Array(part.readableBytesView)
        }
        var lines: [String] = []
        for frame in HTTP2Wire.frames(bytes) {
            let end = frame.endsStream ? " end" : ""
            switch frame.type {
            case 0:
                received += frame.payload.count
                let text = String(decoding: frame.payload.dropFirst(5), as: UTF8.self)
                lines.append("\(frame.stream) data \(frame.payload.count < 100 ? text : "…")\(end)")
            case 1:
                let fields = decoder.fields(frame.payload).joined(separator: ", ")
                lines.append("\(frame.stream) \(fields)\(end)")
            case 3: lines.append("\(frame.stream) reset \(frame.payload[3])")
            case 6: lines.append("ping \(frame.flags)")
            case 7:
                let text = String(decoding: frame.payload.dropFirst(8), as: UTF8.self)
                lines.append("goaway \(frame.payload[7]) \(text)")
            default: break
            }
        }
        return lines
    }
}

@Suite("gRPC calls over HTTP/2", .timeLimit(.minutes(1)))
struct RemoteCallTests {
    private static let head = "1 :status: 200, content-type: application/grpc"

    @Test("a call is a head, its messages and a status, in one write")
    func unary() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, ["question"])
        #expect(client.script.log == ["/a t", "question", "end"])
        let stream = client.script.streams[0]
        stream.send(size: 6) { $0 += Array("answer".utf8) }
        stream.finish()
        #expect(!stream.isOpen)
        #expect(
            try client.answers() == [
                Self.head, "1 data answer", "1 grpc-status: 0 end",
            ])
        stream.send(size: 7) { $0 += Array("ignored".utf8) }
        stream.finish(status: 1, message: "ignored")
        #expect(try client.answers() == [])
        #expect(client.script.log.count == 3)
    }

    @Test("an ordinary request on the same connection is one")
    func ordinary() throws {
        let client = try CallClient()
        try client.send(HTTP2Wire.request("GET", "/x", stream: 1, ends: true))
        let lines = try client.answers()
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("1 :status: 204") == true)
        #expect(client.script.log.isEmpty)
    }

    @Test("a status without messages is a single block, with its text escaped")
    func trailersOnly() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [])
        client.script.streams[0].finish(status: 5, message: "nicht gefunden: 100 % ü\n")
        let text = "nicht gefunden: 100 %25 %C3%BC%0A"
        #expect(
            try client.answers() == [
                Self.head + ", grpc-status: 5, grpc-message: \(text) end"
            ])
    }

    @Test("a refusal has a status of HTTP too, and the rest of the request is not wanted")
    func refusal() throws {
        let client = try CallClient()
        try client.call("/refuse", stream: 1, ["x"], ends: false)
        #expect(
            try client.answers() == [
                "1 :status: 415, content-type: application/grpc, grpc-status: 3, "
                    + "grpc-message: gr%C3%BCn 100%25 end",
                "1 reset 0",
            ])
        #expect(client.script.log == ["/refuse t"])
    }

    @Test("a stream goes both ways until its status")
    func bidirectional() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, ["one", "two"], ends: false)
        let stream = client.script.streams[0]
        stream.send(size: 1) { $0 += Array("1".utf8) }
        #expect(try client.answers() == [Self.head, "1 data 1"])
        try client.send(HTTP2Wire.frame(type: 0, stream: 1, CallClient.framed(Array("three".utf8))))
        stream.send(size: 1) { $0 += Array("3".utf8) }
        #expect(try client.answers() == ["1 data 3"])
        try client.send(HTTP2Wire.frame(type: 0, flags: 1, stream: 1, []))
        #expect(client.script.log == ["/a t", "one", "two", "three", "end"])
        stream.finish(status: 14, message: "gone")
        #expect(
            try client.answers().last == "1 grpc-status: 14, grpc-message: gone end")
    }

    @Test("a message may come in any number of frames")
    func pieces() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [], ends: false)
        for byte in CallClient.framed(Array("in pieces".utf8)) {
            try client.send(HTTP2Wire.frame(type: 0, stream: 1, [byte]))
        }
        #expect(client.script.log == ["/a t", "in pieces"])
    }

    @Test("a message that is too large or cut off is reported once, and nothing after it")
    func malformed() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [], ends: false)
        try client.send(HTTP2Wire.frame(type: 0, stream: 1, [0, 0, 1, 0x86, 0xA1]))
        try client.send(HTTP2Wire.frame(type: 0, flags: 1, stream: 1, [1, 2, 3]))
        #expect(client.script.log == ["/a t", "tooLarge(100001)"])
        let lines = try client.answers()
        #expect(lines == [Self.head + ", grpc-status: 8, grpc-message: no end", "1 reset 0"])

        client.script.log = []
        try client.call("/b", stream: 3, [], ends: false)
        try client.send(HTTP2Wire.frame(type: 0, flags: 1, stream: 3, [0, 0, 0, 0, 9, 1]))
        #expect(client.script.log == ["/b t", "truncated"])
    }

    @Test("a reset is told to the receiver once, a reset after the answer not at all")
    func reset() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, ["x"], ends: false)
        try client.send(HTTP2Wire.frame(type: 3, stream: 1, [0, 0, 0, 8]))
        #expect(client.script.log == ["/a t", "x", "closed"])
        let stream = client.script.streams[0]
        #expect(!stream.isOpen)
        stream.send(size: 1) { $0.append(1) }
        stream.finish()
        #expect(try client.answers() == [])

        try client.call("/b", stream: 3, [], ends: false)
        client.script.streams[1].finish()
        _ = try client.answers()
        try client.send(HTTP2Wire.frame(type: 3, stream: 3, [0, 0, 0, 8]))
        try client.channel.close().wait()
        #expect(client.script.log == ["/a t", "x", "closed", "/b t"])
    }

    @Test("a connection that breaks ends its calls")
    func broken() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [], ends: false)
        try client.call("/b", stream: 3, [])
        try client.channel.close().wait()
        #expect(client.script.log.filter { $0 == "closed" }.count == 2)
    }

    @Test("a held stream gets nothing, closes its window, and goes on where it was")
    func held() throws {
        let client = try CallClient()
        try client.call("/patient", stream: 1, ["one", "two", "three"])
        #expect(client.script.log == ["/patient t", "one"])
        let stream = client.script.streams[0]
        stream.resumeInput()
        #expect(client.script.log == ["/patient t", "one", "two"])
        stream.resumeInput()
        #expect(client.script.log.last == "three")
        stream.resumeInput()
        #expect(client.script.log.last == "end")
        #expect(client.script.log.filter { $0 == "end" }.count == 1)
    }

    @Test("what a held stream has not taken narrows the window until it ends")
    func heldWindow() throws {
        let client = try CallClient()
        try client.call("/patient", stream: 1, ["one"], ends: false)
        let part = [UInt8](repeating: 0, count: 16_384)
        var updates = 0
        for _ in 0..<40 {
            try client.send(HTTP2Wire.frame(type: 0, stream: 1, part))
            client.channel.embeddedEventLoop.run()
            while let sent = try client.channel.readOutbound(as: ByteBuffer.self) {
                updates +=
                    HTTP2Wire.frames(Array(sent.readableBytesView))
                    .filter { $0.type == 8 }.count
            }
        }
        #expect(updates == 0)
        client.script.streams[0].finish()
        client.channel.embeddedEventLoop.run()
        while let sent = try client.channel.readOutbound(as: ByteBuffer.self) {
            updates +=
                HTTP2Wire.frames(Array(sent.readableBytesView))
                .filter { $0.type == 8 && $0.stream == 0 }.count
        }
        #expect(updates > 0)
    }

    @Test("answers wait for the client's window, and their writer learns when to go on")
    func writability() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [])
        let stream = client.script.streams[0]
        for _ in 0..<4 {
            stream.send(size: 100_000) { $0 += [UInt8](repeating: 7, count: 100_000) }
        }
        #expect(!stream.isWritable)
        _ = try client.answers()
        #expect(client.received == 65_535)
        try client.send(
            HTTP2Wire.windowUpdate(1 << 20, stream: 0) + HTTP2Wire.windowUpdate(1 << 20, stream: 1))
        _ = try client.answers()
        #expect(client.received == 4 * 100_005)
        #expect(client.script.log.last == "writable")
        #expect(stream.isWritable)
        stream.finish()
        #expect(try client.answers().last == "1 grpc-status: 0 end")
    }

    @Test("a content type with a name is answered with the same name")
    func subtype() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [])
        client.script.streams[0].contentSubtype = "proto"
        client.script.streams[0].send(size: 1) { $0.append(1) }
        #expect(
            try client.answers().first == "1 :status: 200, content-type: application/grpc+proto")
    }

    @Test("a client that pings too often is told to calm down")
    func pings() throws {
        let client = try CallClient()
        try client.call("/a", stream: 1, [], ends: false)
        var lines: [String] = []
        for _ in 0..<5 {
            try client.send(
                HTTP2Wire.frame(type: 6, stream: 0, [UInt8](repeating: 0, count: 8)))
            lines += try client.answers()
        }
        #expect(lines.filter { $0 == "ping 1" }.count == 4)
        #expect(lines.last == "goaway 11 too_many_pings")
        client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(250))
        #expect(!client.channel.isActive)
        #expect(client.script.log.last == "closed")
    }

    @Test("a silent client is pinged, and cut when it does not answer")
    func silence() throws {
        var settings = ListenerSettings()
        settings.http2.pingMilliseconds = 10
        settings.http2.pingTimeoutMilliseconds = 10
        let client = try CallClient(settings: settings)
        var lines: [String] = []
        while client.channel.isActive {
            client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(5))
            lines += try client.answers()
        }
        #expect(lines == ["ping 0"])
    }

    @Test("a client that opens more calls than it was told loses the connection")
    func concurrency() throws {
        var settings = ListenerSettings()
        settings.http2.concurrentStreams = 2
        let client = try CallClient(settings: settings)
        for id: UInt32 in [1, 3, 5] { try client.call("/a", stream: id, [], ends: false) }
        #expect(client.script.streams.count == 2)
        let lines = try client.answers()
        #expect(lines == ["goaway 1 request HEADERS: max concurrent streams exceeded"])
        #expect(client.script.log.filter { $0 == "closed" }.count == 2)
    }
}
