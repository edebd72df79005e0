//  Where a listener binds, and how socket addresses are written in logs and requests.

import Glibc
package import NIOCore

package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// From the pieces of a URL. `http` and `https` listen on TCP; `unix` and `unixs` on a socket
    /// file, which etcd names by host and port (`unix://localhost:2379` is the file
    /// `localhost:2379`), `path` being appended. `nil` for any other scheme.
    package init?(scheme: String, host: String, port: Int?, path: String = "") {
        switch scheme {
        case "http", "https":
            self = .tcp(host: host, port: port ?? (scheme == "http" ? 80 : 443))
        case "unix", "unixs":
            self = .unix(path: host + (port.map { ":\($0)" } ?? "") + path)
        default:
            return nil
        }
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }

    /// The address to bind to. Blocks while a name is looked up.
    ///
    /// As with Go's listeners an unspecified address takes in both families where the kernel can,
    /// and a name prefers its first IPv4 address.
    func resolved() throws -> SocketAddress {
        switch self {
        case .unix(let path):
            return try SocketAddress(unixDomainSocketPath: path)
        case .tcp(let host, let port):
            if host.isEmpty || host == "0.0.0.0" || host == "::" {
                return try SocketAddress(
                    ipAddress: Self.kernelHasIPv6 ? "::" : "0.0.0.0", port: port)
            }
            if let literal = try? SocketAddress(ipAddress: host, port: port) { return literal }
            return try Self.lookUp(host, port: port)
        }
    }

    private static var kernelHasIPv6: Bool {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    private static func lookUp(_ host: String, port: Int) throws -> SocketAddress {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_family = AF_INET
        var found: UnsafeMutablePointer<addrinfo>?
        if getaddrinfo(host, nil, &hints, &found) == 0, let first = found {
            defer { freeaddrinfo(found) }
            if let address = first.pointee.ai_addr {
                var result = SocketAddress(
                    UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self))
                result.port = port
                return result
            }
        }
        return try SocketAddress.makeAddressResolvingHost(host, port: port)
    }
}

extension SocketAddress {
    /// `ip:port`, `[ip6]:port`, or the path of a unix socket. An IPv4 peer of a listener for both
    /// families is written as IPv4.
    package var endpointText: String {
        guard let ip = ipAddress, let port else { return pathname ?? "" }
        if ip.hasPrefix("::ffff:") { return "\(ip.dropFirst(7)):\(port)" }
        return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}
