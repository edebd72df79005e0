//  One gRPC call between its stream and the method that serves it.

import EtcdEdge
import EtcdNet
import EtcdProto
import RuntimeCore

/// Collects the request of a call and carries its answer. Lives until the call has ended; confined
/// to its event loop.
final class GRPCCall: V3Wire, RemoteCallReceiver {
    /// `nil` once the call has ended.
    private var stream: RemoteCallStream?
    private let endpoint: V3Endpoint
    private let encoding: CallEncoding
    private let metadata: CallMetadata
    private let edge: HTTPEdge
    private let traffic: ClientTraffic
    var client: (any V3WireClient)?

    /// Takes the requests of a streaming call.
    private var inlet: (any V3Inlet)?
    /// The only request of other calls.
    private var request: Bytes?

    init(
        stream: RemoteCallStream, endpoint: V3Endpoint, encoding: CallEncoding,
        metadata: CallMetadata, edge: HTTPEdge, traffic: ClientTraffic
    ) {
        self.stream = stream
        self.endpoint = endpoint
        self.encoding = encoding
        self.metadata = metadata
        self.edge = edge
        self.traffic = traffic
    }

    func begin() {
        guard endpoint.method.kind == .bidirectional else { return }
        inlet = endpoint.open(on: self, metadata: metadata, edge: edge)
    }

    // MARK: RemoteCallReceiver

    func received(_ message: Bytes, flags: UInt8) {
        guard let stream else { return }
        traffic.messageReceived(bytes: message.count)
        var message = message
        if flags != 0 {
            do throws(GRPCStatus) {
                message = try encoding.decoded(
                    message, flags: flags, bytesMax: stream.messageBytesMax)
            } catch {
                return interrupt(error)
            }
        }
        if let inlet {
            inlet.receive(.protobuf(message))
        } else if request == nil {
            request = message
            stream.keptBytes = message.count
        } else {
            interrupt(
                GRPCStatus(
                    .internal,
                    "cardinality violation: received multiple request messages for "
                        + "non-client-streaming RPC"))
        }
    }

    func receivedMalformed(_ error: RemoteCallError) {
        switch error {
        case .tooLarge(let size):
            let limit = stream?.messageBytesMax ?? 0
            interrupt(
                GRPCStatus(
                    .resourceExhausted,
                    "grpc: received message larger than max (\(size) vs. \(limit))"))
        case .truncated: interrupt(GRPCStatus(.internal, "unexpected EOF"))
        }
    }

    func requestEnded() {
        if let inlet { return inlet.requestsEnded() }
        guard let request else {
            return interrupt(
                GRPCStatus(
                    .internal,
                    "cardinality violation: received no request message from "
                        + "non-client-streaming RPC"))
        }
        // The call may last long after it has been served.
        self.request = nil
        endpoint.serve(.protobuf(request), on: self, metadata: metadata, edge: edge)
    }

    func streamClosed() {
        let client = client
        release()
        client?.wireClosed()
    }

    func streamBecameWritable() { client?.wireBecameWritable() }

    /// Ends the call whoever serves it.
    private func interrupt(_ status: GRPCStatus) {
        if let inlet { inlet.interrupt(status) } else { fail(status) }
    }

    // MARK: V3Wire

    var isOpen: Bool { stream?.isOpen ?? false }
    var isWritable: Bool { stream?.isWritable ?? false }

    func send<Message: ProtobufMessage>(_ message: Message) throws(GRPCStatus) {
        let size = message.measure()
        try send(size: size) { message.encode(into: &$0, size: size) }
    }

    func send<Message: ProtobufMessage>(
        _ type: Message.Type, size: Int, _ write: (inout [UInt8]) -> Void
    ) throws(GRPCStatus) {
        try send(size: size, write)
    }

    private func send(size: Int, _ write: (inout [UInt8]) -> Void) throws(GRPCStatus) {
        guard let stream, stream.isOpen else { return }
        try GRPCStatus.check(answerBytes: size)
        stream.send(size: size) { output in
            let start = output.count
            write(&output)
            precondition(output.count - start == size, "a message of another size than stated")
        }
        traffic.messageSent(bytes: size)
    }

    func finish() {
        guard let stream else { return }
        release()
        stream.finish()
    }

    func fail(_ status: GRPCStatus) {
        guard let stream else { return }
        release()
        stream.finish(status: status.code.rawValue, message: status.message)
    }

    func holdRequests() { stream?.holdInput() }
    func resumeRequests() { stream?.resumeInput() }

    /// Lets go of everything, which breaks the cycles between stream, call and service.
    private func release() {
        stream = nil
        client = nil
        inlet = nil
        request = nil
    }
}
