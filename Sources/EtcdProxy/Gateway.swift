//  A plain TCP forwarder: takes connections and passes their bytes to one of several places.

package import EtcdNet
package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Safe to use from any thread.
package final class Gateway: Sendable {
    /// Seconds that connecting to a target may take.
    private static let dialSeconds: Int64 = 10

    private let targets: Mutex<GatewayTargets>
    private let retryDelay: TimeAmount
    private let logger: Logger

    /// - Parameter retryMilliseconds: how long a target that failed is left alone before it is
    ///   tried again; 0 for etcd's five minutes.
    package init(_ targets: [GatewayTarget], retryMilliseconds: UInt64, logger: Logger) {
        self.targets = Mutex(GatewayTargets(targets))
        retryDelay =
            retryMilliseconds == 0
            ? .minutes(5) : .milliseconds(Int64(clamping: min(retryMilliseconds, 1 << 50)))
        self.logger = logger
    }

    /// Binds and forwards from now on. Throws `ListenError`.
    ///
    /// - Parameter maxConnections: of clients; further ones wait in the kernel's queue.
    package func listen(
        _ address: ListenAddress, loops: EventLoops, maxConnections: Int
    ) async throws -> Listener {
        try await Listener.bind(address, loops: loops, maxConnections: maxConnections) { channel in
            try self.serve(channel)
        }
    }

    /// Called on the loop of `channel`, before anything is read from it.
    private func serve(_ channel: any Channel) throws {
        // Nothing is read while nobody is there to take it.
        try channel.syncOptions?.setOption(.autoRead, value: false)
        let inner = GatewayPipe()
        try channel.pipeline.syncOperations.addHandler(inner)
        inner.onActive = { [unowned inner] in self.connect(inner, channel) }
    }

    /// Tries one target after the other; without one the client's connection is closed.
    private func connect(_ pipe: GatewayPipe, _ channel: any Channel) {
        let picked = targets.withLock { targets in
            var random = SystemRandomNumberGenerator()
            return targets.pick(using: &random).map { ($0, targets.all[$0]) }
        }
        guard let (index, target) = picked else { return channel.close(promise: nil) }
        let loop = channel.eventLoop
        Gateway.dial(target, on: loop) { outgoing in
            try outgoing.pipeline.syncOperations.addHandler(GatewayPipe())
        }.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let outgoing):
                // The channel calls itself active only after this: reading that is asked for
                // before does not begin.
                loop.assumeIsolated().execute { pipe.join(outgoing) }
            case .failure(let error):
                self.leaveAlone(index, target, on: loop, because: error)
                if channel.isActive { self.connect(pipe, channel) }
            }
        }
    }

    private static func dial(
        _ target: GatewayTarget, on loop: any EventLoop,
        prepare: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(dialSeconds))
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withTCPOptions()
            .channelOption(.writeBufferWaterMark, value: GatewayPipe.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel) }
            }
            .connect(host: target.host, port: Int(target.port))
    }

    // MARK: Targets that fail

    private func leaveAlone(
        _ index: Int, _ target: GatewayTarget, on loop: any EventLoop, because error: any Error
    ) {
        guard targets.withLock({ $0.leaveAlone(index) }) else { return }
        logger.warning("deactivated endpoint", metadata: metadata(target, error))
        loop.scheduleTask(in: retryDelay) { self.retry(index, target, on: loop) }
    }

    private func retry(_ index: Int, _ target: GatewayTarget, on loop: any EventLoop) {
        Gateway.dial(target, on: loop) { _ in }.whenComplete { result in
            switch result {
            case .success(let channel):
                channel.close(promise: nil)
                self.targets.withLock { $0.takeBack(index) }
                self.logger.info("activated", metadata: ["address": "\(target.address)"])
            case .failure(let error):
                self.logger.warning(
                    "failed to activate endpoint (stay inactive for another interval)",
                    metadata: self.metadata(target, error))
                loop.scheduleTask(in: self.retryDelay) { self.retry(index, target, on: loop) }
            }
        }
    }

    private func metadata(_ target: GatewayTarget, _ error: any Error) -> Logger.Metadata {
        let causes = (error as? NIOConnectionError)?.connectionErrors.map { "\($0.error)" } ?? []
        return [
            "address": "\(target.address)",
            "interval": "\(retryDelay.nanoseconds / 1_000_000)ms",
            "error": "\(causes.isEmpty ? "\(error)" : causes.joined(separator: "; "))",
        ]
    }
}
