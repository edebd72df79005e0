//  `gateway start`: a TCP forwarder for clients that know one address only.

import EtcdConfig
import EtcdNet
package import EtcdProxy
import Glibc
import Logging
import RuntimeCore
import RuntimePosix
import UnixSignals

/// Names of clients' ports from DNS, for `--discovery-srv`.
package protocol GatewayDirectory: Sendable {
    /// The targets of `_etcd-client-ssl[-NAME]._tcp.DOMAIN` (`isSecure`) and
    /// `_etcd-client[-NAME]._tcp.DOMAIN`. Throws what a person has to read.
    func targets(domain: String, name: String) async throws -> [(
        target: GatewayTarget, isSecure: Bool
    )]
}

package enum GatewayCommand {
    private struct Refusal: Error { let text: String }

    /// Runs until a signal ends it.
    ///
    /// - Parameters:
    ///   - arguments: what follows `gateway`.
    ///   - directory: `nil` where there is none; then --discovery-srv is refused.
    /// - Returns: the exit code.
    package static func run(arguments: [String], directory: (any GatewayDirectory)?) async -> Int32
    {
        signal(SIGPIPE, SIG_IGN)
        switch GatewayOptions.parse(arguments) {
        case .help(let text):
            write(text, to: STDOUT_FILENO)
            return 0
        case .failure(let text):
            write(text, to: STDERR_FILENO)
            return 1
        case .start(let options):
            do {
                try await start(options, directory)
                return 0
            } catch let refusal as Refusal {
                write(refusal.text + "\n", to: STDERR_FILENO)
            } catch {
                write("\(error)\n", to: STDERR_FILENO)
            }
            return 1
        }
    }

    private static func start(_ options: GatewayOptions, _ directory: (any GatewayDirectory)?)
        async throws
    {
        let logger = logger()
        var targets = try await discover(options, directory, logger)
        if targets.isEmpty {
            do throws(ValueError) {
                for endpoint in options.endpoints {
                    targets.append(try GatewayTarget(endpoint: endpoint))
                }
            } catch {
                throw Refusal(text: error.description)
            }
        }
        guard let (host, portText) = GatewayTarget.split(options.listenAddress),
            let port = UInt16(portText)
        else {
            throw Refusal(
                text: "failed to validate listen address: \(options.listenAddress) "
                    + "(it must be HOST:PORT, with a port from 0 to 65535)")
        }
        try checkLoop(targets, options.listenAddress, host, port)
        if targets.isEmpty { throw Refusal(text: "no endpoints found") }
        FileDescriptors.raiseLimit()
        let loops = EventLoops(count: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let gateway = Gateway(
            targets, retryMilliseconds: options.retryMilliseconds, logger: logger)
        // Every client needs a connection to an endpoint, too.
        let listener = try await gateway.listen(
            .tcp(host: host, port: Int(port)), loops: loops,
            maxConnections: max(1, (FileDescriptors.limit - Limits.reservedDescriptors) / 2))
        logger.info(
            "ready to proxy client requests",
            metadata: [
                "endpoints": .array(targets.map { .string($0.address) }),
                "address": "\(listener.localAddress)",
            ])
        let systemd = ServiceManager()
        systemd.ready(status: "forwarding \(listener.localAddress)")
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            logger.info("received signal; shutting down", metadata: ["signal": "\(signal)"])
            break
        }
        systemd.stopping()
        await listener.stopAccepting()
        try await loops.shutdown()
    }

    // MARK: Targets

    private static func discover(
        _ options: GatewayOptions, _ directory: (any GatewayDirectory)?, _ logger: Logger
    ) async throws -> [GatewayTarget] {
        let domain = options.discoveryDomain
        if domain.isEmpty { return [] }
        guard let directory else {
            throw Refusal(
                text: "--discovery-srv: this build cannot ask DNS for services; name the members "
                    + "by --endpoints")
        }
        let found = try await directory.targets(domain: domain, name: options.discoveryName)
        logger.info(
            "discovered cluster with SRV",
            metadata: [
                "srv": "\(domain)",
                "endpoints": .array(found.map { .string($0.target.address) }),
            ])
        if options.isDiscoveryInsecure { return found.map(\.target) }
        let check = GatewayTargetCheck(trustedCAFile: options.trustedCAFile)
        var usable: [GatewayTarget] = []
        for (target, isSecure) in found {
            let problem =
                isSecure ? await check.problem(with: target) : "\(target.address) is insecure"
            if let problem {
                logger.warning(
                    "left out a discovered endpoint",
                    metadata: ["address": "\(target.address)", "error": "\(problem)"])
            } else {
                usable.append(target)
            }
        }
        logger.info(
            "using discovered endpoints",
            metadata: ["endpoints": .array(usable.map { .string($0.address) })])
        return usable
    }

    /// A gateway that forwards to itself would use up all descriptors with the first client.
    private static func checkLoop(
        _ targets: [GatewayTarget], _ address: String, _ host: String, _ port: UInt16
    ) throws {
        let own = host.isEmpty ? [] : HostNames.resolve(host)
        if own.isEmpty, !host.isEmpty {
            throw Refusal(text: "failed to resolve listen host: \(host)")
        }
        for target in targets {
            let addresses = HostNames.resolve(target.host)
            if addresses.isEmpty {
                throw Refusal(text: "failed to resolve endpoint host: \(target.host)")
            }
            guard target.port == port, let same = addresses.first(where: { own.contains($0) })
            else { continue }
            throw Refusal(
                text: "SRV or endpoint (\(target.host):\(port)->\(same):\(port)) should not "
                    + "resolve to the gateway listen addr (\(address))")
        }
    }

    // MARK: Output

    private static func logger() -> Logger {
        let sink = LogSink(descriptors: [STDERR_FILENO], level: .info)
        return Logger(label: "") { _ in
            EtcdLogHandler(name: "", sink: sink, isJSON: true, clock: SystemClock())
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        LogSink(descriptors: [descriptor], level: .trace).write(Array(text.utf8))
    }
}
