//  The peer port: what other members may ask of this one (spec peer-and-disk 2).

import EtcdMembership
package import EtcdNet
import EtcdProto
import Logging
package import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore

/// Serves the peer port. Every answer is given on the event loop of its request.
package struct PeerHTTPHandler: HTTPHandler {
    /// A post carries one message of about a megabyte, or one entry of what a client may write.
    private static let messageBytesMax = 64 << 20

    private let transport: PeerTransport
    private let versionJSON: @Sendable () -> [UInt8]
    let services: (any PeerServices)?

    /// - Parameters:
    ///   - versionJSON: what `/version` answers, as on the client port.
    ///   - services: answers what is not about raft; without it those paths do not exist.
    package init(
        transport: PeerTransport, versionJSON: @escaping @Sendable () -> [UInt8],
        services: (any PeerServices)? = nil
    ) {
        self.transport = transport
        self.versionJSON = versionJSON
        self.services = services
    }

    package func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder)
        -> HTTPBodyPlan
    {
        let path = PeerPath(head.target)
        guard path.method == head.method else { return .ignore }
        switch path {
        case .leaseRenewal, .leaseTimeToLive, .hashKV:
            return .collect(maximum: Self.serviceBytesRead)
        case .message, .snapshot:
            if transport.identity.incompatibility(of: head.headers) != nil { return .ignore }
        default: return .ignore
        }
        if path == .message { return .collect(maximum: Self.messageBytesMax) }
        rememberSender(head)
        let release =
            PeerIdentity.release(head.headers, PeerHeader.version)
            ?? PeerRelease(major: 2, minor: 0)
        return .stream(
            SnapshotReceiver(transport: transport, reply: reply(responder), release: release))
    }

    package func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        let path = PeerPath(head.target)
        if let method = path.method, method != head.method {
            reply(responder).methodNotAllowed(path.tellsMethod ? method : nil)
            return
        }
        switch path {
        case .message, .snapshot:
            if let refusal = transport.identity.incompatibility(of: head.headers) {
                reply(responder).error(412, refusal)
            } else {
                rememberSender(head)
                // A snapshot that is welcome is streamed and does not come here.
                receive(body, reply(responder))
            }
        case .stream(let kind, let from): open(kind, from, head, responder)
        case .probing:
            let text = PeerProbe.answer(at: transport.clock.now().wall)
            reply(responder).bare(200, "text/plain; charset=utf-8", text)
        case .members:
            let list = memberListJSON(transport.members.list)
            reply(responder).json(200, list + [UInt8(ascii: "\n")])
        case .version: reply(responder).bare(200, "application/json", versionJSON())
        case .promote, .hashKV, .leaseRenewal, .leaseTimeToLive, .downgradeEnabled:
            serve(path, head, body: body, reply(responder))
        case .unknown: reply(responder).notFound()
        }
    }

    private func reply(_ responder: any HTTPResponder) -> PeerReply {
        PeerReply(responder: responder, identity: transport.identity)
    }

    /// An unknown sender says where it can be reached: without that it could never be told what
    /// the log says of it.
    private func rememberSender(_ head: EtcdNet.HTTPRequestHead) {
        guard let id = MemberID(hexadecimal: head.headers.first(name: PeerHeader.from) ?? "")
        else { return }
        remember(id, head)
    }

    private func remember(_ id: MemberID, _ head: EtcdNet.HTTPRequestHead) {
        let urls = head.headers.first(name: PeerHeader.peerURLs) ?? ""
        if urls.isEmpty { return }
        transport.remember(id, urls: urls.split(separator: ",").map(String.init))
    }

    // MARK: Messages

    private func receive(_ body: ByteBuffer, _ reply: PeerReply) {
        let message: Message
        do {
            message = try Message(decoding: Bytes(Array(body.readableBytesView)))
            try PeerMessageCheck.check(message)
        } catch {
            transport.logger.warning(
                "failed to unmarshal Raft message", metadata: ["error": "\(error)"])
            reply.error(400, "error unmarshalling raft message")
            return
        }
        transport.peer(message.from)?.context.counters.received(bytes: body.readableBytes)
        reply.verdict(transport.deliver([message]))
    }

    private func open(
        _ kind: PeerStreamKind?, _ from: Substring, _ head: EtcdNet.HTTPRequestHead,
        _ responder: any HTTPResponder
    ) {
        let identity = transport.identity
        let reply = PeerReply(
            responder: responder, identity: identity,
            headers: [PeerHeader.version: identity.serverVersion])
        if let refusal = identity.incompatibility(of: head.headers) {
            return reply.error(412, refusal)
        }
        guard let kind else { return reply.error(404, "invalid path") }
        guard let id = MemberID(hexadecimal: from) else { return reply.error(404, "invalid from") }
        if transport.members.isRemoved(id) {
            transport.logger.warning(
                "rejected stream from remote peer because it was removed",
                metadata: ["remote-peer-id-stream-handler": "\(id)"])
            return reply.error(410, PeerRefusal.removedMember)
        }
        guard let peer = transport.peer(id) else {
            remember(id, head)
            return reply.error(404, "error sender not found")
        }
        if head.headers.first(name: PeerHeader.to) != identity.localID.description {
            return reply.error(412, "to field mismatch")
        }
        guard responder.isOpen else { return }
        responder.start(status: 200, headers: reply.headers)
        peer.attach(kind, responder)
    }
}

extension PeerTransport {
    /// Hands messages to the delegate, without what must not reach consensus.
    ///
    /// - Parameter databasesAreDurable: those that snapshots among the messages need.
    func deliver(_ messages: [Message], databasesAreDurable: Bool = false) -> PeerDelivery {
        PeerDelivery.deliver(
            messages, databasesAreDurable: databasesAreDurable, to: delegate, identity: identity,
            members: members, statistics: statistics, clock: clock, logger: logger)
    }
}
