//  A log in memory, and shorthands for what tests put into it.

import EtcdProto
import EtcdWAL
import Raft
import RuntimeCore

struct LogFixture {
    static let directory = "/data/member/wal"
    static let metadata = Bytes([8, 1, 16, 2])

    let fileSystem = MemoryFileSystem()
    var segmentBytes = 4_096

    init(segmentBytes: Int = 4_096) {
        self.segmentBytes = segmentBytes
    }

    func create() throws -> WAL {
        try WAL.create(
            fileSystem: fileSystem, directory: LogFixture.directory, metadata: LogFixture.metadata,
            segmentBytes: segmentBytes)
    }

    func open(at index: LogIndex = 0, term: Term = 0) throws -> (WAL, WALContents) {
        try WAL.open(
            fileSystem: fileSystem, directory: LogFixture.directory,
            at: WALSnapshot(index: index, term: term), segmentBytes: segmentBytes)
    }

    /// The contents, leaving the disk as if the reader had never run.
    func contents(at index: LogIndex = 0, term: Term = 0) throws -> WALContents {
        fileSystem.endProcess()
        return try open(at: index, term: term).1
    }

    func validSnapshots() throws -> [WALSnapshot] {
        try WAL.validSnapshots(fileSystem: fileSystem, directory: LogFixture.directory)
    }

    var segments: [String] {
        ((try? fileSystem.list(LogFixture.directory)) ?? []).filter { $0.hasSuffix(".wal") }
    }

    func node(_ name: String) -> MemoryFileSystem.Node {
        fileSystem.nodes["\(LogFixture.directory)/\(name)"]!
    }

    /// The file that waits to be a segment.
    var prepared: MemoryFileSystem.Node? {
        ["0.tmp", "1.tmp"].compactMap {
            fileSystem.nodes["\(LogFixture.directory)/\($0)"]
        }.first
    }

    /// Content of the last segment.
    var tail: [UInt8] {
        get { node(segments.last!).content }
        nonmutating set {
            let node = node(segments.last!)
            node.content = newValue
            node.durable = newValue
        }
    }
}

func entry(_ index: UInt64, term: UInt64 = 1, bytes count: Int = 20) -> Entry {
    Entry(
        term: Term(term), index: LogIndex(index),
        data: Bytes((0..<count).map { UInt8(truncatingIfNeeded: Int(index) + $0) | 1 }))
}

func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, bytes count: Int = 20) -> [Entry] {
    range.map { entry($0, term: term, bytes: count) }
}

func state(_ term: UInt64, commit: UInt64, vote: UInt64 = 1) -> HardState {
    HardState(term: Term(term), vote: MemberID(vote), commit: LogIndex(commit))
}

/// Where the frames of a segment start, and where the used part ends.
func frameOffsets(_ content: [UInt8]) -> [Int] {
    var offsets = [0]
    while let start = offsets.last, start + 8 <= content.count {
        let word = (0..<8).reduce(UInt64(0)) { $0 | UInt64(content[start + $1]) << (8 * $1) }
        if word == 0 { break }
        let padding = word >> 63 == 1 ? Int(word >> 56 & 7) : 0
        offsets.append(start + 8 + Int(word & 0x00FF_FFFF_FFFF_FFFF) + padding)
    }
    return offsets
}
