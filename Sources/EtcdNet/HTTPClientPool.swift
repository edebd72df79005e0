//  The connections of one event loop that wait for their next exchange.

import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Dials and keeps connections. Confined to `loop`.
final class HTTPClientPool {
    /// Per address: what the parallel posts of a peer and what one loop asks the leader use at
    /// once.
    static let usualIdleMax = 20
    /// A connection is not kept longer than this without use; below the five minutes after which
    /// Go's peer server closes it from its side.
    static let idleTimeout = TimeAmount.seconds(60)

    private struct Idle {
        let connection: HTTPClientConnection
        let expiry: Scheduled<Void>
    }

    let loop: any EventLoop
    let tls: TLSContext?
    private let idleMax: Int
    private var idle: [HTTPClientAddress: [Idle]] = [:]
    private var isClosed = false

    init(loop: any EventLoop, tls: TLSContext?, idleMax: Int = HTTPClientPool.usualIdleMax) {
        self.loop = loop
        self.tls = tls
        self.idleMax = idleMax
    }

    /// A kept connection, the one used last.
    func take(_ address: HTTPClientAddress) -> HTTPClientConnection? {
        while let entry = idle[address]?.popLast() {
            entry.expiry.cancel()
            if idle[address]?.isEmpty == true { idle[address] = nil }
            if entry.connection.isActive { return entry.connection }
        }
        return nil
    }

    /// Dials; `done` is called on the loop.
    func connect(
        _ address: HTTPClientAddress, timeout: TimeAmount,
        done: @escaping (Result<HTTPClientConnection, HTTPClientError>) -> Void
    ) {
        loop.preconditionInEventLoop()
        let dialled = address.dialled
        if address.secureHost != nil || dialled.secureHost != nil, tls == nil {
            let reason = "dial \(address.description): there are no settings for TLS"
            return done(.failure(HTTPClientError(.badAddress, reason)))
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelInitializer { [tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if case .proxied(let proxy, let server) = address {
                        if let host = proxy.address.secureHost, let tls {
                            try pipeline.addHandler(try tls.clientHandler(for: host))
                        }
                        if server.secureHost != nil {
                            try pipeline.addHandler(ProxyTunnel(proxy, to: server))
                        }
                    }
                    if let host = address.secureHost, let tls {
                        try pipeline.addHandler(try tls.clientHandler(for: host))
                    }
                    try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
                    try pipeline.addHandler(
                        HTTPClientConnection(address: address, channel: channel))
                }
            }
        let future: EventLoopFuture<any Channel>
        switch dialled {
        case .proxied:
            preconditionFailure("proxies are not reached by proxies")
        case .tcp(let host, let port, _):
            future = bootstrap.withTCPOptions().connect(host: host, port: port)
        case .unix(let path, _):
            future = bootstrap.connect(unixDomainSocketPath: path)
        }
        let done = NIOLoopBound(done, eventLoop: loop)
        future.flatMapThrowing { channel in
            let handler = try channel.pipeline.syncOperations.handler(
                type: HTTPClientConnection.self)
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.hop(to: loop).whenComplete { result in
            switch result {
            case .success(let connection): done.value(.success(connection.value))
            case .failure(let error): done.value(.failure(Self.dialError(error, dialled)))
            }
        }
    }

    static func dialError(_ error: any Error, _ address: HTTPClientAddress)
        -> HTTPClientError
    {
        if case .connectTimeout? = error as? ChannelError {
            return HTTPClientError(.timeout, "dial \(address.description): timeout")
        }
        let failure = error as? NIOConnectionError
        if let failure, failure.connectionErrors.isEmpty {
            return HTTPClientError(.connect, "dial \(address.description): no such host")
        }
        let reasons = failure?.connectionErrors.map { Self.text(of: $0.error) } ?? []
        let text = reasons.isEmpty ? Self.text(of: error) : reasons.joined(separator: "; ")
        return HTTPClientError(.connect, "dial \(address.description): \(text)")
    }

    private static func text(of error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }

    /// Keeps a connection whose exchange ended, or closes it when there are enough.
    func keep(_ connection: HTTPClientConnection) {
        let address = connection.address
        if isClosed || idle[address, default: []].count >= idleMax {
            connection.discard()
            return
        }
        let bound = NIOLoopBound((self, connection), eventLoop: loop)
        let expiry = loop.scheduleTask(in: Self.idleTimeout) {
            let (pool, connection) = bound.value
            pool.forget(connection)
            connection.discard()
        }
        connection.onIdleClose = { [weak self] in self?.forget($0) }
        idle[address, default: []].append(Idle(connection: connection, expiry: expiry))
    }

    private func forget(_ connection: HTTPClientConnection) {
        let address = connection.address
        guard let place = idle[address]?.firstIndex(where: { $0.connection === connection })
        else { return }
        idle[address]?.remove(at: place).expiry.cancel()
        if idle[address]?.isEmpty == true { idle[address] = nil }
    }

    /// Closes what is kept; nothing is kept from now on.
    func close() {
        isClosed = true
        for entry in idle.values.joined() {
            entry.expiry.cancel()
            entry.connection.discard()
        }
        idle = [:]
    }
}
