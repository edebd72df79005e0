//  One served connection without a socket: what the client sends goes in, what it would see
//  comes out.

import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import EtcdNet

/// What the handler has seen, and the answers it still owes. Confined to the embedded loop.
final class ServerScript {
    var seen: [String] = []
    var owed: [any HTTPResponder] = []
    var sinks: [ScriptedSink] = []
    var sockets: [ScriptedSocket] = []
    var closed = 0
    var writable = 0
}

/// Takes one part at a time, and only when told to.
final class ScriptedSink: HTTPBodySink {
    let responder: any HTTPResponder
    var isPatient: Bool
    var log: [String] = []
    var taken: EventLoopPromise<Void>?
    /// Whether it says that it keeps what it has got.
    var hoards = false
    private(set) var heldBytes = 0

    init(responder: any HTTPResponder, isPatient: Bool) {
        self.responder = responder
        self.isPatient = isPatient
    }

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        log.append(String(buffer: chunk))
        if hoards { heldBytes += chunk.readableBytes }
        guard isPatient else { return responder.eventLoop.makeSucceededVoidFuture() }
        let promise = responder.eventLoop.makePromise(of: Void.self)
        taken = promise
        return promise.futureResult
    }

    func complete() {
        log.append("complete")
        responder.respond(status: 200, headers: [:], body: ByteBuffer(string: log.joined()))
    }

    func fail(_ error: any Error) { log.append("\(error)") }
}

/// The path says what is to be done.
struct ScriptedHandler: HTTPHandler {
    let script: NIOLoopBound<ServerScript>

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        if head.asksForWebSocket, let plan = ScriptedSocket.plan(for: head, script.value) {
            return plan
        }
        switch head.target {
        case "/ignore", "/ignore-stream": return .ignore
        case "/limit": return .collect(maximum: 4)
        case "/early":
            responder.respond(status: 403, headers: [:], body: ByteBuffer(string: "no"))
            return .collect(maximum: 1)
        case "/sink", "/patient", "/hoard":
            let sink = ScriptedSink(
                responder: responder, isPatient: head.target == "/patient")
            sink.hoards = head.target == "/hoard"
            script.value.sinks.append(sink)
            return .stream(sink)
        default: return .collect(maximum: 1 << 20)
        }
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        let script = script.value
        script.seen.append("\(head.method) \(head.target) \(String(buffer: body))")
        responder.onClose = { script.closed += 1 }
        responder.onWritable = { script.writable += 1 }
        switch head.target {
        case "/later":
            script.owed.append(responder)
        case "/stream", "/ignore-stream":
            responder.start(status: 200, headers: ["Content-Type": "text/plain"])
            script.owed.append(responder)
        case "/echo":
            responder.respond(status: 200, headers: [:], body: body)
        case "/host":
            let host = head.headers.first(name: "host") ?? "-"
            responder.respond(status: 200, headers: [:], body: ByteBuffer(string: host))
        case "/empty":
            responder.respond(status: 204, headers: ["X-B": "2", "X-A": "1"], body: body)
        case "/large":
            responder.respond(
                status: 200, headers: [:], body: ByteBuffer(repeating: 120, count: 100_000))
        default:
            responder.respond(
                status: 200,
                headers: ["x-etcd-index": "4\r\nX-Evil: 1", "Content-Type": "text/plain"],
                body: ByteBuffer(string: "hello"))
        }
    }
}

/// The client's end.
final class ServedConnection {
    let channel = EmbeddedChannel()
    let script = ServerScript()
    let loop: ListenerLoop

    init(settings: ListenerSettings = ListenerSettings()) throws {
        let handler = ScriptedHandler(script: NIOLoopBound(script, eventLoop: channel.eventLoop))
        loop = ListenerLoop(eventLoop: channel.eventLoop, settings: settings)
        let demux = ProtocolDemux(loop: loop, handler: handler)
        try channel.pipeline.syncOperations.addHandler(demux)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    func send(_ text: String) throws {
        if channel.isActive { try channel.writeInbound(ByteBuffer(string: text)) }
    }

    func send(_ bytes: [UInt8]) throws {
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
    }

    func endInput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        channel.embeddedEventLoop.run()
    }

    /// The writes since the last call.
    func writes() throws -> [ByteBuffer] {
        channel.embeddedEventLoop.run()
        var all: [ByteBuffer] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            if part.readableBytes > 0 { all.append(part) }
        }
        return all
    }

    /// All bytes since the last call, with every date replaced by `*`.
    func received() throws -> String {
        let text = try writes().map { String(decoding: $0.readableBytesView, as: UTF8.self) }
        return Self.withoutDates(text.joined())
    }

    static func withoutDates(_ text: String) -> String {
        var parts = text.components(between: "Date: ", and: "\r\n")
        for index in parts.indices.dropFirst() {
            parts[index] = "Date: *" + parts[index]
        }
        return parts.joined()
    }

    var isOpen: Bool { channel.isActive }
}

extension String {
    /// Splits at `start`, and drops the `length` bytes of a date after each.
    fileprivate func components(between start: String, and end: String) -> [String] {
        let bytes = Array(utf8)
        let mark = Array(start.utf8)
        var parts: [String] = []
        var from = 0
        var index = 0
        while index + mark.count <= bytes.count {
            if bytes[index..<(index + mark.count)].elementsEqual(mark) {
                parts.append(String(decoding: bytes[from..<index], as: UTF8.self))
                from = min(index + mark.count + HTTPDate.length, bytes.count)
                index = from
            } else {
                index += 1
            }
        }
        parts.append(String(decoding: bytes[from...], as: UTF8.self))
        return parts
    }
}
