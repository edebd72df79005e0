//  Where the configuration sends the log.

import EtcdConfig
import Glibc
import Logging
import RuntimeCore

extension LogSink {
    convenience init(_ config: ServerConfig, clock: any Clock) throws(FileError) {
        var destinations: [any LogDestination] = []
        for output in config.logOutputs {
            switch output {
            case .standardError: destinations.append(DescriptorLog(descriptor: STDERR_FILENO))
            case .journal:
                destinations.append(
                    JournalLog.exists ? JournalLog() : DescriptorLog(descriptor: STDERR_FILENO))
            case .standardOutput: destinations.append(DescriptorLog(descriptor: STDOUT_FILENO))
            case .file(let path):
                if let rotation = config.logRotation {
                    destinations.append(
                        try RotatingLog(path: path, rotation: rotation, clock: clock))
                } else {
                    destinations.append(DescriptorLog(descriptor: try RotatingLog.open(path)))
                }
            }
        }
        self.init(destinations, level: Logger.Level(config.logLevel))
    }
}

extension Logger.Level {
    init(_ level: ServerConfig.LogLevel) {
        self =
            switch level {
            case .debug: .debug
            case .info: .info
            case .warn: .warning
            case .error: .error
            case .panic, .fatal: .critical
            }
    }
}
