//  A gRPC server on loopback whose answers the tests script.

import EtcdNet
import EtcdProto
import NIOCore
import NIOHTTP1
import RuntimeCore
import Synchronization

/// What a server does with a call of this path once its first message is here.
typealias CallScript = @Sendable (_ call: ServedCall, _ message: Bytes) -> Void

/// Confined to the loop of its connection.
final class ServedCall: RemoteCallReceiver {
    let stream: RemoteCallStream
    let token: String?
    let timeout: String?
    private let server: CallServer
    private let script: CallScript?
    /// Sends more when the client has taken enough.
    var onWritable: (() -> Void)?

    init(
        _ stream: RemoteCallStream, token: String?, timeout: String?, server: CallServer,
        script: CallScript?
    ) {
        self.stream = stream
        self.token = token
        self.timeout = timeout
        self.server = server
        self.script = script
    }

    func send(_ message: some ProtobufMessage) {
        stream.send(size: message.encodedSize) { message.encode(into: &$0) }
    }

    func answer(_ message: some ProtobufMessage) {
        send(message)
        stream.finish()
    }

    func received(_ message: Bytes, flags: UInt8) { script?(self, message) }
    func receivedMalformed(_ error: RemoteCallError) { stream.finish(status: 3, message: "bad") }
    func requestEnded() {}
    func streamClosed() { server.note("closed") }
    func streamBecameWritable() { onWritable?() }
}

final class CallServer: HTTPHandler, RemoteCallHandler {
    let loops = EventLoops(count: 1)
    private let scripts: [String: CallScript]
    private let events = Mutex<[String]>([])
    private let listener = Mutex<Listener?>(nil)

    init(_ scripts: [String: CallScript]) async throws {
        self.scripts = scripts
        let listener = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: self)
        self.listener.withLock { $0 = listener }
    }

    var endpoint: String { "127.0.0.1:\(listener.withLock { $0?.port ?? 0 })" }
    var log: [String] { events.withLock { $0 } }
    func note(_ event: String) { events.withLock { $0.append(event) } }

    /// Waits until `event` has been noted `count` times.
    func wait(for event: String, count: Int = 1) async throws {
        while log.filter({ $0 == event }).count < count {
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    var remoteCalls: (any RemoteCallHandler)? { self }

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(_ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder) {
        responder.respond(status: 404, headers: [:], body: ByteBuffer())
    }

    func begin(_ stream: RemoteCallStream, fields: RequestFields) {
        let path = fields.text(of: ":path") ?? ""
        note(path)
        guard let script = scripts[path] else {
            return stream.finish(status: 12, message: "unknown method \(path)")
        }
        stream.receiver = ServedCall(
            stream, token: fields.text(of: "token"), timeout: fields.text(of: "grpc-timeout"),
            server: self, script: script)
    }

    /// Ends the connections, then the loops.
    func stop() async throws {
        await listener.withLock { $0 }?.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }

    /// Ends the connections; the port is free again.
    func hangUp() async { await listener.withLock { $0 }?.drain(graceMilliseconds: 0) }
}
