//  Where an origin leads: the part of a URL that names a server.

import NIOCore

/// A server that can be dialled.
enum HTTPClientAddress: Hashable, Sendable {
    case tcp(host: String, port: Int, isSecure: Bool)
    case unix(path: String, isSecure: Bool)
    /// Asked for by way of a proxy.
    indirect case proxied(HTTPClientProxy, HTTPClientAddress)

    /// Reads `http://host:port`, `http://[v6]:port`, `http://host` or `unix://path`, or the same
    /// with `https` or `unixs`, which stand for TLS. One trailing slash of an HTTP origin is
    /// tolerated, as in etcd's settings.
    init(origin: String) throws(HTTPClientError) {
        func refusal(_ reason: String) -> HTTPClientError {
            HTTPClientError(.badAddress, "bad address \"\(origin)\": \(reason)")
        }
        let schemes = [
            ("http://", false), ("https://", true), ("unix://", false), ("unixs://", true),
        ]
        guard let (scheme, isSecure) = schemes.first(where: { origin.hasPrefix($0.0) }) else {
            throw refusal("unknown scheme")
        }
        var authority = origin.dropFirst(scheme.count)
        if scheme.hasPrefix("unix") {
            if authority.isEmpty { throw refusal("no path of a socket") }
            self = .unix(path: String(authority), isSecure: isSecure)
            return
        }
        if authority.hasSuffix("/") { authority.removeLast() }
        let isForbidden: (UInt8) -> Bool = {
            $0 <= 0x20 || $0 == 0x7F || "/?#@\\".utf8.contains($0)
        }
        if authority.utf8.contains(where: isForbidden) { throw refusal("not scheme://host:port") }
        let host: Substring
        var rest: Substring
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { throw refusal("missing ]") }
            host = authority[authority.index(after: authority.startIndex)..<close]
            rest = authority[authority.index(after: close)...]
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<colon]
            rest = authority[colon...]
        }
        if host.isEmpty { throw refusal("no host") }
        var port = isSecure ? 443 : 80
        if rest.hasPrefix(":") {
            rest.removeFirst()
            guard let number = UInt16(rest), number > 0, rest.utf8.allSatisfy({ $0 != 0x2B }) else {
                throw refusal("bad port")
            }
            port = Int(number)
        } else if !rest.isEmpty {
            throw refusal("not scheme://host:port")
        }
        self = .tcp(host: String(host), port: port, isSecure: isSecure)
    }

    /// The value of the Host header.
    var hostHeader: String {
        switch self {
        case .tcp(let host, let port, let isSecure):
            let name = host.contains(":") ? "[\(host)]" : host
            return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
        case .unix: return "localhost"
        case .proxied(_, let server): return server.hostHeader
        }
    }

    var description: String {
        switch self {
        case .tcp: hostHeader
        case .unix(let path, _): path
        case .proxied(_, let server): server.description
        }
    }

    /// Whom the server's certificate has to name; `nil` without TLS.
    var secureHost: String? {
        switch self {
        case .tcp(let host, _, let isSecure): isSecure ? host : nil
        case .unix(_, let isSecure): isSecure ? "localhost" : nil
        case .proxied(_, let server): server.secureHost
        }
    }

    /// Where a connection is made to.
    var dialled: HTTPClientAddress {
        if case .proxied(let proxy, _) = self { proxy.address } else { self }
    }

    /// `host:port`, always with the port.
    var hostAndPort: String {
        switch self {
        case .tcp(let host, let port, _):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path, _): path
        case .proxied(_, let server): server.hostAndPort
        }
    }

    /// The proxy that has to read the requests, and not only to pass bytes on.
    var readingProxy: HTTPClientProxy? {
        guard case .proxied(let proxy, let server) = self else { return nil }
        return server.secureHost == nil ? proxy : nil
    }
}
