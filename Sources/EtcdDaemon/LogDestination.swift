//  Where log lines end: a descriptor, the journal, or a file that is exchanged when it is full.

import CSystemd
import Glibc
import Logging
import Synchronization

/// Takes whole lines, from any thread.
protocol LogDestination: Sendable {
    func write(_ line: [UInt8], level: Logger.Level)
}

/// An open descriptor; it is not closed here.
struct DescriptorLog: LogDestination {
    let descriptor: Int32

    func write(_ line: [UInt8], level: Logger.Level) {
        _ = DescriptorLog.write(line, to: descriptor)
    }

    /// Bytes written; fewer than given when the log cannot be written, which must not stop the
    /// database.
    static func write(_ line: [UInt8], to descriptor: Int32) -> Int {
        var offset = 0
        while offset < line.count {
            let written = line[offset...].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if written <= 0 { break }
            offset += written
        }
        return offset
    }
}

/// systemd's journal, with the level as its priority.
struct JournalLog: LogDestination {
    /// Whether a journal listens on this machine.
    static var exists: Bool { access("/run/systemd/journal/socket", W_OK) == 0 }

    func write(_ line: [UInt8], level: Logger.Level) {
        let text = line.last == UInt8(ascii: "\n") ? line.dropLast() : line[...]
        var message = Array("MESSAGE=".utf8) + text
        var priority = Array("PRIORITY=\(JournalLog.priority(level))".utf8)
        var identifier = Array("SYSLOG_IDENTIFIER=etcd-swift".utf8)
        let isSent = message.withUnsafeMutableBytes { message in
            priority.withUnsafeMutableBytes { priority in
                identifier.withUnsafeMutableBytes { identifier in
                    let fields = [message, priority, identifier].map {
                        iovec(iov_base: $0.baseAddress, iov_len: $0.count)
                    }
                    return sd_journal_sendv(fields, Int32(fields.count)) == 0
                }
            }
        }
        if !isSent { _ = DescriptorLog.write(line, to: STDERR_FILENO) }
    }

    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info, .notice: 6
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
