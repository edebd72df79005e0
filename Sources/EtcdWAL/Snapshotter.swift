//  Snapshot files: `{term}-{index}.snap`, a checksum around an encoded raft snapshot.

package import EtcdProto
package import Raft
package import RuntimeCore

/// The snapshot files of one member. One owner, one thread.
package final class Snapshotter {
    private static let suffix = ".snap"
    /// Databases that etcd's leader sent, named by index alone.
    private static let databaseSuffix = ".snap.db"
    /// Of files being written. etcd, too, removes what starts with it.
    private static let temporaryPrefix = "tmp"

    private let fileSystem: any FileSystem
    private let directory: String
    /// The directory's own name is durable.
    private var isAnchored = false
    /// The newest file that the log notes: what a start takes.
    private var newestNoted: String?

    /// - Parameter directory: must exist.
    package init(fileSystem: any FileSystem, directory: String) {
        let place = LogDirectory(fileSystem: fileSystem, path: directory)
        self.fileSystem = fileSystem
        self.directory = place.path
    }

    /// Writes a snapshot; on return it is durable. A file of the same term and index is replaced.
    /// The log must note it before the next `purge`.
    package func save(_ snapshot: Snapshot) throws(WALError) {
        try save(Snapshotter.encode(snapshot), of: snapshot.metadata)
    }

    /// The content of a snapshot's file.
    package static func encode(_ snapshot: Snapshot) -> [UInt8] {
        var data: [UInt8] = []
        data.reserveCapacity(snapshot.encodedSize)
        snapshot.encode(into: &data)
        let content = Bytes(data)
        var file: [UInt8] = []
        file.reserveCapacity(data.count + 32)
        SnapshotEnvelope(crc: CRC32C.checksum(content), data: content).encode(into: &file)
        return file
    }

    /// As the other, with the file's content made before.
    package func save(_ file: [UInt8], of metadata: SnapshotMetadata) throws(WALError) {
        let name = HexPair.text(
            metadata.term.rawValue, metadata.index.rawValue, suffix: Snapshotter.suffix)
        let temporary =
            "\(directory)/\(Snapshotter.temporaryPrefix)-\(name.dropLast(Snapshotter.suffix.count))"
        do throws(FileError) {
            try fileSystem.replaceAtomically(
                "\(directory)/\(name)", temporary: temporary, with: file, permissions: 0o600)
            if !isAnchored {
                try fileSystem.syncAncestors(of: directory)
                isAnchored = true
            }
            newestNoted = name
        } catch {
            _ = try? fileSystem.remove(temporary)
            throw WALError(error)
        }
    }

    /// The newest usable snapshot among those that the log notes, or `nil`.
    ///
    /// Files whose content is damaged are renamed to `*.broken`; what an unfinished `save` left is
    /// removed. Failing to read a file is an error: it may be fine.
    package func loadNewest(matching records: [WALSnapshot]) throws(WALError) -> Snapshot? {
        try withFileErrors { () throws(FileError) in
            let names = try fileSystem.list(directory)
            for name in names
            where name.hasPrefix(Snapshotter.temporaryPrefix) || name.hasPrefix("db.tmp") {
                try fileSystem.remove("\(directory)/\(name)")
            }
            // By term, then by index.
            let candidates = names.filter { $0.hasSuffix(Snapshotter.suffix) }.sorted(by: >)
            for name in candidates {
                // Reading a large file only to find that nobody wants it is worth avoiding.
                if let (term, index) = HexPair.parse(name, suffix: Snapshotter.suffix),
                    !records.contains(where: {
                        $0.term.rawValue == term && $0.index.rawValue == index
                    })
                {
                    continue
                }
                let path = "\(directory)/\(name)"
                let content = Bytes(try fileSystem.contents(of: path))
                guard let snapshot = Snapshotter.decode(content) else {
                    try fileSystem.rename(path, to: path + ".broken")
                    continue
                }
                let metadata = snapshot.metadata
                if records.contains(where: {
                    $0.index == metadata.index && $0.term == metadata.term
                }) {
                    newestNoted = name
                    return snapshot
                }
            }
            return nil
        }
    }

    /// Where the file of a snapshot is, if there is one.
    package func path(of snapshot: WALSnapshot) -> String {
        let name = HexPair.text(
            snapshot.term.rawValue, snapshot.index.rawValue, suffix: Snapshotter.suffix)
        return "\(directory)/\(name)"
    }

    /// All snapshot files, newest first, with what they hold or what is wrong with them. Changes
    /// nothing.
    package func survey() throws(WALError) -> [(path: String, content: Result<Snapshot, Damage>)] {
        try withFileErrors { () throws(FileError) in
            let names = try fileSystem.list(directory)
                .filter { $0.hasSuffix(Snapshotter.suffix) }.sorted(by: >)
            var files: [(path: String, content: Result<Snapshot, Damage>)] = []
            for name in names {
                let path = "\(directory)/\(name)"
                let content = Bytes(try fileSystem.contents(of: path))
                files.append((path, Snapshotter.examine(content, named: name)))
            }
            return files
        }
    }

    /// Why a snapshot file cannot be used.
    package struct Damage: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private static func examine(_ content: Bytes, named name: String) -> Result<Snapshot, Damage> {
        if content.isEmpty { return .failure(Damage(description: "the file is empty")) }
        guard let envelope = try? SnapshotEnvelope(decoding: content), !envelope.data.isEmpty else {
            return .failure(Damage(description: "not a snapshot file, or cut off"))
        }
        let crc = CRC32C.checksum(envelope.data)
        guard envelope.crc == crc else {
            return .failure(
                Damage(description: "checksum \(envelope.crc), but the content has \(crc)"))
        }
        guard let snapshot = decode(content) else {
            return .failure(Damage(description: "the content is no snapshot"))
        }
        let metadata = snapshot.metadata
        let wanted = HexPair.text(metadata.term.rawValue, metadata.index.rawValue, suffix: suffix)
        guard name == wanted else {
            return .failure(Damage(description: "it holds what belongs into \(wanted)"))
        }
        return .success(snapshot)
    }

    /// `nil` when the file is damaged.
    static func decode(_ content: Bytes) -> Snapshot? {
        guard let envelope = try? SnapshotEnvelope(decoding: content), envelope.crc != 0,
            !envelope.data.isEmpty, CRC32C.checksum(envelope.data) == envelope.crc
        else { return nil }
        return try? Snapshot(decoding: envelope.data)
    }

    /// Removes all but the newest `number` snapshot files, and databases older than the newest; 0
    /// keeps all, as in etcd. The newest one that the log notes stays in any case: a member that
    /// died before it could note a newer one would otherwise have none to start from.
    ///
    /// - Returns: the paths removed.
    package func purge(keeping number: Int) throws(WALError) -> [String] {
        guard number > 0 else { return [] }
        return try withFileErrors { () throws(FileError) in
            let names = try fileSystem.list(directory)
            let snapshots = names.compactMap { name in
                HexPair.parse(name, suffix: Snapshotter.suffix).map { (name, index: $0.1) }
            }.sorted { $0.0 < $1.0 }
            var doomed = snapshots.dropLast(number).map(\.0).filter { $0 != newestNoted }
            if let newest = snapshots.last?.index {
                doomed += names.filter { name in
                    guard name.hasSuffix(Snapshotter.databaseSuffix),
                        let index = HexPair.number(
                            name.dropLast(Snapshotter.databaseSuffix.count))
                    else { return false }
                    return index < newest
                }
            }
            let paths = doomed.map { "\(directory)/\($0)" }
            for path in paths { try fileSystem.remove(path) }
            if !paths.isEmpty { try fileSystem.syncDirectory(directory) }
            return paths
        }
    }
}

@available(*, unavailable)
extension Snapshotter: Sendable {}
