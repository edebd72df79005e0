//  A check finds what a member would stumble over, and says where it is.

import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdTools

@Suite struct DirectoryCheckTests {
    private let place: ToolDirectory

    init() throws {
        place = try ToolDirectory()
        try place.makeMember(entries: 40, commit: 43)
        try place.makeDatabase(place.data.database, keys: 10, applied: 40)
    }

    /// Where a segment's records end.
    private func usedBytes(_ segment: Int) throws -> Int {
        let survey = try WAL.survey(fileSystem: place.files, directory: place.data.log)
        return survey.segments[segment].usedBytes
    }

    @Test("A sound directory is sound, and stays as it is")
    func sound() throws {
        let names = try place.segments()
        let before = try (names + [place.data.database]).map { try place.bytes($0) }
        let survey = try DirectorySurvey(place.data)
        #expect(survey.findings.isEmpty)
        #expect(survey.log?.segments.count == names.count)
        #expect(names.count > 2)
        #expect(survey.log?.firstIndex == 1)
        #expect(survey.log?.lastIndex == 43)
        #expect(survey.database?.revision == 11)
        #expect(try (names + [place.data.database]).map { try place.bytes($0) } == before)
        #expect(try place.segments() == names)
    }

    @Test("A changed byte in a middle segment is found, and the segments after it are read too")
    func middle() throws {
        let segment = try place.segments()[1]
        try place.damage(segment, at: 2000)
        let survey = try DirectorySurvey(place.data)
        let finding = try #require(survey.findings.first)
        #expect(finding.severity == .damage)
        #expect(finding.path == segment)
        let offset = try #require(finding.offset)
        #expect(offset <= 2000 && offset > 2000 - 400)
        #expect(finding.index.map { $0 > 4 && $0 < 43 } == true)
        #expect(finding.text.contains("checksum"))
        #expect(survey.log?.lastIndex == 43)
        let text = DirectoryCheck.text(survey)
        #expect(text.contains("damaged: \(segment) at byte \(offset)"))
    }

    @Test("A torn end is a note: a start repairs it")
    func torn() throws {
        let last = try #require(try place.segments().last)
        let end = try usedBytes(try place.segments().count - 1)
        let file = try place.files.open(last, .readWrite, permissions: 0o600)
        // The last sector of the last record was never written.
        let from = (end - 1) / 512 * 512
        try file.write([UInt8](repeating: 0, count: end - from), at: from)
        file.close()
        let survey = try DirectorySurvey(place.data)
        #expect(survey.damages == 0)
        #expect(survey.findings.first?.severity == .note)
        #expect(survey.findings.first?.path == last)
        #expect(survey.findings.first?.text.contains("incomplete") == true)
    }

    @Test("A file that ends in the middle of a record is a note only in the last segment")
    func cut() throws {
        let names = try place.segments()
        let file = try place.files.open(names[1], .readWrite, permissions: 0o600)
        try file.truncate(to: try usedBytes(1) - 100)
        file.close()
        let survey = try DirectorySurvey(place.data)
        #expect(survey.damages >= 1)
        #expect(survey.findings[0].path == names[1])
        #expect(survey.findings[0].text.contains("the file has"))
    }

    @Test("A segment that lost its end unnoticed is found by the chain of checksums")
    func chain() throws {
        let names = try place.segments()
        let end = try usedBytes(1)
        let file = try place.files.open(names[1], .readWrite, permissions: 0o600)
        // Whole records are gone, as if never written.
        let survey = try WAL.survey(fileSystem: place.files, directory: place.data.log)
        #expect(survey.findings.isEmpty)
        let record = 8 + 320
        try file.write([UInt8](repeating: 0, count: end - record), at: record)
        file.close()
        let after = try DirectorySurvey(place.data)
        #expect(after.damages >= 1)
        #expect(after.findings[0].path == names[1] || after.findings[0].path == names[2])
        #expect(after.log?.lastIndex == 43)
    }

    @Test("A missing segment is named")
    func gap() throws {
        let names = try place.segments()
        try place.files.remove(names[1])
        let survey = try DirectorySurvey(place.data)
        #expect(survey.findings.contains { $0.text.contains("no segment 0000000000000001") })
        #expect(survey.findings.contains { $0.text.contains("follows entry") })
    }

    @Test("A database that is ahead of the log shows that the log's end is lost")
    func ahead() throws {
        try place.files.remove(place.data.database)
        try place.makeDatabase(place.data.database, keys: 10, applied: 44)
        let survey = try DirectorySurvey(place.data)
        #expect(survey.damages == 1)
        #expect(survey.findings[0].path == place.data.database)
        #expect(survey.findings[0].text.contains("the log ends at 43"))
    }

    @Test("Damaged pages of the database are named")
    func pages() throws {
        let size = try place.bytes(place.data.database).count
        for page in 4..<size / 4096 {
            try place.damage(place.data.database, at: page * 4096 + 8)
        }
        let survey = try DirectorySurvey(place.data)
        #expect(survey.damages >= 1)
        #expect(survey.findings.allSatisfy { $0.path == place.data.database })
        #expect(survey.findings[0].text.hasPrefix("page "))
    }

    @Test("A snapshot without its file, or with a damaged one, is named")
    func snapshots() throws {
        let opened = try Bootstrap.open(place.data, in: place.files, segmentBytes: 4096)
        let store = Bytes(V2Keyspace().save())
        let metadata = SnapshotMetadata(
            confState: ConfState(voters: ToolDirectory.founders.map(\.id)), index: 40, term: 2)
        try opened.snapshotter.save(Snapshot(metadata: metadata, data: store))
        try opened.wal.saveSnapshot(WALSnapshot(index: 40, term: 2, confState: metadata.confState))
        opened.wal.close()
        let path = "\(place.data.snapshots)/0000000000000002-0000000000000028.snap"
        let sound = try DirectorySurvey(place.data)
        #expect(sound.findings.isEmpty)
        #expect(sound.snapshot?.path == path)

        try place.damage(path, at: 100)
        let damaged = try DirectorySurvey(place.data)
        #expect(damaged.findings.first?.path == path)
        #expect(damaged.findings.first?.text.contains("checksum") == true)

        try place.files.remove(path)
        let missing = try DirectorySurvey(place.data)
        #expect(missing.findings.first?.path == path)
        #expect(missing.findings.first?.text.contains("it is not there") == true)
        // The log goes back to its beginning: a start does without it.
        #expect(missing.canStart && missing.damages == 1)
    }

    @Test("A directory that is not there, and one in use, are errors")
    func unusable() throws {
        let nowhere = DataDirectory(root: "\(place.root)/no", walDirectory: "")
        #expect(throws: ToolError("open \(place.root)/no: no such file or directory")) {
            try DirectorySurvey(nowhere)
        }
        let opened = try Bootstrap.open(place.data, in: place.files)
        defer { opened.wal.close() }
        let error = #expect(throws: ToolError.self) { try DirectorySurvey(place.data) }
        #expect(error?.message.contains("in use by another process") == true)
    }
}
