//  Files that etcd 3.4.23 wrote: read to the last record, and written again byte for byte.

import EtcdProto
import Foundation
import Raft
import RuntimeCore
import Testing

@testable import EtcdWAL

@Suite struct GoldenTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "testdata")
    static let log = "0000000000000000-0000000000000000.wal"
    static let snapshots = [
        "0000000000000002-0000000000000015.snap", "0000000000000002-000000000000002a.snap",
    ]

    static func content(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appending(path: name)))
    }

    /// A log directory with the file, as long as etcd leaves it.
    static func fixture() throws -> LogFixture {
        let fixture = LogFixture(segmentBytes: 64_000)
        try fixture.fileSystem.createDirectory(LogFixture.directory, permissions: 0o700)
        _ = try fixture.fileSystem.open(
            "\(LogFixture.directory)/\(log)", .replace, permissions: 0o600)
        var bytes = try content(log)
        bytes += [UInt8](repeating: 0, count: 64_000 - bytes.count)
        fixture.tail = bytes
        return fixture
    }

    @Test func everyRecordIsWrittenAgainByteForByte() throws {
        let fixture = try GoldenTests.fixture()
        let path = "\(LogFixture.directory)/\(GoldenTests.log)"
        let file = try fixture.fileSystem.open(path, .read, permissions: 0)
        var reader = try LogReader([(path, file)])
        var encoder = FrameEncoder()
        encoder.begin(checksum: 0)
        var kinds: [WALRecord.Kind: Int] = [:]
        while let record = try reader.next() {
            kinds[record.kind, default: 0] += 1
            switch record.kind {
            case .crc: encoder.appendChecksum()
            case .metadata:
                let metadata = try LogMetadata(decoding: record.data)
                var bytes: [UInt8] = []
                metadata.encode(into: &bytes)
                encoder.append(metadata: Bytes(bytes))
            case .entry: encoder.append(try Entry(decoding: record.data))
            case .state: encoder.append(try HardState(decoding: record.data))
            case .snapshot: encoder.append(try WALSnapshot(decoding: record.data))
            }
            #expect(encoder.checksum == reader.checksum)
        }
        #expect(reader.tear == nil)
        #expect(encoder.bytes == Array(fixture.tail.prefix(reader.offset)))
        #expect(encoder.bytes.count > 4_000)
        #expect(kinds[.crc] == 1 && kinds[.metadata] == 1 && kinds[.snapshot] == 3)
        #expect(kinds[.entry]! > 45)
    }

    @Test(arguments: snapshots) func snapshotFilesAreWrittenAgain(_ name: String) throws {
        let content = try GoldenTests.content(name)
        let snapshot = try #require(Snapshotter.decode(Bytes(content)))
        #expect(snapshot.metadata.confState.voters.count == 1)
        let fileSystem = MemoryFileSystem()
        try fileSystem.createDirectory("/snap", permissions: 0o700)
        try Snapshotter(fileSystem: fileSystem, directory: "/snap").save(snapshot)
        #expect(try fileSystem.list("/snap") == [name])
        #expect(fileSystem.nodes["/snap/\(name)"]!.durable == content)
    }

    @Test func opensAtTheNewestSnapshotAndGoesOn() throws {
        let fixture = try GoldenTests.fixture()
        for name in GoldenTests.snapshots {
            _ = try fixture.fileSystem.open(
                "\(LogFixture.directory)/\(name)", .replace, permissions: 0o600)
            fixture.node(name).content = try GoldenTests.content(name)
        }
        let records = try fixture.validSnapshots()
        #expect(records.map(\.index) == [0, 0x15, 0x2a])
        let snapshot = try #require(
            try Snapshotter(fileSystem: fixture.fileSystem, directory: LogFixture.directory)
                .loadNewest(matching: records))
        #expect(snapshot.metadata.index == 0x2a && snapshot.metadata.term == 2)
        let (wal, contents) = try fixture.open(at: 0x2a, term: 2)
        let last = try #require(contents.entries.last)
        #expect(contents.entries.first?.index == 0x2b)
        #expect(contents.hardState.commit <= last.index)
        #expect(contents.hardState.term == last.term)
        let next = Entry(term: last.term, index: last.index.next, data: Bytes("more"))
        try wal.append(entries: [next], hardState: nil, mustSync: true)
        #expect(try fixture.contents(at: 0x2a, term: 2).entries == contents.entries + [next])
        #expect(
            try fixture.contents().entries.map(\.index.rawValue) == Array(1...next.index.rawValue))
    }
}
