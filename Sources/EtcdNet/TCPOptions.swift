//  What every TCP socket is set to, listening or dialled.

import Glibc
import NIOCore
package import NIOPosix

enum TCPOptions {
    /// Seconds of silence after which the kernel probes a connection, and between probes (etcd's
    /// value): a peer whose machine is gone says nothing, and would be waited for.
    private static let probeSeconds: SocketOptionValue = 30

    static let all: [(option: ChannelOptions.Types.SocketOption, value: SocketOptionValue)] = [
        (.socketOption(.so_keepalive), 1),
        (.tcpOption(.tcp_nodelay), 1),
        (.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)), probeSeconds),
        (.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), probeSeconds),
    ]

    /// Whether a bound socket can have them: those of socket files cannot.
    static func fit(_ descriptor: CInt) -> Bool {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &address) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size)
            }
        }
        let family = Int32(address.ss_family)
        return result == 0 && (family == AF_INET || family == AF_INET6)
    }
}

extension ClientBootstrap {
    /// For connections to hosts, not to socket files.
    package func withTCPOptions() -> ClientBootstrap {
        TCPOptions.all.reduce(self) { $0.channelOption($1.option, value: $1.value) }
    }
}

extension ServerBootstrap {
    /// Linux hands these options down to accepted sockets, which saves the calls per connection.
    func withTCPOptions() -> ServerBootstrap {
        TCPOptions.all.reduce(serverChannelOption(.socketOption(.so_reuseaddr), value: 1)) {
            $0.serverChannelOption($1.option, value: $1.value)
        }
    }
}
