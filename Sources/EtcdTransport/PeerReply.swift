//  Answers on the peer port, byte for byte as Go's HTTP library and etcd give them.

import EtcdMembership
import EtcdNet
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

    func methodNotAllowed(_ allowed: String) {
        error(405, "Method Not Allowed", ["Allow": allowed])
    }

    /// Without the cluster's id.
    func bare(_ status: Int, _ type: String, _ text: String) {
        bare(status, type, Array(text.utf8))
    }

    func bare(_ status: Int, _ type: String, _ body: [UInt8]) { send(status, type, body, [:]) }

    /// What became of a message.
    func verdict(_ delivery: PeerDelivery) {
        let reason: String
        switch delivery {
        case .complete: return noContent()
        case .removedSender: reason = "cannot process message from removed member"
        case .wrongReceiver: reason = "cannot process message to mismatch member"
        }
        json(403, Array("{\"message\":\"\(reason)\"}".utf8))
    }

    func promoted(_ outcome: PeerPromotion) {
        switch outcome {
        case .promoted(let members):
            json(200, memberListJSON(members) + [UInt8(ascii: "\n")])
        case .notFound: error(404, "membership: ID not found")
        case .notLearner: error(412, "membership: can only promote a learner member")
        case .notReady:
            error(
                412,
                "etcdserver: can only promote a learner member which is in sync with leader")
        case .timeout: error(408, "etcdserver: request timed out")
        case .failed(let reason): error(500, reason)
        }
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
