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
            // There is no log in it; what else may lie there is left over.
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
}
