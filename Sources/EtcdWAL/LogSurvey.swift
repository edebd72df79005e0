//  Reading a log without opening it for more: what it holds, and everything that is wrong with it,
//  segment by segment. Changes nothing.

package import EtcdProto
package import Raft
package import RuntimeCore

/// Something that a person should know about a file of the log or a snapshot file.
package struct StorageFinding: Sendable, Equatable {
    package enum Severity: Sendable {
        /// A member starts in spite of it.
        case note
        /// A member refuses to start, or something is lost.
        case damage
    }

    package let severity: Severity
    package let path: String
    /// Where in the file; `nil` when it is the file as a whole.
    package let offset: Int?
    /// The last sound log entry before it.
    package let index: LogIndex?
    package let text: String

    package init(
        _ severity: Severity, path: String, offset: Int? = nil, index: LogIndex? = nil,
        _ text: String
    ) {
        self.severity = severity
        self.path = path
        self.offset = offset
        self.index = index
        self.text = text
    }
}

/// What a log holds, as far as it can be read.
package struct LogSurvey: Sendable {
    package struct Segment: Sendable, Equatable {
        package let path: String
        /// Bytes in use.
        package var usedBytes = 0
        package var records = 0
    }

    package fileprivate(set) var segments: [Segment] = []
    /// Whose log it is.
    package fileprivate(set) var metadata: LogMetadata?
    /// Of the first and the last entry that can be read; 0 when there is none.
    package fileprivate(set) var firstIndex = LogIndex(0)
    package fileprivate(set) var lastIndex = LogIndex(0)
    package fileprivate(set) var lastTerm = Term(0)
    package fileprivate(set) var hardState = HardState.initial
    /// The snapshots that the log notes, oldest first.
    package fileprivate(set) var snapshots: [WALSnapshot] = []
    package fileprivate(set) var findings: [StorageFinding] = []

    /// Snapshots that a member may start from.
    package var usableSnapshots: [WALSnapshot] {
        snapshots.filter { $0.index <= hardState.commit }
    }
}

extension WAL {
    /// Reads all segments. One that is damaged is read up to the damage; the next ones are read
    /// nevertheless.
    ///
    /// - Throws: when there is no log, when a member has it open, or when a file cannot be read.
    package static func survey(fileSystem: any FileSystem, directory: String) throws(WALError)
        -> LogSurvey
    {
        let place = LogDirectory(fileSystem: fileSystem, path: directory)
        let names = try withFileErrors { () throws(FileError) in try place.segments() }
        guard !names.isEmpty else {
            throw WALError(.missing, "\(place.path) holds no log segment")
        }
        var files: [(path: String, file: any File)] = []
        defer { for (_, file) in files { file.close() } }
        for name in names {
            let path = place.path(of: name)
            try withFileErrors(path: path) { () throws(FileError) in
                let file = try fileSystem.open(
                    path, .read, permissions: LogDirectory.filePermissions)
                files.append((path, file))
                try file.lock()
            }
        }
        var surveyor = LogSurveyor()
        for (name, next) in zip(names, names.dropFirst()) where name.sequence + 1 != next.sequence {
            surveyor.note(
                StorageFinding(
                    .damage, path: place.path,
                    "no segment \(HexPair.digits(name.sequence + 1)) between \(name.text) and "
                        + next.text))
        }
        var position = 0
        while position < files.count {
            position += try surveyor.read(Array(files[position...]))
        }
        surveyor.finish(in: place.path)
        return surveyor.survey
    }
}

/// Goes through the records, and keeps count of where it is.
private struct LogSurveyor {
    var survey = LogSurvey()
    private var metadata: Bytes?
    private var hasEntries = false

    mutating func note(_ finding: StorageFinding) { survey.findings.append(finding) }

    /// Reads from the first of `files` on.
    ///
    /// - Returns: how many files are done with: all, or those up to the first damaged one.
    mutating func read(_ files: [(path: String, file: any File)]) throws(WALError) -> Int {
        var reader = try LogReader(files)
        let first = survey.segments.count
        func enter(_ segment: Int) {
            while survey.segments.count <= first + segment {
                let next = files[survey.segments.count - first]
                survey.segments.append(LogSurvey.Segment(path: next.path))
            }
        }
        enter(0)
        do throws(WALError) {
            while let record = try reader.next() {
                enter(reader.segment)
                let place = first + reader.segment
                survey.segments[place].records += 1
                survey.segments[place].usedBytes = reader.offset
                if let problem = take(record) {
                    note(
                        StorageFinding(
                            .damage, path: survey.segments[place].path,
                            offset: reader.recordOffset, index: survey.lastIndex, problem))
                }
            }
        } catch {
            guard error.kind == .corrupt else { throw error }
            let reason = reader.damage ?? error.description
            if reader.segment > 0, reader.recordOffset == 0 {
                // The chain broke between two segments: the fault lies with the end of the first.
                let before = survey.segments[first + reader.segment - 1]
                note(
                    StorageFinding(
                        .damage, path: before.path, offset: before.usedBytes,
                        index: survey.lastIndex,
                        "records are missing or wrong up to the segment after it (\(reason))"))
                return reader.segment
            }
            enter(reader.segment)
            note(
                StorageFinding(
                    .damage, path: survey.segments[first + reader.segment].path,
                    offset: reader.recordOffset, index: survey.lastIndex, reason))
            return reader.segment + 1
        }
        enter(files.count - 1)
        if let tear = reader.tear {
            note(
                StorageFinding(
                    .note, path: files[files.count - 1].path, offset: tear.offset,
                    index: survey.lastIndex,
                    "the last write is incomplete (\(tear.reason)); a start cuts it off"))
        }
        return files.count
    }

    /// - Returns: what is wrong with the record.
    private mutating func take(_ record: WALRecord) -> String? {
        do {
            switch record.kind {
            case .crc:
                return nil
            case .metadata:
                if let metadata, metadata != record.data {
                    return "the metadata differs from that of the segment before"
                }
                metadata = Bytes(Array(record.data.array))
                survey.metadata = try LogMetadata(decoding: record.data)
                return nil
            case .state:
                survey.hardState = try HardState(decoding: record.data)
                return nil
            case .snapshot:
                let snapshot = try WALSnapshot(decoding: record.data)
                survey.snapshots.append(snapshot)
                // What a leader sent stands for the entries before it, and replaces those behind it
                // that are older.
                if snapshot.index > survey.lastIndex || snapshot.term > survey.lastTerm {
                    survey.lastIndex = snapshot.index
                    survey.lastTerm = snapshot.term
                }
                return nil
            case .entry:
                return take(try Entry(decoding: record.data))
            }
        } catch {
            return "\(error)"
        }
    }

    private mutating func take(_ entry: Entry) -> String? {
        let previous = survey.lastIndex
        if !hasEntries { survey.firstIndex = entry.index }
        // The first segment that is left may begin anywhere.
        let isFirst = !hasEntries && survey.snapshots.allSatisfy { $0.index == 0 }
        hasEntries = true
        survey.lastIndex = entry.index
        survey.lastTerm = entry.term
        if isFirst || entry.index <= previous.next { return nil }
        return "entry \(entry.index) follows entry \(previous)"
    }

    mutating func finish(in directory: String) {
        if survey.metadata == nil {
            note(StorageFinding(.damage, path: directory, "the log does not say whose it is"))
        }
        if survey.hardState.commit > survey.lastIndex {
            note(
                StorageFinding(
                    .damage, path: directory, index: survey.lastIndex,
                    "index \(survey.hardState.commit) is committed, but the log ends at "
                        + "\(survey.lastIndex)"))
        }
    }
}
