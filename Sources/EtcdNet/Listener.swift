//  A bound socket and its connections, spread over all event loops.

import Glibc
package import NIOCore
import NIOPosix

/// Safe to use from any thread.
package final class Listener: Sendable {
    /// `ip:port` as the kernel assigned it, or the path of the socket file.
    package let localAddress: String
    /// `nil` for a socket file.
    package let port: Int?

    private let channel: any Channel
    private let gate: NIOLoopBound<AcceptGate>
    private let connections: ConnectionTable
    /// The socket file to remove in the end.
    private let ownedPath: String?

    private init(
        channel: any Channel, gate: NIOLoopBound<AcceptGate>, connections: ConnectionTable,
        ownedPath: String?
    ) {
        self.channel = channel
        self.gate = gate
        self.connections = connections
        self.ownedPath = ownedPath
        localAddress = channel.localAddress?.endpointText ?? ""
        port = channel.localAddress?.port
    }

    /// Binds and begins to accept. `inheritedSocket`, already bound (systemd), is taken over and
    /// makes `address` a mere name. Throws `ListenError`.
    package static func bind(
        _ address: ListenAddress, inheritedSocket: CInt? = nil, loops: EventLoops,
        settings: ListenerSettings = ListenerSettings(), handler: any HTTPHandler
    ) async throws -> Listener {
        try await bind(address, inheritedSocket, loops, settings) { channel, loop in
            try addFirstHandler(
                to: channel.pipeline.syncOperations, loop: loop, handler: handler)
        }
    }

    /// The same for connections that speak something else: `serve` adds what handles one to its
    /// pipeline. It is called on the connection's loop, before anything is read.
    package static func bind(
        _ address: ListenAddress, loops: EventLoops, maxConnections: Int,
        serve: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> Listener {
        try await bind(
            address, nil, loops, ListenerSettings(maxConnections: maxConnections)
        ) { channel, _ in try serve(channel) }
    }

    private typealias Initializer = @Sendable (any Channel, ListenerLoop) throws -> Void

    private static func bind(
        _ address: ListenAddress, _ inheritedSocket: CInt?, _ loops: EventLoops,
        _ settings: ListenerSettings, serve: @escaping Initializer
    ) async throws -> Listener {
        do {
            return try await open(address, inheritedSocket, loops, settings, serve)
        } catch let error as IOError {
            let reason = String(cString: strerror(error.errnoCode)).lowercased()
            throw ListenError(description: "listen \(address.network) \(address): bind: \(reason)")
        } catch {
            throw ListenError(description: "listen \(address.network) \(address): \(error)")
        }
    }

    private static func open(
        _ address: ListenAddress, _ inheritedSocket: CInt?, _ loops: EventLoops,
        _ settings: ListenerSettings, _ serve: @escaping Initializer
    ) async throws -> Listener {
        // Where a lone connection goes, too: it then costs no change of threads.
        let acceptLoop = loops.all[0]
        let gate = try await acceptLoop.submit {
            NIOLoopBound(
                AcceptGate(
                    maxConnections: settings.maxConnections,
                    startsClosed: settings.startsClosed,
                    balance: settings.usesFirstLoop ? nil : AcceptBalance(loops)),
                eventLoop: acceptLoop)
        }.get()
        let table = ConnectionTable(loops: loops, settings: settings)
        var bootstrap = ServerBootstrap(
            group: acceptLoop, childGroup: settings.usesFirstLoop ? loops.all[0] : loops.group
        )
        .serverChannelOption(.backlog, value: HTTPServerLimits.backlog)
        .serverChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(gate.value)
            }
        }
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try setOptions(of: channel)
                try serve(channel, table.loop(of: channel))
            }
        }
        // The name of an inherited socket does not tell.
        if inheritedSocket.map(TCPOptions.fit) ?? address.isTCP {
            bootstrap = bootstrap.withTCPOptions()
        }
        let channel: any Channel
        if let inheritedSocket {
            channel = try await bootstrap.withBoundSocket(inheritedSocket).get()
        } else if case .unix(let path) = address {
            channel = try await bootstrap.bind(
                unixDomainSocketPath: path, cleanupExistingSocketFile: true
            ).get()
        } else {
            channel = try await bootstrap.bind(to: address.resolved()).get()
        }
        return Listener(
            channel: channel, gate: gate, connections: table,
            ownedPath: inheritedSocket == nil ? address.path : nil)
    }

    /// Of an accepted connection, on its loop. The bootstrap would make a chain of futures of them.
    private static func setOptions(of channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.allowRemoteHalfClosure, value: true)
        // One buffer full, then the others' turn.
        try options.setOption(.maxMessagesPerRead, value: 1)
        try options.setOption(
            .writeBufferWaterMark,
            value: .init(
                low: HTTPServerLimits.outputLowWater, high: HTTPServerLimits.outputHighWater))
    }

    /// For a listener with `startsClosed`.
    package func startAccepting() {
        let gate = gate
        channel.eventLoop.execute { gate.value.open() }
    }

    // MARK: Ending

    /// Closes the socket; open connections go on. Idempotent.
    package func stopAccepting() async {
        try? await channel.close().get()
        if let ownedPath { unlink(ownedPath) }
    }

    /// Stops accepting, closes idle connections at once and busy ones after their answers, and
    /// after the grace period whatever is left. Returns when all are closed.
    package func drain(graceMilliseconds: UInt64) async {
        await stopAccepting()
        connections.forEach { $0.drain() }
        await emptied(within: .milliseconds(Int64(clamping: graceMilliseconds)))
        connections.forEach { $0.cutAll() }
        await emptied(within: .seconds(1))
    }

    /// Returns when no connection is open, or after `limit`.
    func emptied(within limit: TimeAmount) async {
        let loop = channel.eventLoop
        let done = loop.makePromise(of: Void.self)
        let gate = gate
        loop.execute {
            let timer = loop.scheduleTask(in: limit) { done.succeed() }
            gate.value.notifyWhenEmpty {
                timer.cancel()
                done.succeed()
            }
        }
        try? await done.futureResult.get()
    }
}

