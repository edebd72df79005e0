//  Where an origin leads: the part of a URL that names a server.

import NIOCore

/// A server that can be dialled.
enum HTTPClientAddress: Hashable, Sendable {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// Reads `http://host:port`, `http://[v6]:port`, `http://host` or `unix://path`. One trailing
    /// slash of an HTTP origin is tolerated, as in etcd's settings.
    init(origin: String) throws(HTTPClientError) {
        func refusal(_ reason: String) -> HTTPClientError {
            HTTPClientError(.badAddress, "bad address \"\(origin)\": \(reason)")
        }
        if origin.hasPrefix("unix://") {
            let path = String(origin.dropFirst("unix://".count))
            if path.isEmpty { throw refusal("no path of a socket") }
            self = .unix(path: path)
            return
        }
        guard origin.hasPrefix("http://") else {
            throw refusal(
                origin.hasPrefix("https://") ? "https is not supported" : "unknown scheme")
        }
        var authority = origin.dropFirst("http://".count)
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
        var port = 80
        if rest.hasPrefix(":") {
            rest.removeFirst()
            guard let number = UInt16(rest), number > 0, rest.utf8.allSatisfy({ $0 != 0x2B }) else {
                throw refusal("bad port")
            }
            port = Int(number)
        } else if !rest.isEmpty {
            throw refusal("not scheme://host:port")
        }
        self = .tcp(host: String(host), port: port)
    }

    /// The value of the Host header.
    var hostHeader: String {
        switch self {
        case .tcp(let host, let port):
            let name = host.contains(":") ? "[\(host)]" : host
            return port == 80 ? name : "\(name):\(port)"
        case .unix: return "localhost"
        }
    }

    var description: String {
        switch self {
        case .tcp: hostHeader
        case .unix(let path): path
        }
    }
}
