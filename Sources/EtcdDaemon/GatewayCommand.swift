//  `gateway start`: a TCP forwarder for clients that know one address only.

import EtcdConfig
import EtcdDiscovery
import EtcdNet
import EtcdProxy
import Glibc
import Logging
import RuntimeCore
import RuntimePosix
import UnixSignals

package enum GatewayCommand {
    private struct Refusal: Error { let text: String }

    /// Runs until a signal ends it.
    ///
    /// - Parameter arguments: what follows `gateway`.
    /// - Returns: the exit code.
    package static func run(arguments: [String]) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        StartSignals.trap()
        switch GatewayOptions.parse(arguments) {
        case .help(let text):
            write(text, to: STDOUT_FILENO)
            return 0
        case .failure(let text):
            write(text, to: STDERR_FILENO)
            return 1
        case .start(let options):
            do {
                try await start(options)
                return 0
            } catch let refusal as Refusal {
                write(refusal.text + "\n", to: STDERR_FILENO)
            } catch {
                write("\(error)\n", to: STDERR_FILENO)
            }
            return 1
        }
    }

    private static func start(_ options: GatewayOptions) async throws {
        let logger = logger()
        StartSignals.tell(logger)
        var targets = try await discover(options, logger)
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
        let loops = EventLoops(count: EventLoops.suitableCount)
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
        _ options: GatewayOptions, _ logger: Logger
    ) async throws -> [GatewayTarget] {
        let domain = options.discoveryDomain
        if domain.isEmpty { return [] }
        let found = try await records(of: domain, options.discoveryName)
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

    /// The targets of `_etcd-client-ssl[-NAME]._tcp.DOMAIN`, which are secure, and of
    /// `_etcd-client[-NAME]._tcp.DOMAIN`.
    private static func records(of domain: String, _ name: String) async throws -> [(
        target: GatewayTarget, isSecure: Bool
    )] {
        var found: [(GatewayTarget, Bool)] = []
        var problems: [String] = []
        for (service, isSecure) in [("etcd-client-ssl", true), ("etcd-client", false)] {
            do throws(DiscoveryError) {
                let records = try await ServiceRecords.lookUp(
                    name.isEmpty ? service : "\(service)-\(name)", domain: domain)
                found += records.map { (GatewayTarget($0), isSecure) }
            } catch {
                problems.append(error.description)
            }
        }
        if found.isEmpty {
            throw Refusal(text: "dns lookup errors: \(problems.joined(separator: " and "))")
        }
        return found
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

extension GatewayTarget {
    fileprivate init(_ record: ServiceRecord) {
        self.init(
            host: record.target, port: record.port, priority: UInt16(clamping: record.priority),
            weight: UInt16(clamping: record.weight))
    }
}
