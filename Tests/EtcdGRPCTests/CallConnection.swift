//  A gRPC client at the other end of one served connection, without a socket: frames go in, and
//  what the client would see comes out as lines.

import CNGHTTP2
import EtcdEdge
import EtcdProto
import NIOCore
import NIOEmbedded
import NIOHTTP1
import RuntimeCore

@testable import EtcdGRPC
@testable import EtcdNet

/// What calls are checked against.
struct TestFacts: MemberFacts {
    var knowsLeader = true
    var isLearner = false
    var electionMilliseconds: UInt64 = 1_000

    func awaits(token: String) -> Bool { false }
}

struct CallsOnly: HTTPHandler {
    let calls: GRPCServer

    var remoteCalls: (any RemoteCallHandler)? { calls }

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        responder.respond(status: 404, headers: [:], body: ByteBuffer())
    }
}

final class CallConnection {
    let channel: EmbeddedChannel
    let table: V3MethodTable
    private let decoder = FieldDecoder()
    private var framings: [Int: MessageFraming] = [:]
    /// Messages that came and were not taken yet, by stream.
    private var messages: [Int: [Bytes]] = [:]
    private var session: HTTP2Session?

    var loop: EmbeddedEventLoop { channel.embeddedEventLoop }

    convenience init(
        _ methods: [V3Method], facts: any MemberFacts = TestFacts(), maxRequestBytes: Int = 1_000,
        settings: ListenerSettings = ListenerSettings()
    ) throws {
        let loop = EmbeddedEventLoop()
        try self.init(
            methods, facts: facts, edges: HTTPEdges([loop]), loop: loop,
            maxRequestBytes: maxRequestBytes, settings: settings)
    }

    convenience init(
        _ methods: [V3Method], facts: any MemberFacts, edges: HTTPEdges, loop: EmbeddedEventLoop,
        maxRequestBytes: Int, settings: ListenerSettings = ListenerSettings()
    ) throws {
        let table = V3MethodTable(methods, facts: facts, edges: edges)
        let server = GRPCServer(
            table: table, edges: edges, settings: .init(maxRequestBytes: maxRequestBytes))
        try self.init(
            serving: CallsOnly(calls: server), table: table, loop: loop, settings: settings)
    }

    init(
        serving handler: any HTTPHandler, table: V3MethodTable, loop: EmbeddedEventLoop,
        settings: ListenerSettings
    ) throws {
        channel = EmbeddedChannel(loop: loop)
        self.table = table
        let listenerLoop = ListenerLoop(eventLoop: loop, settings: settings)
        try channel.pipeline.syncOperations.addHandler(
            ProtocolDemux(loop: listenerLoop, handler: handler))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try send(
            Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(type: 4, stream: 0, [])
                + Self.frame(type: 4, flags: 1, stream: 0, []))
        _ = try answers()
        session = try channel.pipeline.syncOperations.handler(type: HTTP2Session.self)
    }

    /// What the connection has counted of unfinished requests.
    var heldBytes: Int? { session?.collectedBytes }

    // MARK: sending

    func send(_ bytes: [UInt8]) throws {
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
    }

    static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func frame(type: UInt8, flags: UInt8 = 0, stream: Int, _ payload: [UInt8]) -> [UInt8] {
        Array(number(payload.count).dropFirst()) + [type, flags] + number(stream) + payload
    }

    static func framed(_ message: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        [flags] + number(message.count) + message
    }

    private static func field(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
            + Array(value.utf8)
    }

    /// Opens a call.
    func open(
        _ path: String, stream: Int, method: String = "POST", type: String = "application/grpc",
        fields: [(String, String)] = [], ends: Bool = false
    ) throws {
        var block = Self.field(":method", method) + Self.field(":scheme", "http")
        block += Self.field(":path", path) + Self.field(":authority", "a")
        block += Self.field("content-type", type) + Self.field("te", "trailers")
        for (name, value) in fields { block += Self.field(name, value) }
        try send(Self.frame(type: 1, flags: ends ? 5 : 4, stream: stream, block))
    }

