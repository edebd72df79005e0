//  The life of segments: preparing the next one, cutting to it, releasing and purging old ones.

package import Raft
import RuntimeCore

extension WAL {
    // MARK: preparing

    /// Works ahead, so that appends always land in blocks that hold zeros: first in the rest of
    /// the current segment, then in the next one. Each call writes and syncs at most 1 MiB.
    ///
    /// A failure costs speed only, unless it is one of the current segment's sync.
    /// - Returns: whether there is more to do.
    package func prepareNextSegment() throws(WALError) -> Bool {
        try checkUsable()
        if max(tail.offset, tail.zeroedBytes) < segmentBytes {
            try zeroAhead()
            return true
        }
        try withFileErrors { () throws(FileError) in
            try nextSegment.advance(in: directory, segmentBytes: segmentBytes)
        }
        return !nextSegment.isReady(segmentBytes)
    }

    /// Whether `prepareNextSegment` has something to do.
    package var canPrepareNextSegment: Bool {
        max(tail.offset, tail.zeroedBytes) < segmentBytes || !nextSegment.isReady(segmentBytes)
    }

    private func zeroAhead() throws(WALError) {
        let start = max(tail.offset, tail.zeroedBytes)
        let zeros = SegmentPreparation.zeros(from: start, to: segmentBytes)
        do throws(FileError) {
            try tail.segment.file.write(zeros, at: start)
        } catch {
            guard error.kind == .noSpace else { throw fail(error, tail.segment.path) }
            // Zeros beyond the end do no harm, however many there are. Not tried again here.
            tail.zeroedBytes = segmentBytes
            tail.fileBytes = max(tail.fileBytes, start + zeros.count)
            throw WALError(error, path: tail.segment.path)
        }
        tail.zeroedBytes = start + zeros.count
        tail.fileBytes = max(tail.fileBytes, tail.zeroedBytes)
        hasUnsynced = true
        try sync()
    }

    // MARK: cutting

    /// Starts a new segment when the current one has its size.
    ///
    /// The batch is in the log already, so a full disk is no reason to fail it: the current segment
    /// then grows beyond its size until there is room for a new one.
    package func cutIfFull() throws(WALError) {
        guard tail.offset >= segmentBytes else { return }
        try cut()
    }

    /// Starts the prepared segment, if there is one, although the current one has not its size: a
    /// write that finds no room behind the tail has some there.
    /// - Returns: whether a segment was started.
    package func cutToPrepared() throws(WALError) -> Bool {
        try checkUsable()
        guard nextSegment.hasFile else { return false }
        return try cut()
    }

    /// - Returns: false when the disk is full; the current segment goes on then.
    @discardableResult
    private func cut() throws(WALError) -> Bool {
        try finishTail()
        let candidate: SegmentPreparation.Candidate
        let head: Int
        do throws(FileError) {
            candidate = try nextSegment.take(in: directory, segmentBytes: segmentBytes)
        } catch {
            guard error.kind == .noSpace else { throw fail(error, error.path) }
            return false
        }
        let name = SegmentName(
            sequence: tail.segment.name.sequence + 1, firstIndex: lastIndex.next)
        let path = directory.path(of: name)
        do throws(FileError) {
            head = try writeHead(to: candidate.file)
            try directory.fileSystem.rename(candidate.path, to: path)
        } catch {
            candidate.file.close()
            _ = try? directory.fileSystem.remove(candidate.path)
            guard error.kind == .noSpace else { throw fail(error, candidate.path) }
            return false
        }
        finished.append(tail.segment)
        tail = Tail(
            segment: HeldSegment(name: name, path: path, file: candidate.file), offset: head,
            fileBytes: max(head, segmentBytes), zeroedBytes: candidate.zeroedBytes)
        do throws(FileError) {
            try directory.fileSystem.syncDirectory(directory.path)
        } catch {
            throw fail(error, path)
        }
        checksum = encoder.checksum
        return true
    }

    /// Everything in the finished segment is durable before the next one has its name: only the
    /// last segment of a log can be torn.
    private func finishTail() throws(WALError) {
        do throws(FileError) {
            if tail.fileBytes > tail.offset {
                try tail.segment.file.truncate(to: tail.offset)
                tail.fileBytes = tail.offset
                hasUnsynced = true
            }
        } catch {
            throw fail(error, tail.segment.path)
        }
        try sync()
    }

    /// - Returns: the number of bytes written.
    private func writeHead(to file: any File) throws(FileError) -> Int {
        encoder.begin(checksum: checksum)
        encoder.appendChecksum()
        encoder.append(metadata: metadata)
        if hardState != .initial { encoder.append(hardState) }
        try file.write(encoder.bytes, at: 0)
        try file.sync()
        return encoder.bytes.count
    }

    // MARK: releasing

    /// Unlocks the segments that opening the log at a snapshot of `index` does not read.
    package func releaseSegments(upTo index: LogIndex) {
        let held = finished + [tail.segment]
        guard let first = held.lastIndex(where: { $0.name.firstIndex <= index }) else { return }
        for segment in finished.prefix(first) { segment.file.close() }
        finished.removeFirst(first)
    }

    /// Removes the oldest released segments while there are more than `number` of all; 0 keeps
    /// all, as in etcd.
    ///
    /// - Returns: the paths that are gone. One of the files may have become the next segment.
    package func purge(keeping number: Int) throws(WALError) -> [String] {
        try checkUsable()
        guard number > 0 else { return [] }
        let oldestHeld = (finished.first ?? tail.segment).name
        return try withFileErrors { () throws(FileError) in
            let names = try directory.segments()
            var purged: [String] = []
            // Oldest first: a crash in between leaves no gap.
            for name in names.prefix(max(0, names.count - number)) where name < oldestHeld {
                let path = directory.path(of: name)
                if try !nextSegment.recycle(path, in: directory) {
                    try directory.fileSystem.remove(path)
                }
                purged.append(path)
            }
            if !purged.isEmpty { try directory.fileSystem.syncDirectory(directory.path) }
            return purged
        }
    }
}
