//  Names of the log's files, and which of them are there.

import Raft
import RuntimeCore

/// `{sequence}-{first index}.wal`, both as 16 hexadecimal digits.
struct SegmentName: Hashable, Comparable {
    static let suffix = ".wal"

    let sequence: UInt64
    /// The index of the first entry that can be in the segment.
    let firstIndex: LogIndex

    init(sequence: UInt64, firstIndex: LogIndex) {
        self.sequence = sequence
        self.firstIndex = firstIndex
    }

    /// `nil` when `text` is not the name of a segment.
    init?(_ text: String) {
        guard let (sequence, index) = HexPair.parse(text, suffix: SegmentName.suffix) else {
            return nil
        }
        self.init(sequence: sequence, firstIndex: LogIndex(index))
    }

    var text: String {
        HexPair.text(sequence, firstIndex.rawValue, suffix: SegmentName.suffix)
    }

    static func < (left: SegmentName, right: SegmentName) -> Bool {
        (left.sequence, left.firstIndex) < (right.sequence, right.firstIndex)
    }
}

/// Two numbers as a file name: 16 digits, a hyphen, 16 digits, a suffix.
enum HexPair {
    static func digits(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func text(_ first: UInt64, _ second: UInt64, suffix: String) -> String {
        "\(digits(first))-\(digits(second))\(suffix)"
    }

    static func parse(_ text: String, suffix: String) -> (UInt64, UInt64)? {
        guard text.hasSuffix(suffix) else { return nil }
        let parts = text.dropLast(suffix.count).split(
            separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = number(parts[0]), let second = number(parts[1])
        else { return nil }
        return (first, second)
    }

    /// Exactly 16 digits: `UInt64(_:radix:)` alone would take signs and shorter texts.
    static func number(_ digits: Substring) -> UInt64? {
        guard digits.utf8.count == 16, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            return nil
        }
        return UInt64(digits, radix: 16)
    }
}

/// A segment that this process has open and locked.
struct HeldSegment {
    let name: SegmentName
    let path: String
    let file: any File
}

/// The directory of a log.
struct LogDirectory {
    /// Permissions of etcd's log files and directories.
    static let filePermissions: UInt32 = 0o600
    static let directoryPermissions: UInt32 = 0o700

    let fileSystem: any FileSystem
    /// Without a slash at the end.
    let path: String

    init(fileSystem: any FileSystem, path: String) {
        self.fileSystem = fileSystem
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    func path(of name: SegmentName) -> String { "\(path)/\(name.text)" }

    /// All segments in order; other files in the directory are none of ours.
    func segments() throws(FileError) -> [SegmentName] {
        try fileSystem.list(path).compactMap { SegmentName($0) }.sorted()
    }

    /// Opens and locks a segment.
    func hold(_ name: SegmentName) throws(WALError) -> HeldSegment {
        let path = path(of: name)
        let file = try withFileErrors { () throws(FileError) in
            try fileSystem.open(
                path, .readWrite, permissions: LogDirectory.filePermissions)
        }
        do throws(FileError) {
            try file.lock()
        } catch {
            file.close()
            throw WALError(error, path: path)
        }
        return HeldSegment(name: name, path: path, file: file)
    }
}

extension FileSystem {
    /// Makes the entry of `path` in its directory durable, and those of the directories above it,
    /// which may be as new.
    ///
    /// Further up is not ours to read, so only a failing device counts there.
    func syncAncestors(of path: String) throws(FileError) {
        var directory = parentPath(of: path)
        try syncDirectory(directory)
        while directory != "/", directory != "." {
            directory = parentPath(of: directory)
            do throws(FileError) {
                try syncDirectory(directory)
            } catch {
                if error.kind == .inputOutput { throw error }
            }
        }
    }
}

func parentPath(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
