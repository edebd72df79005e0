//  /v2/members and /v2/machines: who belongs to the cluster, and changing that (spec http-v2
//  section 5).

import EtcdEdge
import EtcdMembership
import EtcdNet
import EtcdServer
import Protobuf
import Raft
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

struct V2MembersHandler: Sendable {
    static let methods = ["GET", "POST", "DELETE", "PUT"]

    let handler: RequestHandler
    let edges: HTTPEdges
    let access: V2Access
    /// Lower-case hexadecimal.
    let clusterID: String

    /// - Parameter name: what follows `/v2/members/`; empty for the collection.
    func serve(_ exchange: Exchange, name: String, body: Bytes) {
        guard exchange.allows(V2MembersHandler.methods) else { return }
        if exchange.method == "GET" { return read(exchange, name: name) }
        access.checkRoot(exchange) { isRoot in
            isRoot ? change(exchange, name: name, body: body) : V2AuthHandler.refuse(exchange)
        }
    }

    private func change(_ exchange: Exchange, name: String, body: Bytes) {
        switch exchange.method {
        case "POST": add(exchange, body: body)
        case "PUT":
            guard let id = member(exchange, name) else { return }
            update(exchange, id, body: body)
        default:
            guard let id = member(exchange, name) else { return }
            submit(exchange, id, finish: { _ in self.respond(exchange, status: 204) }) { address in
                handler.removeMember(id, address: address)
            }
        }
    }

    /// `/v2/machines`: the client URLs of all members.
    func serveMachines(_ exchange: Exchange) {
        guard exchange.allows(["GET", "HEAD"]) else { return }
        let urls = handler.members.list.flatMap(\.clientURLs).sorted()
        exchange.respondUntyped(status: 200, body: Array(urls.joined(separator: ", ").utf8))
    }

    private func read(_ exchange: Exchange, name: String) {
        switch name {
        case "":
            var body = Array("{\"members\":[".utf8)
            for (position, member) in handler.members.list.enumerated() {
                if position > 0 { body.append(UInt8(ascii: ",")) }
                member.writeV2JSON(into: &body)
            }
            body += Array("]}\n".utf8)
            respond(exchange, status: 200, body: body)
        case "leader":
            let leader = handler.status.leader
            guard leader != .none, let member = handler.members.member(leader) else {
                respond(exchange, status: 503, message: "During election")
                return
            }
            respond(exchange, status: 200, member)
        default: respond(exchange, status: 404, message: "Not found")
        }
    }

    private func add(_ exchange: Exchange, body: Bytes) {
        guard let urls = peerURLs(exchange, body) else { return }
        let member = Member(
            name: "", peerURLs: urls, token: "", addedAt: handler.clock.now().wall)
        submit(
            exchange, member.id, finish: { _ in self.respond(exchange, status: 201, member) }
        ) { address in
            handler.addMember(member, address: address)
        }
    }

    private func update(_ exchange: Exchange, _ id: MemberID, body: Bytes) {
        guard let urls = peerURLs(exchange, body) else { return }
        submit(exchange, id, finish: { _ in self.respond(exchange, status: 204) }) { address in
            handler.updateMember(id, peerURLs: urls, address: address)
        }
    }

    private func submit(
        _ exchange: Exchange, _ id: MemberID, finish: @escaping ([Member]) -> Void,
        _ start: (ReplyAddress) -> Result<RequestID, ServerError>
    ) {
        let edge = edges.edge(of: exchange.eventLoop)
        let waiter = MemberChangeWaiter(edge: edge, handler: handler) { outcome in
            switch outcome {
            case .success(let members): finish(members)
            case .failure(let error): self.respond(exchange, error, about: id)
            }
        }
        let token = edge.register(
            waiter, timeoutMilliseconds: handler.requestTimeoutMilliseconds)
        switch start(ReplyAddress(edge: edge, token: token)) {
        case .success(let id): waiter.id = id
        case .failure(let error):
            edge.cancel(token)
            respond(exchange, error, about: id)
        }
    }

