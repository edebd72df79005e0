//  Whole connections: bytes in, handlers that answer in every way, the client gone in the end.

import EtcdNet
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// Does what the first letter of the path says.
private struct AnyHandler: EtcdNet.HTTPHandler {
    var remoteCalls: (any RemoteCallHandler)? { nil }

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        if head.asksForWebSocket, WebSocketHandshake.refusal(of: head) == nil {
            return .webSocket(
                WebSocketPlan(subprotocol: nil, messageBytesMax: 1_000) { AnySocket($0) })
        }
        switch letter(of: head) {
        case "i": return .ignore
        case "s": return .stream(AnySink(responder))
        case "e":
            responder.respond(status: 403, headers: [:], body: ByteBuffer())
            return .ignore
        default: return .collect(maximum: 4_096)
        }
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        switch letter(of: head) {
        case "l": responder.onClose = {}
        case "a": responder.abort()
        case "f":
            responder.start(status: 200, headers: ["Content-Length": "3"])
            responder.write(body)
            responder.finish()
        case "d":
            responder.start(status: 200, headers: [:])
            responder.write(body)
            responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
                responder.finish()
            }
        default: responder.respond(status: 200, headers: ["X-A": head.target], body: body)
        }
    }

    private func letter(of head: EtcdNet.HTTPRequestHead) -> Character {
        head.target.dropFirst().first ?? "/"
    }
}

private final class AnySink: HTTPBodySink {
    private let responder: any HTTPResponder
    private var ends = 0

    init(_ responder: any HTTPResponder) { self.responder = responder }

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        promise(ends == 0, "a part after the end of the body")
        return responder.eventLoop.makeSucceededVoidFuture()
    }

    func complete() {
        ends += 1
        promise(ends == 1, "the body ended twice")
        responder.respond(status: 200, headers: [:], body: ByteBuffer())
    }

    func fail(_ error: any Error) {
        ends += 1
        promise(ends == 1, "the body ended twice")
    }
}

private final class AnySocket: HTTPBodySink {
    private let writer: any WebSocketWriter

    init(_ writer: any WebSocketWriter) { self.writer = writer }

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        promise(chunk.readableBytes <= 1_000, "a message over the bound")
        writer.send(text: chunk)
        return writer.eventLoop.makeSucceededVoidFuture()
    }

    func complete() {}
    func fail(_ error: any Error) {}
}

enum HTTPFuzzing {
    /// Bytes that one connection may hold or answer with, per byte that it sent.
    private static let answerBytesMax = 64 << 20

    static func http1(_ input: [UInt8]) { serve([], FuzzPieces(input)) }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func http2(_ input: [UInt8]) { serve(preface, FuzzPieces(input)) }

    private static let handshake = Array(
        ("GET /w HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            .utf8)

    static func webSocket(_ input: [UInt8]) { serve(handshake, FuzzPieces(input)) }

    private static func serve(_ start: [UInt8], _ pieces: FuzzPieces) {
        let channel = EmbeddedChannel()
        do {
            try EtcdNet.serve(channel, handler: AnyHandler())
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            var answered = 0
            for part in [start[...]] + pieces.parts where !part.isEmpty && channel.isActive {
                // Errors that nobody took are the channel's to remember, not of interest here.
                _ = try? channel.writeInbound(ByteBuffer(bytes: part))
                channel.embeddedEventLoop.run()
                while let out = try? channel.readOutbound(as: ByteBuffer.self) {
                    answered += out.readableBytes
                }
            }
            promise(answered <= answerBytesMax, "\(answered) bytes of answers")
            channel.embeddedEventLoop.advanceTime(by: .seconds(2))
            if channel.isActive {
                channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
                channel.embeddedEventLoop.run()
            }
            _ = try? channel.finish(acceptAlreadyClosed: true)
            channel.embeddedEventLoop.advanceTime(by: .minutes(5))
        } catch {
            preconditionFailure("the connection could not be set up: \(error)")
        }
    }
}
