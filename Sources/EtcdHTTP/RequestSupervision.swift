//  The audit log and rate limits in front of the v2 API. Costs nothing while both are off.

package import EtcdEdge
import EtcdNet
package import EtcdServer
import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// Shared by all event loops.
package struct RequestSupervision: Sendable {
    private static let apiPath = Bytes("/v2/")
    private static let keysPath = Bytes("/v2/keys")

    private let trail: (any AuditTrail)?
    private let limits: RequestLimits?
    private let handler: RequestHandler

    /// `nil` when there is nothing to supervise.
    package init?(trail: (any AuditTrail)?, limits: RequestLimits?, handler: RequestHandler) {
        if trail == nil, limits == nil { return nil }
        self.trail = trail
        self.limits = limits
        self.handler = handler
    }

    /// The exchange to serve, which is noted when it is answered; `nil` when it has been refused.
    func admit(_ exchange: Exchange) -> Exchange? {
        guard exchange.path.prefix(4) == RequestSupervision.apiPath else { return exchange }
        let keys = keys(exchange.path)
        let supervised = noted(exchange, keys)
        // A name proves nothing before its password is checked: those count by address.
        let connection = exchange.head.connection
        let user =
            connection.commonName.map { "user \($0)" } ?? connection.remoteAddress.withoutPort
        let now = handler.clock.monotonic()
        if let limits, !limits.admits(user: user, keys: keys, now: now) {
            supervised.respond(
                status: 429, contentType: ContentType.json,
                body: Array("{\"message\":\"etcdserver: too many requests\"}".utf8),
                extra: [("Retry-After", "1")])
            return nil
        }
        return supervised
    }

    private func keys(_ path: Bytes) -> [NamedKeys] {
        let length = RequestSupervision.keysPath.count
        guard path.prefix(length) == RequestSupervision.keysPath else { return [] }
        return [NamedKeys(path.dropFirst(length))]
    }

    private func noted(_ exchange: Exchange, _ keys: [NamedKeys]) -> Exchange {
        guard let trail else { return exchange }
        let head = exchange.head
        let claimed = BasicCredentials(head.headers.first(name: "authorization") ?? "")
        let record = AuditRecord(
            api: .v2, method: "\(head.method) \(exchange.path.text)",
            isWrite: head.method != "GET" && head.method != "HEAD",
            user: claimed?.name.text ?? head.connection.commonName ?? "",
            remoteAddress: head.connection.remoteAddress, keys: keys)
        let note = PendingNote(record, trail)
        let responder = TappedResponder(exchange.client.responder) { status, headers in
            note.note(status)
            return headers
        }
        return Exchange(
            head: head, path: exchange.path, query: exchange.query,
            client: Client(responder: responder, fields: exchange.client.fields))
    }
}

/// The record of a request that has no verdict yet. One whose client went away before the answer is
/// noted, too: it may have been carried out.
private final class PendingNote {
    private var record: AuditRecord?
    private let trail: any AuditTrail

    init(_ record: AuditRecord, _ trail: any AuditTrail) {
        self.record = record
        self.trail = trail
    }

    deinit { note("abandoned", isDenied: false) }

    func note(_ status: Int) { note("\(status)", isDenied: [401, 403, 429].contains(status)) }

    private func note(_ verdict: String, isDenied: Bool) {
        guard var record else { return }
        self.record = nil
        record.verdict = verdict
        record.isDenied = isDenied
        trail.note(record)
    }
}
