//  Log lines in etcd's JSON and console forms (spec operations 2).

import EtcdServer
import Glibc
package import Logging
import Protobuf
package import RuntimeCore
import Synchronization

/// Where log lines go; one write per line, so that lines of several threads never mix.
package final class LogSink: Sendable {
    private let destinations: [any LogDestination]
    /// The level below which lines are dropped; changes at run time.
    private let levelValue: Atomic<Int>

    package convenience init(descriptors: [Int32], level: Logger.Level) {
        self.init(descriptors.map { DescriptorLog(descriptor: $0) }, level: level)
    }

    init(_ destinations: [any LogDestination], level: Logger.Level) {
        self.destinations = destinations
        levelValue = Atomic(LogSink.rank(level))
    }

    package var level: Logger.Level {
        get { Logger.Level.allCases[levelValue.load(ordering: .relaxed)] }
        set { levelValue.store(LogSink.rank(newValue), ordering: .relaxed) }
    }

    /// Whether lines of the debug level are written.
    var isDebugging: Bool { levelValue.load(ordering: .relaxed) <= LogSink.debugRank }

    func write(_ line: [UInt8], level: Logger.Level = .info) {
        for destination in destinations { destination.write(line, level: level) }
    }

    private static let debugRank = rank(.debug)

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
    private let sampler = LogSampler()

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
        let now = clock.now()
        let text = "\(event.message)"
        guard sampler.admits(event.level, text, at: now.monotonic) else { return }
        var fields = metadata
        if let added = event.metadata { fields.merge(added) { _, new in new } }
        let name = fields.removeValue(forKey: LogField.logger).map { "\($0)" } ?? name
        let caller = EtcdLogHandler.caller(event.file, event.line)
        let time = TimestampText.microseconds(now.wall)
        var line: [UInt8] = []
        if isJSON {
            line += Array("{\"level\":\"\(levelText(event.level))\",\"ts\":\"\(time)\"".utf8)
            if !name.isEmpty { line += Array(",\"logger\":\"\(name)\"".utf8) }
            line += Array(",\"caller\":\"\(caller)\",\"msg\":".utf8)
            JSONValue.writeString(Bytes(text), into: &line)
            if !fields.isEmpty { line.append(UInt8(ascii: ",")) }
            EtcdLogHandler.write(fields, into: &line)
            line.append(UInt8(ascii: "}"))
        } else {
            let source = name.isEmpty ? "" : "\(name)\t"
            line += Array("\(time)\t\(levelText(event.level))\t\(source)\(caller)\t".utf8)
            // One line for each event, whatever it says.
            line += text.utf8.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }
            if !fields.isEmpty {
                line += Array("\t{".utf8)
                EtcdLogHandler.write(fields, into: &line)
                line.append(UInt8(ascii: "}"))
            }
        }
        line.append(UInt8(ascii: "\n"))
        sink.write(line, level: event.level)
    }

    /// The fields as members of a JSON object, in the order of their names.
    private static func write(_ fields: Logger.Metadata, into line: inout [UInt8]) {
        for (position, field) in fields.sorted(by: { $0.key < $1.key }).enumerated() {
            if position > 0 { line.append(UInt8(ascii: ",")) }
            JSONValue.writeString(Bytes(field.key), into: &line)
            line.append(UInt8(ascii: ":"))
            write(field.value, into: &line)
        }
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
