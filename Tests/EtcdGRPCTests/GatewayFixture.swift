//  A client of the JSON gateway of a lone member.

import EtcdNet
import LoneMember
import NIOCore
import NIOEmbedded
import Simulator

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdGRPC

/// Remembers what a handler answers.
final class RecordingResponder: HTTPResponder {
    let loop: EmbeddedEventLoop
    var eventLoop: any EventLoop { loop }
    var isOpen = true
    var isWritable = true
    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?
    private(set) var status: Int?
    private(set) var headers = HTTPHeaders()
    private(set) var body = ""
    private(set) var isFinished = false

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        start(status: status, headers: headers)
        write(body)
        finish()
    }

    func start(status: Int, headers: HTTPHeaders) {
        precondition(self.status == nil, "answered twice")
        self.status = status
        self.headers = headers
    }

    func write(_ part: ByteBuffer) {
        precondition(!isFinished, "a part after the end")
        body += String(buffer: part)
    }

    func finish() {
        precondition(!isFinished, "ended twice")
        isFinished = true
    }

    func abort() { isFinished = true }

    /// The client goes away.
    func close() {
        isOpen = false
        let callback = onClose
        onClose = nil
        callback?()
    }

    func becomeWritable() {
        isWritable = true
        onWritable?()
    }
}

/// The gateway of a lone member, used the way a connection does.
final class GatewayFixture {
    let member: LoneMember
    let table: V3MethodTable
    let gateway: GatewayHandler

    init(_ more: [V3Method] = []) throws {
        member = try LoneMember()
        let methods =
            KVService(handler: member.handler).methods
            + WatchService(handler: member.handler).methods
            + LeaseService(handler: member.handler, relay: NoRelay()).methods
            + LockService.methods(member.handler) + ElectionService.methods(member.handler)
            + more
        table = V3MethodTable(methods, facts: member.handler, edges: member.edges)
        gateway = GatewayHandler(table: table, edges: member.edges, maxRequestBytes: 1 << 20)
    }

    static func head(_ method: String, _ target: String, _ headers: [(String, String)])
        -> HTTPRequestHead
    {
        HTTPRequestHead(
            method: method, target: target, headers: HTTPHeaders(headers), version: .http11,
            connection: ConnectionFacts(
                remoteAddress: "127.0.0.1:1", localAddress: "127.0.0.1:2379"))
    }

    /// A whole request; served as far as it goes.
    @discardableResult
    func post(
        _ path: String, _ body: String, _ headers: [(String, String)] = [],
        method: String = "POST"
    ) -> RecordingResponder {
        let (responder, sink) = begin(path, headers, method: method, body: body)
        if let sink {
            if !body.isEmpty { _ = sink.receive(ByteBuffer(string: body)) }
            sink.complete()
        }
        member.run()
        return responder
    }

    /// A request whose body is a stream that the test goes on with.
    func open(_ path: String, _ headers: [(String, String)] = []) -> (
        RecordingResponder, any HTTPBodySink
    )? {
        let (responder, sink) = begin(path, headers, method: "POST", body: "")
        return sink.map { (responder, $0) }
    }

    private func begin(
        _ path: String, _ headers: [(String, String)], method: String, body: String
    ) -> (RecordingResponder, (any HTTPBodySink)?) {
        let head = GatewayFixture.head(method, path, headers)
        let responder = RecordingResponder(member.loop)
        switch gateway.plan(for: head, responder: responder) {
        case .collect:
            gateway.handle(head, body: ByteBuffer(string: body), responder: responder)
        case .ignore: gateway.handle(head, body: ByteBuffer(), responder: responder)
        case .stream(let sink): return (responder, sink)
        case .webSocket: responder.abort()
        }
        return (responder, nil)
    }
}
