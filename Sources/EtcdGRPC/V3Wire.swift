//  Where the messages of one v3 call go: a gRPC stream, or an exchange of the JSON gateway.

package import EtcdProto
package import Protobuf
package import RuntimeCore

/// The client's end of one call. Confined to its event loop.
///
/// Any number of `send`s, then `finish` or `fail` once. Calls after the end are ignored.
package protocol V3Wire: AnyObject {
    /// False once the call has ended, for whatever reason.
    var isOpen: Bool { get }
    /// False while more waits to be sent than the transport likes to hold.
    var isWritable: Bool { get }
    /// Learns of the end and of writability; held until the call has ended.
    var client: (any V3WireClient)? { get set }

    /// Throws when the message is too long; then it was not sent, and the call goes on.
    func send<Message: ProtobufMessage>(_ message: Message) throws(GRPCStatus)
    /// A message that is already encoded in parts: `write` appends exactly `size` bytes of a
    /// `Message`'s protobuf form. It is not called for a message that is too long.
    func send<Message: ProtobufMessage>(
        _ type: Message.Type, size: Int, _ write: (inout [UInt8]) -> Void
    ) throws(GRPCStatus)
    func finish()
    func fail(_ status: GRPCStatus)

    /// No further request is handed over until `resumeRequests`; meanwhile the client's window
    /// closes. For calls that take a stream of requests.
    func holdRequests()
    func resumeRequests()
}

/// What a wire reports to.
package protocol V3WireClient: AnyObject {
    /// The client is gone, or has cancelled the call, before it was finished. Called once.
    func wireClosed()
    /// `isWritable` is true again.
    func wireBecameWritable()
}

/// A request message in the form in which it arrived.
package enum V3Payload: Sendable {
    case protobuf(Bytes)
    case json(JSONValue)
}

/// The receiving end of a call with a stream of requests. Called on the call's event loop, in the
/// order in which things arrive.
package protocol V3Receiver<Request>: AnyObject {
    associatedtype Request: ProtobufMessage

    func receive(_ request: Request)
    /// The client sends no more requests; it may still listen.
    func requestsEnded()
    /// The call has ended without the receiver's doing: the client is gone, its time is up, or the
    /// leader it insisted on is lost. The last call.
    func closed()
}

/// Where the requests of a streaming call go, whatever their type: the wire's way to the receiver.
package protocol V3Inlet: AnyObject {
    /// A payload that cannot be read ends the call.
    func receive(_ payload: V3Payload)
    func requestsEnded()
    /// The wire cannot go on reading.
    func interrupt(_ status: GRPCStatus)
}
