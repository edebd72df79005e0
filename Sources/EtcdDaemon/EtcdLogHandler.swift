//  Log lines in etcd's JSON and console forms (spec operations 2).

import Glibc
package import Logging
import Protobuf
package import RuntimeCore
import Synchronization

/// Where log lines go; one write per line, so that lines of several threads never mix.
package final class LogSink: Sendable {
    private let descriptors: [Int32]
    /// The level below which lines are dropped; changes at run time.
    private let levelValue: Atomic<Int>

    package init(descriptors: [Int32], level: Logger.Level) {
        self.descriptors = descriptors
        levelValue = Atomic(LogSink.rank(level))
    }

    package var level: Logger.Level {
        get { Logger.Level.allCases[levelValue.load(ordering: .relaxed)] }
        set { levelValue.store(LogSink.rank(newValue), ordering: .relaxed) }
    }

    func write(_ line: [UInt8]) {
        for descriptor in descriptors {
            var offset = 0
            while offset < line.count {
                let written = line[offset...].withUnsafeBytes {
                    Glibc.write(descriptor, $0.baseAddress, $0.count)
                }
                // A log that cannot be written must not stop the database.
                if written <= 0 { break }
                offset += written
            }
        }
    }

    private static func rank(_ level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level)!
    }
}

/// swift-log's back end.
package struct EtcdLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    private let name: String
    private let sink: LogSink
    private let isJSON: Bool
    private let clock: any Clock

    package init(name: String, sink: LogSink, isJSON: Bool, clock: any Clock) {
        self.name = name
        self.sink = sink
        self.isJSON = isJSON
        self.clock = clock
    }

    package var logLevel: Logger.Level {
        get { sink.level }
        set { sink.level = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let added = event.metadata { fields.merge(added) { _, new in new } }
        let caller = EtcdLogHandler.caller(event.file, event.line)
        let time = TimestampText.microseconds(clock.now().wall)
        var line: [UInt8] = []
        if isJSON {
            line += Array("{\"level\":\"\(levelText(event.level))\",\"ts\":\"\(time)\"".utf8)
            if !name.isEmpty { line += Array(",\"logger\":\"\(name)\"".utf8) }
            line += Array(",\"caller\":\"\(caller)\",\"msg\":".utf8)
            JSONValue.writeString(Bytes("\(event.message)"), into: &line)
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                line.append(UInt8(ascii: ","))
                JSONValue.writeString(Bytes(key), into: &line)
                line.append(UInt8(ascii: ":"))
                EtcdLogHandler.write(value, into: &line)
            }
            line.append(UInt8(ascii: "}"))
        } else {
            line += Array("\(time)\t\(levelText(event.level))\t\(caller)\t\(event.message)".utf8)
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                line += Array("\t\(key)=\(value)".utf8)
            }
        }
        line.append(UInt8(ascii: "\n"))
        sink.write(line)
    }

    private static func write(_ value: Logger.Metadata.Value, into line: inout [UInt8]) {
        guard case .array(let items) = value else {
            JSONValue.writeString(Bytes("\(value)"), into: &line)
            return
        }
        line.append(UInt8(ascii: "["))
        for (position, item) in items.enumerated() {
            if position > 0 { line.append(UInt8(ascii: ",")) }
            write(item, into: &line)
        }
        line.append(UInt8(ascii: "]"))
    }

    private func levelText(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warn"
        case .error: "error"
        case .critical: "fatal"
        }
    }

    /// `Module/File.swift:line`, the shape of etcd's caller field.
    private static func caller(_ file: String, _ line: UInt) -> String {
        let parts = file.split(separator: "/").suffix(2)
        return "\(parts.joined(separator: "/")):\(line)"
    }
}
