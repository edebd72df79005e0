//  Which header fields pass through a proxy, and which it adds.

import EtcdNet

import struct NIOHTTP1.HTTPHeaders

enum ProxyFields {
    /// They concern one connection alone.
    private static let singleHop = [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
        "Proxy-Connection", "TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade",
    ]

    /// What a member is told of a client's request.
    static func forMember(_ head: HTTPRequestHead) -> HTTPHeaders {
        var fields = withoutSingleHop(head.headers)
        // The proxy has the whole body already, and states its length itself.
        fields.remove(name: "Expect")
        fields.remove(name: "Content-Length")
        if let client = address(of: head.connection.remoteAddress) {
            let chain = fields["X-Forwarded-For"] + [client]
            fields.replaceOrAdd(name: "X-Forwarded-For", value: chain.joined(separator: ", "))
        }
        return fields
    }

    /// What a client is told of a member's answer. Permissions for web pages are the proxy's own to
    /// give: browsers refuse an answer that has them twice.
    static func forClient(_ fields: HTTPHeaders, permissions: [(String, String)]) -> HTTPHeaders {
        var fields = withoutSingleHop(fields)
        for name in CrossOrigins.names { fields.remove(name: name) }
        fields.add(contentsOf: permissions)
        return fields
    }

    private static func withoutSingleHop(_ fields: HTTPHeaders) -> HTTPHeaders {
        var rest = fields
        for name in fields[canonicalForm: "Connection"] { rest.remove(name: String(name)) }
        for name in singleHop { rest.remove(name: name) }
        return rest
    }

    /// The IP address in `ip:port`; `nil` for the client of a unix socket.
    static func address(of endpoint: String) -> String? {
        guard let colon = endpoint.lastIndex(of: ":"), !endpoint.hasPrefix("/") else { return nil }
        let host = endpoint[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { return String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : String(host)
    }
}
