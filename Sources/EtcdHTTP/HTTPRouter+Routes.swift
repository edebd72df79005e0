//  The table of paths.

import EtcdNet
import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

extension HTTPRouter {
    private static let authPath = Bytes("/v2/auth")
    private static let keysPath = Bytes("/v2/keys")

    /// Finds the handler of a request that has passed the gate.
    func route(
        _ head: HTTPRequestHead, _ client: Client, _ body: ByteBuffer
    ) {
        func exchange(_ path: Bytes, _ query: Bytes) -> Exchange {
            Exchange(head: head, path: path, query: query, client: client)
        }
        switch RequestPath.resolve(head.target, redirects: head.method != "CONNECT") {
        case .clean(let path, let query):
            let arrived = exchange(path, query)
            guard let supervision else { return serve(arrived, body) }
            if let admitted = supervision.admit(arrived) { serve(admitted, body) }
        case .redirect(let location, let link):
            redirect(exchange(.empty, .empty), to: location, link: link)
        case .malformed:
            exchange(.empty, .empty).respondPlain(status: 400, text: "400 Bad Request")
        }
    }

    private func serve(_ exchange: Exchange, _ body: ByteBuffer) {
        let path = exchange.path
        if surface == .clients, settings.servesV2, path.prefix(8) == HTTPRouter.keysPath,
            path.count == 8 || path[8] == UInt8(ascii: "/")
        {
            serveKeys(exchange, body)
            return
        }
        if surface == .clients, settings.servesV2, path.prefix(8) == HTTPRouter.authPath,
            path.count > 8, path[8] == UInt8(ascii: "/"),
            auth.serve(exchange, path: path.dropFirst(8), body: bytes(of: body))
        {
            return
        }
        let text = path.text
        if serveHealth(exchange, text) { return }
        if surface == .clients, serveOperations(exchange, text) { return }
        if surface == .clients, settings.servesV2, text == "/config/local/log" {
            let content = bytes(of: body)
            members.access.checkRoot(exchange) { isRoot in
                isRoot
                    ? self.operations.changeLogLevel(exchange, body: content)
                    : V2AuthHandler.refuse(exchange)
            }
            return
        }
        if surface == .clients, settings.servesV2, serveV2(exchange, text, body) { return }
        exchange.respondNotFound()
    }

    private func serveKeys(_ exchange: Exchange, _ body: ByteBuffer) {
        let key = exchange.path.dropFirst(HTTPRouter.keysPath.count)
        var form = Bytes.empty
        if exchange.method == "PUT" || exchange.method == "POST" {
            switch MediaType.formReading(of: exchange.head.headers.first(name: "content-type")) {
            case .isForm: form = bytes(of: body)
            case .isNone: break
            case .malformed(let reason):
                keys.refuse(exchange, form: reason)
                return
            }
        }
        keys.serve(exchange, key: key, form: form)
    }

    /// What every listener has.
    private func serveHealth(_ exchange: Exchange, _ path: String) -> Bool {
        switch path {
        case "/metrics": operations.serveMetrics(exchange)
        case "/health": health.serveHealth(exchange)
        case "/livez": health.serve(exchange, page: "livez", checks: HealthCheck.liveness)
        case "/readyz": health.serve(exchange, page: "readyz", checks: HealthCheck.readiness)
        default: return serveOneCheck(exchange, path)
        }
        return true
    }

    /// `/livez/NAME` and `/readyz/NAME`.
    private func serveOneCheck(_ exchange: Exchange, _ path: String) -> Bool {
        let pages = [("livez", HealthCheck.liveness), ("readyz", HealthCheck.readiness)]
        for (page, checks) in pages where path.hasPrefix("/\(page)/") {
            let name = path.dropFirst(page.utf8.count + 2)
            guard let check = checks.first(where: { $0.rawValue == name }) else { return false }
            health.serve(exchange, page: page, checks: [check])
            return true
        }
        return false
    }

    private func serveOperations(_ exchange: Exchange, _ path: String) -> Bool {
        switch path {
        case "/version": operations.serveVersion(exchange)
        case "/debug/vars": operations.serveVariables(exchange)
        default: return false
        }
        return true
    }

    private func serveV2(_ exchange: Exchange, _ path: String, _ body: ByteBuffer) -> Bool {
        switch path {
        case "/v2/members": members.serve(exchange, name: "", body: bytes(of: body))
        case "/v2/machines": members.serveMachines(exchange)
        case "/v2/stats/self": stats.serveSelf(exchange)
        case "/v2/stats/leader": stats.serveLeader(exchange)
        case "/v2/stats/store": stats.serveStore(exchange)
        default:
            let prefix = "/v2/members/"
            guard path.hasPrefix(prefix) else { return false }
            let name = String(path.dropFirst(prefix.count))
            members.serve(exchange, name: name, body: bytes(of: body))
        }
        return true
    }

    private func redirect(_ exchange: Exchange, to location: String, link: String) {
        switch exchange.method {
        case "GET":
            exchange.respond(
                status: 301, contentType: ContentType.html,
                body: Array("<a href=\"\(link)\">Moved Permanently</a>.\n\n".utf8),
                extra: [("Location", location)])
        case "HEAD":
            exchange.respond(
                status: 301, contentType: ContentType.html, body: [],
                extra: [("Location", location)])
        default: exchange.respondEmpty(status: 301, extra: [("Location", location)])
        }
    }

    private func bytes(of body: ByteBuffer) -> Bytes {
        body.readableBytes == 0 ? .empty : Bytes(Array(body.readableBytesView))
    }
}
