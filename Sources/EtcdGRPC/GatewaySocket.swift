//  One call of the JSON gateway over a WebSocket: the client's messages are the body of a request,
//  the lines of the answer are messages to the client (spec grpc-v3 13).

import EtcdEdge
import EtcdNet
import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// The way back of a gateway call that ends with the socket. Status and header of the answer are
/// lost, as with etcd. Confined to its event loop.
final class GatewaySocket: HTTPResponder, HTTPBodySink {
    private let writer: any WebSocketWriter
    /// `nil` while there is nobody to take requests.
    var requests: GatewayRequests?

    init(_ writer: any WebSocketWriter) { self.writer = writer }

    // MARK: HTTPResponder

    var eventLoop: any EventLoop { writer.eventLoop }
    var isOpen: Bool { writer.isOpen }
    var isWritable: Bool { writer.isWritable }

    var onClose: (() -> Void)? {
        get { writer.onClose }
        set { writer.onClose = newValue }
    }

    var onWritable: (() -> Void)? {
        get { writer.onWritable }
        set { writer.onWritable = newValue }
    }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        write(body)
        finish()
    }

    func start(status: Int, headers: HTTPHeaders) {}

    /// - Parameter part: whole lines; the end of the last one may be missing.
    func write(_ part: ByteBuffer) {
        var rest = part
        while rest.readableBytes > 0 {
            let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
            let length = end.map { $0 - rest.readerIndex } ?? rest.readableBytes
            let line = rest.readSlice(length: length)
            if end != nil { rest.moveReaderIndex(forwardBy: 1) }
            if let line, line.readableBytes > 0 { writer.send(text: line) }
        }
    }

    func finish() { writer.finish() }
    func abort() { writer.abort() }

    // MARK: HTTPBodySink

    /// Messages are lines to the gateway, so that a number ends with its message.
    func receive(_ message: ByteBuffer) -> EventLoopFuture<Void> {
        guard let requests else { return eventLoop.makeSucceededVoidFuture() }
        var line = message
        line.writeInteger(UInt8(ascii: "\n"))
        return requests.receive(line)
    }

    func complete() { requests?.complete() }

    func fail(_ error: any Error) {
        let requests = requests
        self.requests = nil
        requests?.fail(error)
    }
}

/// Serves a call with a single request once that has come; etcd 3.5 alone waits for the end of the
/// input, which is the end of the socket, so that such calls never get an answer from it.
final class GatewaySingleRequest: V3Inlet {
    private let call: GatewayCall
    private let endpoint: V3Endpoint
    private let metadata: CallMetadata
    private let edge: HTTPEdge
    private var isServed = false

    init(call: GatewayCall, endpoint: V3Endpoint, metadata: CallMetadata, edge: HTTPEdge) {
        self.call = call
        self.endpoint = endpoint
        self.metadata = metadata
        self.edge = edge
    }

    func receive(_ payload: V3Payload) {
        guard !isServed else { return }
        isServed = true
        endpoint.serve(payload, on: call, metadata: metadata, edge: edge)
    }

    func requestsEnded() {}

    /// Only what cannot be read as JSON comes here.
    func interrupt(_ status: GRPCStatus) {
        call.fail(GRPCStatus(.invalidArgument, status.message))
    }
}
