//  The program as a library: from arguments to an exit code.

import EtcdConfig
import EtcdServer
import Glibc
import Logging
import RuntimeCore
import RuntimePosix

package enum Daemon {
    /// Runs until a signal, a removal or a failure ends it.
    ///
    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit code: 0 for a requested end, 1 for a failure, 2 for a command line that
    ///   cannot be read.
    package static func run(arguments: [String]) async -> Int32 {
        // A client that goes away is an error of its connection, not of the process.
        signal(SIGPIPE, SIG_IGN)
        StartSignals.trap()
        let outcome = ConfigLoader.load(
            arguments: arguments, environment: environment(),
            readFile: { try PosixFileSystem().contents(of: $0) }, host: host)
        switch outcome {
        case .help(let text), .version(let text), .print(let text):
            write(text, to: STDOUT_FILENO)
            return 0
        case .check(let text, let exitCode):
            write(text, to: STDOUT_FILENO)
            return exitCode
        case .failure(let message, let exitCode):
            write(message, to: STDERR_FILENO)
            return exitCode
        case .run(let config, let notices):
            return await run(config, notices: notices)
        }
    }

    private static func run(_ config: ServerConfig, notices: [ConfigNotice]) async -> Int32 {
        let clock = SystemClock()
        let sink: LogSink
        do {
            sink = try LogSink(config, clock: clock)
        } catch {
            write("etcd-swift: \(error)\n", to: STDERR_FILENO)
            return 1
        }
        let isJSON = config.logFormat == .json
        let logger = Logger(label: "") { _ in
            EtcdLogHandler(name: "", sink: sink, isJSON: isJSON, clock: clock)
        }
        StartSignals.tell(logger)
        for notice in notices { log(notice, logger) }
        if !CoreDump.leaveOutMemory() {
            logger.warning("a crash may leave an image of the memory with passwords in it")
        }
        let systemd = ServiceManager()
        do {
            if ServiceChoice.of(config, in: PosixFileSystem(), logger: logger) == .proxy {
                let proxy = try await ProxyService.start(config, systemd: systemd, logger: logger)
                return await proxy.runUntilStopped()
            }
            let member = try await MemberService.start(
                config, systemd: systemd, clock: clock, log: sink, logger: logger)
            return await member.runUntilStopped()
        } catch let surplus as SurplusMember {
            return await fallBack(config, surplus, systemd: systemd, logger: logger)
        } catch {
            logger.critical("cannot start", metadata: ["error": "\(error)"])
            systemd.status("cannot start: \(error)")
            return 1
        }
    }

    /// Whom a discovered cluster has no place for serves it as a proxy.
    private static func fallBack(
        _ config: ServerConfig, _ surplus: SurplusMember, systemd: ServiceManager, logger: Logger
    ) async -> Int32 {
        logger.warning(
            "discovery cluster is full, falling back to proxy",
            metadata: ["fallback-proxy": "proxy", "error": "\(surplus)"])
        do {
            let proxy = try await ProxyService.start(
                config, peerURLs: surplus.members.map(\.url.text), systemd: systemd, logger: logger)
            return await proxy.runUntilStopped()
        } catch {
            logger.critical("cannot start", metadata: ["error": "\(error)"])
            systemd.status("cannot start: \(error)")
            return 1
        }
    }

    private static func log(_ notice: ConfigNotice, _ logger: Logger) {
        var metadata: Logger.Metadata = ["setting": "\(notice.setting)"]
        for field in notice.fields { metadata[field.key] = "\(field.value)" }
        switch notice.level {
        case .info: logger.info("\(notice.message)", metadata: metadata)
        case .warning: logger.warning("\(notice.message)", metadata: metadata)
        }
    }

    private static var host: ConfigHost {
        ConfigHost(
            defaultAddress: HostNames.defaultAddress,
            isInitialized: { data, wal in
                Bootstrap.hasLog(
                    DataDirectory(root: data, walDirectory: wal), in: PosixFileSystem())
            }, resolve: HostNames.resolve)
    }

    static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }

    static func write(_ text: String, to descriptor: Int32) {
        LogSink(descriptors: [descriptor], level: .trace).write(Array(text.utf8))
    }
}
