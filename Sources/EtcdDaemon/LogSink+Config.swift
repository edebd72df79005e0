//  Where the configuration sends the log.

import EtcdConfig
import Glibc
import Logging
import RuntimeCore

extension LogSink {
    convenience init(_ config: ServerConfig) throws(FileError) {
        var descriptors: [Int32] = []
        for output in config.logOutputs {
            switch output {
            // The journal reads a service's standard error; lines lose nothing on the way.
            case .standardError, .journal: descriptors.append(STDERR_FILENO)
            case .standardOutput: descriptors.append(STDOUT_FILENO)
            case .file(let path):
                let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
                guard descriptor >= 0 else {
                    throw FileError(
                        kind: .other, operation: "open", path: path,
                        reason: String(cString: strerror(errno)))
                }
                descriptors.append(descriptor)
            }
        }
        self.init(descriptors: descriptors, level: Logger.Level(config.logLevel))
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
