//  The server's end of a WebSocket as a test directs it, and the client's frames.

import NIOCore

@testable import EtcdNet

/// Notes every message and echoes it, unless told to be patient: then it takes one at a time.
final class ScriptedSocket: HTTPBodySink {
    static let bytesMax = 1_000

    let writer: any WebSocketWriter
    let isPatient: Bool
    var log: [String] = []
    var closed = 0
    var writable = 0
    var taken: EventLoopPromise<Void>?

    init(_ writer: any WebSocketWriter, isPatient: Bool) {
        self.writer = writer
        self.isPatient = isPatient
        writer.onClose = { [unowned self] in closed += 1 }
        writer.onWritable = { [unowned self] in writable += 1 }
    }

    static func plan(for head: HTTPRequestHead, _ script: ServerScript) -> HTTPBodyPlan? {
        guard ["/echo", "/patient"].contains(head.target),
            WebSocketHandshake.refusal(of: head) == nil
        else { return nil }
        return .webSocket(
            WebSocketPlan(subprotocol: "Bearer", messageBytesMax: bytesMax) { writer in
                let socket = ScriptedSocket(writer, isPatient: head.target == "/patient")
                script.sockets.append(socket)
                return socket
            })
    }

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        log.append(String(buffer: chunk))
        guard isPatient else {
            writer.send(text: chunk)
            return writer.eventLoop.makeSucceededVoidFuture()
        }
        let promise = writer.eventLoop.makePromise(of: Void.self)
        taken = promise
        return promise.futureResult
    }

    func complete() { log.append("complete") }
    func fail(_ error: any Error) { log.append("\(error)") }
}

/// A frame as a client sends it, honest unless told otherwise.
struct ClientFrame {
    var first: UInt8
    var payload: [UInt8]
    var isMasked = true
    /// Stated instead of the true one.
    var length: UInt64?

    static func text(_ text: String, isLast: Bool = true) -> ClientFrame {
        ClientFrame(first: isLast ? 0x81 : 0x01, payload: Array(text.utf8))
    }

    static func rest(_ text: String, isLast: Bool = true) -> ClientFrame {
        ClientFrame(first: isLast ? 0x80 : 0x00, payload: Array(text.utf8))
    }

    static func ping(_ text: String) -> ClientFrame {
        ClientFrame(first: 0x89, payload: Array(text.utf8))
    }

    static func close(_ payload: [UInt8]) -> ClientFrame {
        ClientFrame(first: 0x88, payload: payload)
    }

    var wire: [UInt8] {
        let length = length ?? UInt64(payload.count)
        let mask: UInt8 = isMasked ? 0x80 : 0
        var bytes = [first]
        switch length {
        case ...125: bytes.append(mask | UInt8(length))
        case ...0xFFFF:
            bytes += [mask | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
        default:
            bytes.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(shift)))
            }
        }
        guard isMasked else { return bytes + payload }
        let key: [UInt8] = [0x12, 0xFE, 0x00, 0xA7]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }
}
