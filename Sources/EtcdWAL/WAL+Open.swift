//  An existing log: reading it back, repairing what a crash tore, and taking up writing.

package import EtcdProto
package import Raft
package import RuntimeCore

/// What a log holds from some snapshot on.
package struct WALContents: Sendable {
    /// As given to `create`.
    package var metadata: Bytes
    /// The last one, or the initial one.
    package var hardState: HardState
    /// All entries after the snapshot, without gaps. None that a received snapshot has replaced.
    package var entries: [Entry]
}

extension WAL {
    /// The snapshots that a member may start from: noted in the log, and at or before its last
    /// known commit. Oldest first; reads the whole log and changes nothing.
    package static func validSnapshots(fileSystem: any FileSystem, directory: String)
        throws(WALError) -> [WALSnapshot]
    {
        let place = LogDirectory(fileSystem: fileSystem, path: directory)
        let names = try segmentNames(in: place)
        // Old segments may be half purged: only what is without gaps up to the end counts.
        var first = names.count - 1
        while first > 0, names[first - 1].sequence + 1 == names[first].sequence { first -= 1 }
        var files: [(path: String, file: any File)] = []
        defer { for (_, file) in files { file.close() } }
        for name in names[first...] {
            let path = place.path(of: name)
            files.append(
                (
                    path,
                    try withFileErrors { () throws(FileError) in
                        try fileSystem.open(
                            path, .read, permissions: LogDirectory.filePermissions)
                    }
                ))
        }
        var reader = try LogReader(files)
        var snapshots: [WALSnapshot] = []
        var commit = LogIndex(0)
        while let record = try reader.next() {
            do {
                switch record.kind {
                case .snapshot: snapshots.append(try WALSnapshot(decoding: record.data))
                case .state: commit = try HardState(decoding: record.data).commit
                case .metadata, .entry, .crc: break
                }
            } catch {
                throw reader.corrupt("\(error)")
            }
        }
        return snapshots.filter { $0.index <= commit }
    }

    /// Opens the log for writing after its end, with all that it holds from a snapshot on. That is
    /// durable on return, even if the process that wrote it died before it could make it so.
    ///
    /// A record that was being written when power failed is cut off, after the file was copied to
    /// `{name}.broken`. Any other damage is an error that names file and place.
    ///
    /// - Parameter start: must be noted in the log; index 0 for the beginning of the log.
    package static func open(
        fileSystem: any FileSystem, directory: String, at start: WALSnapshot, segmentBytes: Int
    ) throws(WALError) -> (WAL, WALContents) {
        let place = LogDirectory(fileSystem: fileSystem, path: directory)
        let names = try neededSegments(in: place, from: start.index)
        var held: [HeldSegment] = []
        do throws(WALError) {
            for name in names { held.append(try place.hold(name)) }
            try withFileErrors { () throws(FileError) in
                try fileSystem.syncAncestors(of: place.path)
                // Prepared by an earlier run: how far is unknown.
                for name in try fileSystem.list(place.path)
                where name == "0.tmp" || name == "1.tmp" {
                    try fileSystem.remove("\(place.path)/\(name)")
                }
                // The last segment may have its name from a process that died right after.
                try fileSystem.syncDirectory(place.path)
            }
            var reader = try LogReader(held.map { ($0.path, $0.file) })
            var recovery = LogRecovery(start: start)
            while let record = try reader.next() {
                if let problem = recovery.take(record) { throw reader.corrupt(problem) }
            }
            let metadata = try recovery.finish(in: place.path)
            let segment = held.removeLast()
            defer { held.append(segment) }
            let tail = try withFileErrors(path: segment.path) { () throws(FileError) in
                if reader.tear != nil { try repair(segment, in: place, at: reader.offset) }
                return try cleanTail(segment, at: reader.offset, segmentBytes: segmentBytes)
            }
            let wal = WAL(
                directory: place, metadata: metadata, segmentBytes: segmentBytes, finished: held,
                tail: tail, checksum: reader.checksum, lastIndex: recovery.lastIndex,
                hardState: recovery.hardState)
            return (
                wal,
                WALContents(
                    metadata: metadata, hardState: recovery.hardState, entries: recovery.entries)
            )
        } catch {
            for segment in held { segment.file.close() }
            throw error
        }
    }

    // MARK: finding

    private static func segmentNames(in place: LogDirectory) throws(WALError) -> [SegmentName] {
        let names = try withFileErrors { () throws(FileError) in try place.segments() }
        guard !names.isEmpty else {
            throw WALError(.missing, "\(place.path) holds no log segment")
        }
        return names
    }

    /// From the last segment that can hold the entry after `index` on.
    private static func neededSegments(in place: LogDirectory, from index: LogIndex)
        throws(WALError) -> [SegmentName]
    {
        let names = try segmentNames(in: place)
        guard let first = names.lastIndex(where: { $0.firstIndex <= index }) else {
            throw WALError(
                .missing,
                "\(place.path): the log starts at index \(names[0].firstIndex), after \(index)")
        }
        let needed = Array(names[first...])
        for (name, next) in zip(needed, needed.dropFirst())
        where name.sequence + 1 != next.sequence {
            throw WALError(
                .missing,
                "\(place.path): no segment \(HexPair.digits(name.sequence + 1)) between "
                    + "\(name.text) and \(next.text)")
        }
        return needed
    }

    // MARK: repairing

    private static let copyBytes = 1 << 20

    /// Keeps the file as it is under another name, and cuts the torn record off.
    private static func repair(_ segment: HeldSegment, in place: LogDirectory, at offset: Int)
        throws(FileError)
    {
        let copy = try place.fileSystem.open(
            segment.path + ".broken", .replace, permissions: LogDirectory.filePermissions)
        defer { copy.close() }
        let size = try segment.file.size()
        var position = 0
        while position < size {
            let bytes = try segment.file.read(at: position, count: copyBytes)
            if bytes.isEmpty { break }
            try copy.write(bytes, at: position)
            position += bytes.count
        }
        try copy.sync()
        try place.fileSystem.syncDirectory(place.path)
        try segment.file.truncate(to: offset)
        try segment.file.sync()
    }

    /// Makes the last segment durable, with zeros for the rest of it. Records of a torn write may
    /// lie behind the end; overwriting only some of them would look like damage later.
    private static func cleanTail(_ segment: HeldSegment, at offset: Int, segmentBytes: Int)
        throws(FileError) -> Tail
    {
        let file = segment.file
        var size = try file.size()
        var position = offset
        while position < size {
            let bytes = try file.read(at: position, count: min(copyBytes, size - position))
            if bytes.isEmpty { break }
            if !Bytes(bytes).isAllZero {
                try file.write([UInt8](repeating: 0, count: bytes.count), at: position)
            }
            position += bytes.count
        }
        // What was read may have come from the system's memory alone.
        try file.sync()
        if size < segmentBytes {
            do throws(FileError) {
                try file.preallocate(to: segmentBytes)
                size = segmentBytes
            } catch {
                // Only a reserve; a full disk must not keep a member from starting.
                if error.kind != .noSpace { throw error }
                size = try file.size()
            }
        }
        return Tail(segment: segment, offset: offset, fileBytes: size, zeroedBytes: offset)
    }
}
