//  Which addresses the daemon listens on, and with which sockets.

import EtcdConfig
import EtcdNet
import Logging

/// The listeners of one kind (client, peer or metrics).
struct Listeners: Sendable {
    /// How a listener can be spoken to.
    struct Manners: Sendable {
        let speaksTLS: Bool
        let speaksPlainText: Bool

        init(_ settings: ListenerSettings) {
            speaksTLS = settings.tls != nil
            speaksPlainText = settings.tls?.acceptsPlainText ?? true
        }
    }

    let all: [Listener]
    /// In the order of `all`.
    let manners: [Manners]

    /// Binds every address or none.
    ///
    /// URLs that differ in their scheme only share a listener, where both kinds are told apart.
    ///
    /// - Parameters:
    ///   - settings: the bound on connections holds for all listeners together; each has an equal
    ///     part.
    ///   - tls: for a listener with these schemes. An inherited socket has those of all URLs.
    ///   - inherited: sockets of systemd units with this kind's name; if there are any, they take
    ///     the place of the configured addresses.
    static func bind(
        _ urls: [ConfigURL], inherited: [Int32], loops: EventLoops, settings: ListenerSettings,
        tls: ([ConfigURL.Scheme]) -> ListenerTLS?, handler: any HTTPHandler, what: String,
        logger: Logger
    ) async throws -> Listeners {
        var all: [Listener] = []
        var manners: [Manners] = []
        let places = places(urls)
        var settings = settings.shared(by: inherited.isEmpty ? places.count : inherited.count)
        settings.tls = tls(urls.map(\.scheme))
        do {
            for descriptor in inherited {
                manners.append(Manners(settings))
                all.append(
                    try await Listener.bind(
                        .unix(path: ""), inheritedSocket: descriptor, loops: loops,
                        settings: settings, handler: handler))
            }
            if inherited.isEmpty {
                for (address, schemes) in places {
                    settings.tls = tls(schemes)
                    manners.append(Manners(settings))
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
        return Listeners(all: all, manners: manners)
    }

    /// Port 0 is another port each time.
    private static func places(_ urls: [ConfigURL]) -> [(ListenAddress, [ConfigURL.Scheme])] {
        var places: [(ListenAddress, [ConfigURL.Scheme])] = []
        for url in urls {
            let address: ListenAddress =
                url.scheme.isUnix
                ? .unix(path: url.path) : .tcp(host: url.host, port: Int(url.port))
            let isFixed = url.scheme.isUnix || url.port != 0
            if isFixed, let index = places.firstIndex(where: { $0.0 == address }) {
                places[index].1.append(url.scheme)
            } else {
                places.append((address, [url.scheme]))
            }
        }
        return places
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