    // MARK: reading requests

    /// The member that a path names; answers the request itself when it names none.
    private func member(_ exchange: Exchange, _ name: String) -> MemberID? {
        if name.isEmpty {
            exchange.respondPlain(
                status: 405, text: "Method Not Allowed",
                extra: [(V2Answers.clusterIDHeader, clusterID)])
            return nil
        }
        // Swift would take a sign.
        let isSigned = name.hasPrefix("+") || name.hasPrefix("-")
        guard !isSigned, let id = UInt64(name, radix: 16) else {
            respond(exchange, status: 404, message: "No such member: \(name)")
            return nil
        }
        return MemberID(id)
    }

    private func peerURLs(_ exchange: Exchange, _ body: Bytes) -> [String]? {
        let sent = exchange.head.headers.first(name: "content-type") ?? ""
        guard MediaType.essence(of: sent) == ContentType.json else {
            respond(
                exchange, status: 415,
                message: "Bad Content-Type \(sent), accept application/json")
            return nil
        }
        do throws(MemberRequestError) {
            return try MemberRequestBody.peerURLs(in: body)
        } catch {
            respond(exchange, status: 400, message: error.message)
            return nil
        }
    }

    // MARK: answers

    private func respond(_ exchange: Exchange, _ error: ServerError, about id: MemberID) {
        switch error {
        case .memberIDExists, .peerURLExists:
            respond(exchange, status: 409, message: error.text)
        case .memberNotFound: respond(exchange, status: 404, message: "No such member: \(id)")
        case .memberIDRemoved where exchange.method == "DELETE":
            respond(exchange, status: 410, message: "Member permanently removed: \(id)")
        default: respond(exchange, status: 500, message: "Internal Server Error")
        }
    }

    private func respond(_ exchange: Exchange, status: Int, _ member: Member) {
        var body: [UInt8] = []
        member.writeV2JSON(into: &body)
        body.append(UInt8(ascii: "\n"))
        respond(exchange, status: status, body: body)
    }

    private func respond(_ exchange: Exchange, status: Int, message: String) {
        respond(exchange, status: status, body: messageJSON(message))
    }

    private func respond(_ exchange: Exchange, status: Int, body: [UInt8]) {
        exchange.respond(
            status: status, contentType: ContentType.json, body: body,
            extra: [(V2Answers.clusterIDHeader, clusterID)])
    }

    private func respond(_ exchange: Exchange, status: Int) {
        exchange.respondEmpty(
            status: status, extra: [(V2Answers.clusterIDHeader, clusterID)])
    }
}

/// `{"message":"…"}`, the errors of everything under /v2 but keys.
func messageJSON(_ message: String) -> [UInt8] {
    var body = Array("{\"message\":".utf8)
    JSONValue.writeString(Bytes(message), into: &body)
    body.append(UInt8(ascii: "}"))
    return body
}

/// Waits for the outcome of one membership change.
private final class MemberChangeWaiter: EdgeWaiter {
    private let edge: HTTPEdge
    private let handler: RequestHandler
    private let finish: (Result<[Member], ServerError>) -> Void
    var id: RequestID?

    init(
        edge: HTTPEdge, handler: RequestHandler,
        finish: @escaping (Result<[Member], ServerError>) -> Void
    ) {
        self.edge = edge
        self.handler = handler
        self.finish = finish
    }

    func receive(_ reply: Reply, token: UInt64) {
        edge.cancel(token)
        switch reply {
        case .members(let members): finish(.success(members))
        case .failed(let error): finish(.failure(error))
        default: finish(.failure(.unknownMethod))
        }
    }

    func timedOut(token: UInt64) {
        if let id { handler.forget(id) }
        finish(.failure(handler.errorAfterFullTimeout()))
    }
}
