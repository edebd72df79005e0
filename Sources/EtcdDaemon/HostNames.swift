//  Names and addresses as the machine knows them. Calls here may wait for a name server.

import EtcdConfig
import Glibc
import RuntimePosix

enum HostNames {
    /// The addresses of a host name, without duplicates; empty when it has none.
    static func resolve(_ host: String) -> [String] { HostAddresses.resolve(host) }

    /// Whether two URLs name the same place: the same text, or names of one address.
    static func isSameAddress(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        guard let a = try? ConfigURL(left), let b = try? ConfigURL(right), a.scheme == b.scheme,
            a.port == b.port, !a.scheme.isUnix
        else { return false }
        return !Set(resolve(a.host)).isDisjoint(with: resolve(b.host))
    }

    /// The address that packets of the default route leave with. Nothing is sent.
    static func defaultAddress() -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = UInt16(53).bigEndian
        // TEST-NET-3: any address outside this machine takes the default route.
        inet_pton(AF_INET, "203.0.113.1", &target.sin_addr)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { return nil }
        var own = sockaddr_in()
        var length = size
        return withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    ? HostAddresses.text(address, length) : nil
            }
        }
    }
}
