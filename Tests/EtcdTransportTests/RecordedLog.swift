//  A log that a test can read.

import Logging
import Synchronization

final class RecordedLog: Sendable {
    private struct Line {
        let text: String
        let fields: [String: String]
    }

    private struct Handler: LogHandler {
        let record: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).mapValues { "\($0)" }
            let line = Line(text: "\(event.message)", fields: fields)
            record.lines.withLock { $0.append(line) }
        }
    }

    private let lines = Mutex<[Line]>([])

    var logger: Logger { Logger(label: "test") { _ in Handler(record: self) } }

    /// Of each line with this text, in order.
    func fields(of text: String) -> [[String: String]] {
        lines.withLock { lines in lines.filter { $0.text == text }.map(\.fields) }
    }
}
