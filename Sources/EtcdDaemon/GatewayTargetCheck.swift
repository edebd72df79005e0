//  Whether a place that DNS names may be forwarded to.

import EtcdNet
import EtcdProxy
import NIOCore
import NIOHTTP1
import NIOPosix

/// Connects to a target. With a file of authorities the target must prove by TLS that it is one of
/// theirs; without one, as in etcd, it is enough that somebody is there.
struct GatewayTargetCheck: Sendable {
    private static let patience = TimeAmount.seconds(5)

    /// PEM; empty for none.
    let trustedCAFile: String

    /// What is wrong; `nil` when nothing is.
    func problem(with target: GatewayTarget) async -> String? {
        do {
            if trustedCAFile.isEmpty {
                let channel = try await ClientBootstrap(
                    group: MultiThreadedEventLoopGroup.singleton
                )
                .connectTimeout(GatewayTargetCheck.patience)
                .connect(host: target.host, port: Int(target.port)).get()
                try await channel.close()
            } else {
                try await handshake(target)
            }
            return nil
        } catch {
            return "\(target.address) failed to dial (\(error))"
        }
    }

    /// Any answer to a request proves the handshake.
    private func handshake(_ target: GatewayTarget) async throws {
        var options = TLSOptions()
        options.trustedCAFile = trustedCAFile
        options.dials = true
        let group = MultiThreadedEventLoopGroup.singleton
        let client = HTTPClient(loops: group, tls: try TLSContext(options) { _ in })
        defer { client.shutdown() }
        _ = try await client.execute(
            HTTPClientRequest(origin: "https://\(target.address)", target: "/version"),
            on: group.next(), timeout: GatewayTargetCheck.patience, maximumBody: 64 << 10
        ).get()
    }
}
