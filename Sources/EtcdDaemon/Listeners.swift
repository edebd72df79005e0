//  Which addresses the daemon listens on, and with which sockets.

import EtcdConfig
import EtcdNet
import Logging

/// The listeners of one kind (client, peer or metrics).
struct Listeners: Sendable {
    let all: [Listener]

    /// Binds every address or none.
    ///
    /// - Parameters:
    ///   - inherited: sockets of systemd units with this kind's name; if there are any, they take
    ///     the place of the configured addresses.
    static func bind(
        _ urls: [ConfigURL], inherited: [Int32], loops: EventLoops, settings: ListenerSettings,
        handler: any HTTPHandler, what: String, logger: Logger
    ) async throws -> Listeners {
        var all: [Listener] = []
        do {
            for descriptor in inherited {
                all.append(
                    try await Listener.bind(
                        .unix(path: ""), inheritedSocket: descriptor, loops: loops,
                        settings: settings, handler: handler))
            }
            if inherited.isEmpty {
                for url in urls {
                    let address: ListenAddress =
                        url.scheme.isUnix
                        ? .unix(path: url.path) : .tcp(host: url.host, port: Int(url.port))
                    all.append(
                        try await Listener.bind(
                            address, inheritedSocket: nil, loops: loops, settings: settings,
                            handler: handler))
                }
            }
        } catch {
            for listener in all { await listener.drain(graceMilliseconds: 0) }
            throw error
        }
        for listener in all {
            logger.info(
                "listening for \(what) traffic", metadata: ["address": "\(listener.localAddress)"])
        }
        return Listeners(all: all)
    }

    /// For listeners whose settings say `startsClosed`.
    func startAccepting() { for listener in all { listener.startAccepting() } }

    func stopAccepting() async { for listener in all { await listener.stopAccepting() } }

    /// All at once, so that the grace is given once.
    func drain(graceMilliseconds: UInt64) async {
        await withTaskGroup(of: Void.self) { group in
            for listener in all {
                group.addTask { await listener.drain(graceMilliseconds: graceMilliseconds) }
            }
        }
    }
}
