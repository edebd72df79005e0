//  One call over the JSON gateway: messages become JSON documents in an HTTP response.

import EtcdNet
import EtcdProto
import NIOCore
import Protobuf
import RuntimeCore

/// The wire of one gateway exchange. Lives until the call has ended; confined to its event loop.
final class GatewayCall: V3Wire {
    /// `nil` once the call has ended.
    private var responder: (any HTTPResponder)?
    private let isStreaming: Bool
    private var hasStarted = false
    /// The answer of a unary call.
    private var answer: [UInt8]?
    var client: (any V3WireClient)?
    /// Where requests come from, if they come as a stream; held until they have ended.
    var requests: GatewayRequests?

    init(responder: any HTTPResponder, isStreaming: Bool) {
        self.responder = responder
        self.isStreaming = isStreaming
        responder.onClose = { self.abandon() }
        responder.onWritable = { self.client?.wireBecameWritable() }
    }

    /// The client is gone.
    func abandon() {
        let client = client
        release()
        client?.wireClosed()
    }

    // MARK: V3Wire

    var isOpen: Bool { responder?.isOpen ?? false }
    var isWritable: Bool { responder?.isWritable ?? false }

    func send<Message: ProtobufMessage>(_ message: Message) throws(GRPCStatus) {
        guard let responder else { return }
        // Nothing is written of what is too long by itself. JSON may be several times as long, but
        // has the same bound: buffers end at twice that, a write through TLS right there.
        try GRPCStatus.check(answerBytes: message.measure())
        guard isStreaming else {
            if answer == nil {
                var json: [UInt8] = []
                message.writeJSON(into: &json)
                try GRPCStatus.check(answerBytes: json.count)
                answer = json
            }
            return
        }
        var line = Array("{\"result\":".utf8)
        message.writeJSON(into: &line)
        line += [UInt8(ascii: "}"), UInt8(ascii: "\n")]
        try GRPCStatus.check(answerBytes: line.count)
        if !hasStarted {
            hasStarted = true
            responder.start(status: 200, headers: GatewayAnswer.successHeaders)
        }
        responder.write(ByteBuffer(bytes: line))
    }

    func send<Message: ProtobufMessage>(
        _ type: Message.Type, size: Int, _ write: (inout [UInt8]) -> Void
    ) throws(GRPCStatus) {
        try GRPCStatus.check(answerBytes: size)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        write(&bytes)
        precondition(bytes.count == size, "a message of another size than stated")
        let message: Message
        do throws(ProtobufError) {
            message = try Message(decoding: Bytes(bytes))
        } catch {
            preconditionFailure("a message that we have encoded ourselves: \(error)")
        }
        try send(message)
    }

    func finish() {
        guard let responder else { return }
        let answer = answer
        release()
        if isStreaming {
            if !hasStarted { responder.start(status: 200, headers: GatewayAnswer.otherHeaders) }
            responder.finish()
        } else {
            responder.respond(
                status: 200, headers: GatewayAnswer.successHeaders,
                body: ByteBuffer(bytes: answer ?? Array("{}".utf8)))
        }
    }

    func fail(_ status: GRPCStatus) {
        guard let responder else { return }
        release()
        if hasStarted {
            responder.write(GatewayAnswer.finalPart(status))
            responder.finish()
        } else {
            GatewayAnswer.fail(status, responder)
        }
    }

    func holdRequests() { requests?.hold() }
    func resumeRequests() { requests?.resume() }

    /// Lets go of everything, which breaks the cycles between responder, call and service.
    private func release() {
        responder?.onClose = nil
        responder?.onWritable = nil
        responder = nil
        client = nil
        answer = nil
        requests?.stop()
        requests = nil
    }
}
