//  Answers on the peer port, byte for byte as Go's HTTP library and etcd give them.

import EtcdNet
import EtcdProto
import NIOCore
import NIOHTTP1

/// The way back to one request. Confined to the event loop of its responder.
struct PeerReply {
    let responder: any HTTPResponder
    let identity: PeerIdentity
    /// Further ones for every answer.
    var headers: HTTPHeaders

    init(responder: any HTTPResponder, identity: PeerIdentity, headers: HTTPHeaders = [:]) {
        self.responder = responder
        self.identity = identity
        self.headers = headers
        self.headers.add(name: PeerHeader.clusterID, value: identity.clusterIDText)
    }

    func noContent() { responder.respond(status: 204, headers: headers, body: ByteBuffer()) }

    func json(_ status: Int, _ body: [UInt8]) { send(status, "application/json", body, headers) }

    func plain(_ status: Int, _ text: String) {
        send(status, "text/plain", Array(text.utf8), headers)
    }

    /// A refusal in words.
    func error(_ status: Int, _ text: String) { error(status, text, headers) }

    /// Without the cluster's id, which etcd adds only after it has checked path and method.
    func notFound() { error(404, "404 page not found", [:]) }

    func methodNotAllowed(_ allowed: String?) {
        error(405, "Method Not Allowed", allowed.map { ["Allow": $0] } ?? [:])
    }

    /// A refusal in words without the cluster's id.
    func bareError(_ status: Int, _ text: String) { error(status, text, [:]) }

    /// Without the cluster's id.
    func bare(_ status: Int, _ type: String, _ text: String) {
        bare(status, type, Array(text.utf8))
    }

    func bare(_ status: Int, _ type: String, _ body: [UInt8]) { send(status, type, body, [:]) }

    /// The message is not of a type that comes by this way.
    func wrongType() { error(400, "wrong raft message type") }

    /// What became of a message.
    func verdict(_ delivery: PeerDelivery) {
        let reason: String
        switch delivery {
        case .complete: return noContent()
        case .removedSender: reason = "cannot process message from removed member"
        case .wrongReceiver: reason = "cannot process message to mismatch member"
        case .snapshotAlone: return wrongType()
        }
        json(403, Array("{\"message\":\"\(reason)\"}".utf8))
    }

    /// Without the cluster's id.
    func protobuf(_ message: some ProtobufMessage) {
        var bytes: [UInt8] = []
        message.encode(into: &bytes)
        bare(200, "application/protobuf", bytes)
    }

    // MARK: Refusals of services

    /// - Parameter otherwise: the status of errors that have none of their own.
    func leaseError(_ error: PeerServiceError, otherwise: Int) {
        switch error {
        case .leaseNotFound: bareError(404, error.description)
        case .notCaughtUp, .timeout:
            bareError(408, PeerServiceError.notCaughtUp.description)
        default: bareError(otherwise, error.description)
        }
    }

    func promotionError(_ failure: PeerServiceError) {
        switch failure {
        case .memberNotFound: error(404, failure.description)
        case .memberNotLearner, .learnerNotReady: error(412, failure.description)
        case .timeout: error(408, failure.description)
        default: error(500, failure.description)
        }
    }

    /// For answers that come from other threads.
    var onLoop: PeerReplyOnLoop {
        PeerReplyOnLoop(reply: NIOLoopBound(self, eventLoop: responder.eventLoop))
    }

    private func error(_ status: Int, _ text: String, _ extra: HTTPHeaders) {
        var headers = extra
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        send(status, "text/plain; charset=utf-8", Array("\(text)\n".utf8), headers)
    }

    private func send(_ status: Int, _ type: String, _ body: [UInt8], _ extra: HTTPHeaders) {
        var headers = extra
        headers.add(name: "Content-Type", value: type)
        responder.respond(status: status, headers: headers, body: ByteBuffer(bytes: body))
    }
}

/// A reply that any thread may give.
struct PeerReplyOnLoop: Sendable {
    fileprivate let reply: NIOLoopBound<PeerReply>

    func give(_ body: @escaping @Sendable (PeerReply) -> Void) {
        let reply = reply
        reply.eventLoop.execute { body(reply.value) }
    }
}
