//  A method of the v3 API: its names and how to serve one call of it. Services are lists of these;
//  gRPC and the JSON gateway both find them in a `V3MethodTable`.

import EtcdEdge
package import EtcdProto
import Protobuf

/// Names a method and serves its calls.
package struct V3Method: Sendable {
    package enum Kind: Sendable, Hashable {
        /// One request, one response.
        case unary
        /// One request, any number of responses.
        case serverStream
        /// Any number of both, in any order.
        case bidirectional
    }

    /// How a call begins.
    enum Entry: Sendable {
        /// Throws when the request cannot be read; then there is no call.
        case single(@Sendable (V3Payload, V3CallParts) throws(GRPCStatus) -> Void)
        case stream(@Sendable (V3CallParts) throws(GRPCStatus) -> any V3Inlet)
    }

    /// Such as `etcdserverpb.KV`.
    package let service: String
    package let name: String
    package let kind: Kind
    /// Paths of the JSON gateway; empty when it does not serve the method.
    package let gatewayPaths: [String]
    /// Whether a learner serves it.
    package var isForLearners = false
    /// Whether it may change something; a matter of the audit log only.
    var isWrite: Bool { !V3Method.reads.contains(name) }
    let entry: Entry

    /// - Parameter body: answers with `respond` or `fail`, now or later on the call's event loop.
    package static func unary<Request: ProtobufMessage, Response: ProtobufMessage>(
        _ service: String, _ name: String, gateway: String?...,
        body: @escaping @Sendable (Request, V3Call<Response>) -> Void
    ) -> V3Method {
        single(service, name, .unary, gateway.compactMap(\.self), body)
    }

    /// - Parameter body: answers with any number of `send`s and then `finish` or `fail`.
    package static func serverStream<Request: ProtobufMessage, Response: ProtobufMessage>(
        _ service: String, _ name: String, gateway: String?...,
        body: @escaping @Sendable (Request, V3Call<Response>) -> Void
    ) -> V3Method {
        single(service, name, .serverStream, gateway.compactMap(\.self), body)
    }

    /// - Parameter open: makes the receiver of one call's requests. It answers through the call,
    ///   and ends with `finish` or `fail`, usually after `requestsEnded`.
    package static func stream<Request: ProtobufMessage, Response: ProtobufMessage>(
        _ service: String, _ name: String, gateway: String?...,
        open: @escaping @Sendable (V3Call<Response>) -> any V3Receiver<Request>
    ) -> V3Method {
        V3Method(
            service: service, name: name, kind: .bidirectional,
            gatewayPaths: gateway.compactMap(\.self),
            entry: .stream { parts throws(GRPCStatus) in
                let call = V3Call<Response>(parts, audit: try parts.admit([]))
                return ReceiverInlet(receiver: open(call), call: call, counters: parts.counters)
            })
    }

    private static func single<Request: ProtobufMessage, Response: ProtobufMessage>(
        _ service: String, _ name: String, _ kind: Kind, _ gatewayPaths: [String],
        _ body: @escaping @Sendable (Request, V3Call<Response>) -> Void
    ) -> V3Method {
        V3Method(
            service: service, name: name, kind: kind, gatewayPaths: gatewayPaths,
            entry: .single { payload, parts throws(GRPCStatus) in
                let request: Request = try payload.decoded(
                    orSaying: "grpc: error unmarshalling request:")
                let audit = try parts.admit(NamedKeys.all(in: request))
                parts.counters.messageReceived()
                let call = V3Call<Response>(parts, audit: audit)
                if parts.endpoint.slowCalls != nil { call.request = (payload, Request.self) }
                guard let token = parts.metadata.token, parts.gate.awaits(token: token) else {
                    return body(request, call)
                }
                TokenWait(call: call, token: token, gate: parts.gate) { body(request, call) }.look()
            })
    }
}

extension V3Method {
    private static let reads: Set<String> = [
        "AuthStatus", "Check", "Hash", "HashKV", "Leader", "LeaseLeases", "LeaseTimeToLive",
        "MemberList", "Observe", "Range", "RangeStream", "RoleGet", "RoleList", "Snapshot",
        "Status", "UserGet", "UserList", "Watch",
    ]
}

/// What a call is made of, before its types are known.
struct V3CallParts {
    let wire: any V3Wire
    let metadata: CallMetadata
    let edge: HTTPEdge
    let endpoint: V3Endpoint

    var counters: CallCounters { endpoint.counters }
    var gate: CallGate { endpoint.gate }

    /// For calls that end with the loss of the leader.
    var leaderWatch: LeaderWatch? {
        metadata.requiresLeader && endpoint.rules.isStreaming
            ? endpoint.gate.leaderWatch(of: edge) : nil
    }
}

/// What the checks before a call want to know of its method.
struct CallRules: Sendable {
    /// In gRPC's form, such as `/etcdserverpb.KV/Put`.
    let path: String
    let isStreaming: Bool
    let isWrite: Bool
    /// Whether a learner serves it.
    let isForLearners: Bool
}

/// Decodes requests for a receiver.
private final class ReceiverInlet<Request: ProtobufMessage, Response: ProtobufMessage>: V3Inlet {
    private let receiver: any V3Receiver<Request>
    private let call: V3Call<Response>
    private let counters: CallCounters
    private var messages = 0
    private var hasEnded = false

    init(receiver: any V3Receiver<Request>, call: V3Call<Response>, counters: CallCounters) {
        self.receiver = receiver
        self.call = call
        self.counters = counters
        call.onClose = { receiver.closed() }
    }

    func receive(_ payload: V3Payload) {
        guard call.isOpen, !hasEnded else { return }
        do throws(GRPCStatus) {
            let request: Request = try payload.decoded(
                orSaying: "grpc: failed to unmarshal the received message:")
            counters.messageReceived()
            messages += 1
            receiver.receive(request)
        } catch {
            counters.messageUnreadable()
            guard case .json = payload else { return call.interrupt(error) }
            // As in etcd's gateway, a first message that cannot be read fails the call without a
            // code of its own, and a later one ends the requests without a word.
            if messages > 0 { return requestsEnded() }
            call.interrupt(GRPCStatus(.unknown, error.message))
        }
    }

    func interrupt(_ status: GRPCStatus) { call.interrupt(status) }

    func requestsEnded() {
        if hasEnded { return }
        hasEnded = true
        if call.isOpen { receiver.requestsEnded() }
    }
}

extension V3Payload {
    func decoded(as type: any ProtobufMessage.Type) throws(GRPCStatus) -> any ProtobufMessage {
        func open<Message: ProtobufMessage>(_: Message.Type) throws(GRPCStatus) -> Message {
            try decoded(orSaying: "")
        }
        return try open(type)
    }

    /// The message, or why there is none, in the words of the libraries that etcd uses.
    func decoded<Message: ProtobufMessage>(
        orSaying prefix: StaticString
    ) throws(GRPCStatus) -> Message {
        switch self {
        case .protobuf(let bytes):
            do throws(ProtobufError) {
                return try Message(decoding: bytes)
            } catch {
                let reason = if case .truncated = error { "unexpected EOF" } else { "\(error)" }
                throw GRPCStatus(.internal, "\(prefix) \(reason)")
            }
        case .json(let value):
            do throws(ProtobufJSONError) {
                return try Message(json: value)
            } catch {
                throw GRPCStatus(.invalidArgument, "\(error)")
            }
        }
    }
}
