//  Whether a data directory is sound, and if not, what is wrong and where: `check`. Not in etcd.

import EtcdProto
import EtcdServer
import EtcdWAL
import Protobuf
import Raft
import RuntimeCore

enum DirectoryCheck {
    static let command = ToolCommand(
        use: "check", short: "Checks the log, snapshots and database of a data directory",
        flags: [
            .text(
                "data-dir",
                "Required. Checks a data directory not in use by etcd, without changing it.",
                isRequired: true),
            .text("wal-dir", "Path to the WAL directory (use --data-dir if none given)"),
        ],
        body: { invocation in
            try ResultFormat.check(invocation)
            let format = invocation.text("write-out")
            guard format == "simple" || format == "json" else {
                throw ResultFormat.unsupported(format)
            }
            let survey = try DirectorySurvey(
                DataDirectory(
                    root: invocation.text("data-dir"), walDirectory: invocation.text("wal-dir")))
            ToolOutput.write(format == "json" ? json(survey) : text(survey))
            return survey.damages == 0 ? 0 : ToolExit.failure
        })

    // MARK: for people

    static func text(_ survey: DirectorySurvey) -> String {
        var lines = summary(survey)
        for finding in survey.findings { lines.append(line(finding)) }
        switch survey.damages {
        case 0: lines.append("\(survey.directory.root) is sound")
        case 1: lines.append("\(survey.directory.root) has 1 problem")
        default: lines.append("\(survey.directory.root) has \(survey.damages) problems")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// What was found, a line for each part.
    static func summary(_ survey: DirectorySurvey) -> [String] {
        var lines: [String] = []
        if let log = survey.log {
            if let metadata = log.metadata {
                lines.append(
                    "member \(MemberID(metadata.nodeID)) of cluster "
                        + String(metadata.clusterID, radix: 16))
            }
            let count = log.segments.count
            lines.append(
                "log: \(count) segment\(count == 1 ? "" : "s"), entries \(log.firstIndex) to "
                    + "\(log.lastIndex), last term \(log.lastTerm), committed up to "
                    + "\(log.hardState.commit)")
        }
        if let snapshot = survey.snapshot {
            lines.append(
                "snapshot: index \(snapshot.metadata.index), term \(snapshot.metadata.term)")
        }
        if let database = survey.database {
            let revision = database.revision.map { ", revision \($0)" } ?? ""
            lines.append(
                "database: \(SizeText.text(database.sizeBytes))\(revision), entries up to "
                    + "\(database.applied)")
        }
        return lines
    }

    private static func line(_ finding: StorageFinding) -> String {
        var text = finding.severity == .damage ? "damaged: " : "note: "
        text += finding.path
        if let offset = finding.offset { text += " at byte \(offset)" }
        if let index = finding.index { text += ", entry \(index)" }
        return text + ": " + finding.text
    }

    // MARK: for scripts

    static func json(_ survey: DirectorySurvey) -> String {
        var text = "{\"sound\":\(survey.damages == 0)"
        if let log = survey.log {
            if let metadata = log.metadata {
                text += ",\"member\":\"\(MemberID(metadata.nodeID))\",\"cluster\":\""
                text += String(metadata.clusterID, radix: 16) + "\""
            }
            text += ",\"log\":{\"segments\":\(log.segments.count),\"firstIndex\":\(log.firstIndex)"
            text += ",\"lastIndex\":\(log.lastIndex),\"lastTerm\":\(log.lastTerm)"
            text += ",\"commit\":\(log.hardState.commit)}"
        }
        if let snapshot = survey.snapshot {
            text += ",\"snapshot\":{\"index\":\(snapshot.metadata.index)"
            text += ",\"term\":\(snapshot.metadata.term)}"
        }
        if let database = survey.database {
            text += ",\"database\":{\"size\":\(database.sizeBytes)"
            if let revision = database.revision { text += ",\"revision\":\(revision)" }
            text += ",\"appliedIndex\":\(database.applied)}"
        }
        let findings = survey.findings.map { json($0) }.joined(separator: ",")
        return text + ",\"findings\":[\(findings)]}\n"
    }

    private static func json(_ finding: StorageFinding) -> String {
        var text = "{\"severity\":\"\(finding.severity == .damage ? "damage" : "note")\",\"file\":"
        text += quoted(finding.path)
        if let offset = finding.offset { text += ",\"offset\":\(offset)" }
        if let index = finding.index { text += ",\"index\":\(index)" }
        return text + ",\"text\":\(quoted(finding.text))}"
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONValue.writeString(Bytes(text), into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