/// The listener's part on every event loop.
private struct ConnectionTable: Sendable {
    private let entries: [(loop: any EventLoop, state: NIOLoopBoundBox<ListenerLoop?>)]
    private let settings: ListenerSettings

    init(loops: EventLoops, settings: ListenerSettings) {
        self.settings = settings
        entries = loops.all.map {
            ($0, NIOLoopBoundBox.makeEmptyBox(valueType: ListenerLoop.self, eventLoop: $0))
        }
    }

    /// Called on the loop of `channel`.
    func loop(of channel: any Channel) -> ListenerLoop {
        guard let entry = entries.first(where: { $0.loop === channel.eventLoop }) else {
            return ListenerLoop(eventLoop: channel.eventLoop, settings: settings)
        }
        return state(of: entry)
    }

    private func state(
        of entry: (loop: any EventLoop, state: NIOLoopBoundBox<ListenerLoop?>)
    ) -> ListenerLoop {
        if let present = entry.state.value { return present }
        let made = ListenerLoop(eventLoop: entry.loop, settings: settings)
        entry.state.value = made
        return made
    }

    /// Runs `body` on every loop, later.
    func forEach(_ body: @escaping @Sendable (ListenerLoop) -> Void) {
        for entry in entries {
            entry.loop.execute { body(state(of: entry)) }
        }
    }
}

extension ListenAddress {
    fileprivate var isTCP: Bool { path == nil }

    fileprivate var path: String? {
        if case .unix(let path) = self { path } else { nil }
    }

    /// Go's name of the network.
    fileprivate var network: String { isTCP ? "tcp" : "unix" }
}

/// Adds what serves one connection to the pipeline of `channel`. Called on its loop; for channels
/// that come from elsewhere than a listener.
package func serve(
    _ channel: any Channel, settings: ListenerSettings = ListenerSettings(),
    handler: any HTTPHandler
) throws {
    let loop = ListenerLoop(eventLoop: channel.eventLoop, settings: settings)
    try addFirstHandler(to: channel.pipeline.syncOperations, loop: loop, handler: handler)
}

private func addFirstHandler(
    to pipeline: ChannelPipeline.SynchronousOperations, loop: ListenerLoop,
    handler: any HTTPHandler
) throws {
    if let tls = loop.settings.tls, !tls.acceptsPlainText {
        let handshake = TLSHandshake(loop: loop, handler: handler, tls: tls)
        try TLSHandshake.install(in: pipeline, position: .last, handshake)
    } else {
        try pipeline.addHandler(ProtocolDemux(loop: loop, handler: handler))
    }
}