    /// In frames of the size that servers take.
    func data(_ bytes: [UInt8], stream: Int, ends: Bool = false) throws {
        var rest = bytes[...]
        while rest.count > 16_384 {
            try send(Self.frame(type: 0, stream: stream, Array(rest.prefix(16_384))))
            rest = rest.dropFirst(16_384)
        }
        try send(Self.frame(type: 0, flags: ends ? 1 : 0, stream: stream, Array(rest)))
    }

    func reset(_ stream: Int) throws {
        try send(Self.frame(type: 3, stream: stream, Self.number(8)))
    }

    /// A whole call with one message, and what came back.
    func call(
        _ path: String, _ message: [UInt8], stream: Int = 1, fields: [(String, String)] = []
    ) throws -> [String] {
        try open(path, stream: stream, fields: fields)
        try data(Self.framed(message), stream: stream, ends: true)
        return try answers()
    }

    // MARK: receiving

    /// What came since the last call, one line per frame; messages in hexadecimal.
    func answers() throws -> [String] {
        loop.run()
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += Array(part.readableBytesView)
        }
        var lines: [String] = []
        while bytes.count >= 9 {
            let count = Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])
            let stream = bytes[5..<9].reduce(0) { $0 << 8 | Int($1) }
            lines += line(
                type: bytes[3], ends: bytes[4] & 1 == 1, stream: stream,
                Array(bytes[9..<(9 + count)]))
            bytes.removeFirst(9 + count)
        }
        return lines
    }

    private func line(type: UInt8, ends: Bool, stream: Int, _ payload: [UInt8]) -> [String] {
        let end = ends ? " end" : ""
        switch type {
        case 0:
            return whole(payload, stream: stream).map { message in
                messages[stream, default: []].append(message)
                let hex = message.array.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                return "message \(hex.joined())\(end)"
            }
        case 1: return [decoder.fields(payload).joined(separator: ", ") + end]
        case 3: return ["reset \(payload[3])"]
        default: return []
        }
    }

    private func whole(_ payload: [UInt8], stream: Int) -> [Bytes] {
        var framing = framings[stream] ?? MessageFraming()
        var found: [Bytes] = []
        var rest = payload[...]
        while !rest.isEmpty {
            let step = rest.withUnsafeBytes { framing.next($0, messageBytesMax: .max) }
            guard case .message(let message, _, let used) = step else { break }
            found.append(message)
            rest = rest.dropFirst(used)
        }
        framings[stream] = framing
        return found
    }

    /// The messages that came on a stream and were not taken yet.
    func take<Message: ProtobufMessage>(
        _ type: Message.Type = Message.self, stream: Int = 1
    ) throws -> [Message] {
        _ = try answers()
        let taken = messages.removeValue(forKey: stream) ?? []
        return try taken.map { try Message(decoding: $0) }
    }

    /// Room for `count` more bytes of answers.
    func allow(_ count: Int, stream: Int) throws {
        for id in [0, stream] { try send(Self.frame(type: 8, stream: id, Self.number(count))) }
    }
}

/// Reads the field blocks of one connection, in order.
private final class FieldDecoder {
    private var inflater: OpaquePointer?

    init() { nghttp2_hd_inflate_new(&inflater) }
    deinit { nghttp2_hd_inflate_del(inflater) }

    func fields(_ block: [UInt8]) -> [String] {
        var lines: [String] = []
        var block = block
        block.withUnsafeMutableBufferPointer { memory in
            var position = 0
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let used = nghttp2_hd_inflate_hd2(
                    inflater, &field, &flags, memory.baseAddress.map { $0 + position },
                    memory.count - position, 1)
                let isField = flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0
                if used < 0 || (used == 0 && !isField) { break }
                position += used
                if isField {
                    let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                    let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                    lines.append(
                        String(decoding: name, as: UTF8.self) + ": "
                            + String(decoding: value, as: UTF8.self))
                }
            }
        }
        nghttp2_hd_inflate_end_headers(inflater)
        return lines
    }
}
