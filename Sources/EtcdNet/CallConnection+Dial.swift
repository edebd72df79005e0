//  From an endpoint to a connection on which calls can be made.

package import NIOCore
import NIOPosix

extension CallConnection {
    /// Dials `origin` (`http://host:port`, `https://…`, `unix://path`, `unixs://path`) and waits
    /// for the server's first word. Fails with `CallStatus` only.
    ///
    /// - Parameter tls: for `https` and `unixs`, which are refused without it.
    package static func dial(
        _ origin: String, settings: CallConnectionSettings, tls: TLSContext?, on loop: any EventLoop
    ) -> EventLoopFuture<NIOLoopBound<CallConnection>> {
        let address: HTTPClientAddress
        do throws(HTTPClientError) {
            address = try HTTPClientAddress(origin: origin)
        } catch {
            return loop.makeFailedFuture(CallStatus(.invalidArgument, error.description))
        }
        if address.secureHost != nil, tls == nil {
            let reason = "dial \(address.description): there are no settings for TLS"
            return loop.makeFailedFuture(CallStatus(.invalidArgument, reason))
        }
        let greeting = loop.makePromise(of: NIOLoopBound<CallConnection>.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(settings.dialTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let host = address.secureHost, let tls {
                        try pipeline.addHandler(try tls.clientHandler(for: host))
                    }
                    try pipeline.addHandler(
                        CallConnection(address, settings, loop: loop, greeting: greeting))
                }
            }
        let connected: EventLoopFuture<any Channel>
        switch address {
        case .proxied:
            preconditionFailure("nobody asked for a proxy")
        case .tcp(let host, let port, _):
            connected = bootstrap.withTCPOptions().connect(host: host, port: port)
        case .unix(let path, _):
            connected = bootstrap.connect(unixDomainSocketPath: path)
        }
        connected.whenFailure { error in
            let reason = HTTPClientPool.dialError(error, address).description
            greeting.fail(CallStatus(.unavailable, reason))
        }
        return greeting.futureResult
    }
}
