//  A new log.

import EtcdProto
package import Raft
package import RuntimeCore

extension WAL {
    /// Whether the directory holds a log.
    package static func exists(fileSystem: any FileSystem, directory: String) -> Bool {
        guard let names = try? fileSystem.list(directory) else { return false }
        return names.contains { $0.hasSuffix(SegmentName.suffix) }
    }

    /// Makes a log. On return it is durable with all directories above it.
    ///
    /// What an unfinished or discarded log has left in the directory is removed; a directory that
    /// holds anything else is refused and left alone.
    ///
    /// It is built beside its place and renamed: a crash leaves either no log or a whole one.
    ///
    /// - Parameters:
    ///   - metadata: whose log it is; repeated in every segment.
    ///   - entries: what it holds from the beginning.
    package static func create(
        fileSystem: any FileSystem, directory: String, metadata: Bytes, entries: [Entry] = [],
        hardState: HardState = .initial, segmentBytes: Int
    ) throws(WALError) -> WAL {
        let place = LogDirectory(fileSystem: fileSystem, path: directory)
        guard !exists(fileSystem: fileSystem, directory: place.path) else {
            throw WALError(.exists, "\(place.path) holds a log already")
        }
        try refuseForeign(place)
        let building = LogDirectory(fileSystem: fileSystem, path: place.path + ".tmp")
        let name = SegmentName(sequence: 0, firstIndex: 0)
        var encoder = FrameEncoder()
        encoder.begin(checksum: 0)
        encoder.appendChecksum()
        encoder.append(metadata: metadata)
        encoder.append(WALSnapshot(index: 0, term: 0))
        for entry in entries { encoder.append(entry) }
        if hardState != .initial { encoder.append(hardState) }
        let head = encoder.bytes
        let file = try withFileErrors { () throws(FileError) in
            try fileSystem.removeTree(building.path)
            try fileSystem.createDirectory(
                building.path, permissions: LogDirectory.directoryPermissions)
            return try fileSystem.open(
                building.path(of: name), .replace, permissions: LogDirectory.filePermissions)
        }
        do throws(FileError) {
            try file.lock()
            try file.preallocate(to: segmentBytes)
            try file.write(head, at: 0)
            try file.sync()
            try fileSystem.syncDirectory(building.path)
            // There is nothing in it but leftovers.
            try fileSystem.removeTree(place.path)
            try fileSystem.rename(building.path, to: place.path)
            try fileSystem.syncAncestors(of: place.path)
        } catch {
            file.close()
            _ = try? fileSystem.removeTree(building.path)
            throw WALError(error)
        }
        let segment = HeldSegment(name: name, path: place.path(of: name), file: file)
        return WAL(
            directory: place, metadata: metadata, segmentBytes: segmentBytes, finished: [],
            tail: Tail(
                segment: segment, offset: head.count, fileBytes: max(head.count, segmentBytes),
                zeroedBytes: head.count),
            checksum: encoder.checksum, lastIndex: entries.last?.index ?? 0,
            hardState: hardState)
    }
    /// Names of what is not a log's, as many as are told.
    private static let foreignNamesMax = 5

    private static func refuseForeign(_ place: LogDirectory) throws(WALError) {
        let names = try withFileErrors { () throws(FileError) -> [String] in
            guard try place.fileSystem.info(place.path) != nil else { return [] }
            return try place.fileSystem.list(place.path)
        }
        let foreign = names.filter { !isLeftover($0) }
        if foreign.isEmpty { return }
        let told = foreign.prefix(foreignNamesMax).joined(separator: ", ")
        let more = foreign.count > foreignNamesMax ? " and more" : ""
        throw WALError(
            .occupied,
            "\(place.path) holds files that are not a log's (\(told)\(more)), and a new log would "
                + "take their place: move them away, or choose another directory")
    }

    /// Files that are prepared or set aside, by us or by etcd, and what a file system puts into its
    /// topmost directory.
    private static func isLeftover(_ name: String) -> Bool {
        name == "lost+found" || name.hasSuffix(".tmp") || name.hasSuffix(".broken")
    }
}
