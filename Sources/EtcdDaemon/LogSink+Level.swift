//  The log's level by the words of etcd, of both its loggers.

import EtcdHTTP
import Logging

extension LogSink: LogLevelControl {
    private static let levels: [String: Logger.Level] = [
        "TRACE": .trace, "T": .trace, "DEBUG": .debug, "D": .debug, "INFO": .info, "I": .info,
        "NOTICE": .notice, "N": .notice, "WARNING": .warning, "WARN": .warning, "W": .warning,
        "ERROR": .error, "E": .error, "CRITICAL": .critical, "C": .critical, "PANIC": .critical,
        "FATAL": .critical,
    ]

    package func setLevel(_ word: String) -> Bool {
        guard let level = LogSink.levels[word.uppercased()] else { return false }
        self.level = level
        return true
    }
}
