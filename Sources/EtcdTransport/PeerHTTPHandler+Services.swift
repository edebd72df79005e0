//  Leases, promotions, hashes and downgrades on the peer port, answered byte for byte as etcd does.

import EtcdMembership
import EtcdNet
import EtcdProto
import NIOCore
import NIOHTTP1
import Protobuf
import Raft
import RuntimeCore

extension PeerHTTPHandler {
    /// A request to a service is a handful of bytes (etcd's value).
    static let serviceBytesMax = 64 << 10
    /// More than is accepted, so that a longer body gets etcd's answer and not HTTP's.
    static let serviceBytesRead = 2 * serviceBytesMax

    /// Without anybody who serves them these paths do not exist, except that downgrades are off.
    func serve(
        _ path: PeerPath, _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, _ reply: PeerReply
    ) {
        guard let services else {
            if case .downgradeEnabled = path { return reply.plain(200, "false") }
            return reply.notFound()
        }
        switch path {
        case .promote(let id): promote(id, head, services, reply)
        case .hashKV: hashKV(head, body, services, reply)
        case .leaseRenewal: renewLease(body, services, reply)
        case .leaseTimeToLive: leaseTimeToLive(body, services, reply)
        case .downgradeEnabled: downgradeEnabled(services, reply)
        default: reply.notFound()
        }
    }

    // MARK: Leases

    private func renewLease(_ body: ByteBuffer, _ services: any PeerServices, _ reply: PeerReply) {
        guard let body = readable(body, reply) else { return }
        guard let request = try? LeaseKeepAliveRequest(decoding: body) else {
            return reply.bareError(400, "error unmarshalling request")
        }
        let reply = reply.onLoop
        services.renewLease(request.id) { result in
            reply.give { reply in
                switch result {
                case .success(let ttl):
                    reply.protobuf(LeaseKeepAliveResponse(id: request.id, ttl: ttl))
                case .failure(let error): reply.leaseError(error, otherwise: 400)
                }
            }
        }
    }

    private func leaseTimeToLive(
        _ body: ByteBuffer, _ services: any PeerServices, _ reply: PeerReply
    ) {
        guard let body = readable(body, reply) else { return }
        guard let request = try? LeaseInternalRequest(decoding: body), let asked = request.request
        else { return reply.bareError(400, "error unmarshalling request") }
        let reply = reply.onLoop
        services.leaseTimeToLive(asked.id, withKeys: asked.keys) { result in
            reply.give { reply in
                switch result {
                case .success(var response):
                    // etcd leaves the header empty, but there.
                    response.header = ResponseHeader()
                    response.id = asked.id
                    reply.protobuf(LeaseInternalResponse(response: response))
                case .failure(let error): reply.leaseError(error, otherwise: 500)
                }
            }
        }
    }

    private func readable(_ body: ByteBuffer, _ reply: PeerReply) -> Bytes? {
        guard body.readableBytes <= Self.serviceBytesMax else {
            reply.bareError(400, "error reading body")
            return nil
        }
        return Bytes(Array(body.readableBytesView))
    }

    // MARK: Members

    private func promote(
        _ text: Substring, _ head: EtcdNet.HTTPRequestHead, _ services: any PeerServices,
        _ reply: PeerReply
    ) {
        let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, let number = UInt64(text) else {
            return reply.error(404, "member \(text) not found in cluster")
        }
        let token = head.headers.first(name: "Authorization")
        let reply = reply.onLoop
        services.promote(MemberID(number), token: token?.isEmpty == true ? nil : token) { result in
            reply.give { reply in
                switch result {
                case .success(let members):
                    reply.json(200, memberListJSON(members) + [UInt8(ascii: "\n")])
                case .failure(let error): reply.promotionError(error)
                }
            }
        }
    }

    private func hashKV(
        _ head: EtcdNet.HTTPRequestHead, _ body: ByteBuffer, _ services: any PeerServices,
        _ reply: PeerReply
    ) {
        let cluster = head.headers.first(name: PeerHeader.clusterID) ?? ""
        if !cluster.isEmpty, cluster != reply.identity.clusterIDText {
            return reply.bareError(412, PeerRefusal.clusterIDMismatch)
        }
        guard let body = readable(body, reply) else { return }
        guard let revision = HashKVText.revision(in: body) else {
            return reply.bareError(400, "error unmarshalling request")
        }
        let reply = reply.onLoop
        services.hashKV(revision: revision) { result in
            reply.give { reply in
                switch result {
                case .success(let response): reply.json(200, HashKVText.write(response))
                case .failure(let error): reply.bareError(400, error.description)
                }
            }
        }
    }

    private func downgradeEnabled(_ services: any PeerServices, _ reply: PeerReply) {
        let reply = reply.onLoop
        services.downgradeEnabled { result in
            reply.give { reply in
                switch result {
                case .success(let isEnabled): reply.plain(200, isEnabled ? "true" : "false")
                case .failure(let error): reply.error(500, "failed linearized read: \(error)")
                }
            }
        }
    }
}

/// The two JSON documents of `/members/hashkv`, as Go's encoder writes them: numbers as numbers,
/// zero ones left out.
enum HashKVText {
    static func request(revision: Int64) -> [UInt8] {
        Array((revision == 0 ? "{}" : "{\"revision\":\(revision)}").utf8)
    }

    /// `nil` when the document is no such request.
    static func revision(in body: Bytes) -> Int64? {
        guard let value = try? JSONValue.parse(body) else { return nil }
        switch value {
        case .null: return 0
        case .object: return number(value["revision"])
        default: return nil
        }
    }

    static func write(_ response: HashKVResponse) -> [UInt8] {
        let revision = response.header?.revision ?? 0
        var text = revision == 0 ? "{\"header\":{}" : "{\"header\":{\"revision\":\(revision)}"
        if response.hash != 0 { text += ",\"hash\":\(response.hash)" }
        if response.compactRevision != 0 {
            text += ",\"compact_revision\":\(response.compactRevision)"
        }
        if response.hashRevision != 0 { text += ",\"hash_revision\":\(response.hashRevision)" }
        return Array((text + "}").utf8)
    }

    static func response(in body: Bytes) -> HashKVResponse? {
        guard let value = try? JSONValue.parse(body), case .object = value,
            let revision = number(value["header"]?["revision"]),
            let hash = number(value["hash"]).flatMap({ UInt32(exactly: $0) }),
            let compacted = number(value["compact_revision"]),
            let hashed = number(value["hash_revision"])
        else { return nil }
        return HashKVResponse(
            header: ResponseHeader(revision: revision), hash: hash, compactRevision: compacted,
            hashRevision: hashed)
    }

    /// Zero when it is missing, `nil` when it is something else.
    private static func number(_ value: JSONValue?) -> Int64? {
        switch value {
        case nil, .null: 0
        case .number(let text): Int64(text)
        default: nil
        }
    }
}
