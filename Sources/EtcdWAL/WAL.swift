//  The write-ahead log as its one writer sees it: append, sync, and what a refusing disk means.

package import EtcdProto
package import Raft
import RuntimeCore

/// An open log. One owner, which is also the only thread that calls it.
///
/// All calls throw `.noSpace` without any effect on the log, so that they can be made again. Any
/// other error in the middle of a write or sync makes the log unusable: every later call throws
/// `.unusable`, and the member has to start anew from what the disk holds.
package final class WAL {
    /// The segment being written.
    struct Tail {
        var segment: HeldSegment
        /// End of the used part.
        var offset: Int
        /// Size of the file: `offset` or more, and zero beyond `offset`.
        var fileBytes: Int
        /// Up to here zeros were written, not only reserved: a sync that lands in reserved space
        /// has to write the file system's journal too, and takes several times as long.
        var zeroedBytes: Int
    }

    let directory: LogDirectory
    /// Repeated at the head of every segment.
    let metadata: Bytes
    /// A segment is finished once it has this size or more.
    let segmentBytes: Int
    /// Locked segments before the tail, oldest first.
    var finished: [HeldSegment]
    var tail: Tail
    /// The checksum chain at the tail's end.
    var checksum: UInt32
    /// Of the last entry, or of a later snapshot; names the next segment.
    var lastIndex: LogIndex
    /// Repeated at the head of every segment.
    var hardState: HardState
    var encoder = FrameEncoder()
    var hasUnsynced = false
    var nextSegment = SegmentPreparation()
    /// Why the log cannot be used any more.
    private(set) var failure: WALError?

    init(
        directory: LogDirectory, metadata: Bytes, segmentBytes: Int, finished: [HeldSegment],
        tail: Tail, checksum: UInt32, lastIndex: LogIndex, hardState: HardState
    ) {
        self.directory = directory
        self.metadata = metadata
        self.segmentBytes = segmentBytes
        self.finished = finished
        self.tail = tail
        self.checksum = checksum
        self.lastIndex = lastIndex
        self.hardState = hardState
    }

    deinit { closeFiles() }

    // MARK: writing

    /// Writes entries, then the hard state, with one write.
    ///
    /// An entry whose index was written before replaces that entry and all after it.
    ///
    /// - Parameter mustSync: all that was written so far is durable on return. Without it the
    ///   batch may be lost by a crash, but only together with everything after it.
    package func append(entries: [Entry], hardState: HardState?, mustSync: Bool)
        throws(WALError)
    {
        try write(entries: entries, hardState: hardState)
        if mustSync { try sync() }
        try cutIfFull()
    }

    /// The first step of `append`, for an owner who times them. `sync`, where the batch asks for
    /// it, and `cutIfFull` must follow; of the three only this one throws `.noSpace`.
    package func write(entries: [Entry], hardState: HardState?) throws(WALError) {
        try checkUsable()
        let state = hardState == .initial ? nil : hardState
        encoder.begin(checksum: checksum)
        for entry in entries { encoder.append(entry) }
        if let state { encoder.append(state) }
        try writeEncoded()
        if let last = entries.last { lastIndex = last.index }
        if let state { self.hardState = state }
    }

    /// Notes that the entries up to `index`, all of them in the log, are committed, unless the log
    /// says so already. Durable with the next sync. For an owner that keeps hard states back when
    /// only their commit index is new; none with a lower one may follow.
    package func raiseCommit(to index: LogIndex) throws(WALError) {
        guard hardState.commit < index else { return }
        var state = hardState
        state.commit = index
        try write(entries: [], hardState: state)
    }

    /// Notes, durably, that a snapshot file is durable. A member starts from it if the log says
    /// that its index is committed.
    package func saveSnapshot(_ snapshot: WALSnapshot) throws(WALError) {
        try checkUsable()
        encoder.begin(checksum: checksum)
        encoder.append(snapshot)
        try writeEncoded()
        lastIndex = max(lastIndex, snapshot.index)
        try sync()
        try cutIfFull()
    }

    /// Syncs, gives up prepared files and all locks. The log is unusable afterwards.
    package func close() {
        guard failure == nil else {
            closeFiles()
            return
        }
        // Only commit indexes can be unsynced here, and they may be lost.
        if hasUnsynced { _ = try? tail.segment.file.sync() }
        nextSegment.discard(in: directory)
        failure = WALError(.unusable, "\(directory.path) is closed")
        closeFiles()
    }

    private func closeFiles() {
        for segment in finished { segment.file.close() }
        tail.segment.file.close()
        nextSegment.close()
    }

    // MARK: the tail

    func checkUsable() throws(WALError) {
        if let failure { throw failure }
    }

    /// Marks the log unusable, because what the disk holds is no longer known.
    func fail(_ error: FileError, _ path: String) -> WALError {
        let text = WALError(error, path: path).description
        failure = WALError(
            .unusable, "\(directory.path) cannot be used after a failure: \(text)")
        // Whatever it was, trying again would not help.
        return WALError(.unusable, text)
    }

    /// All that was written so far is durable on return.
    package func sync() throws(WALError) {
        guard hasUnsynced else { return }
        do throws(FileError) {
            try tail.segment.file.sync()
        } catch {
            throw fail(error, tail.segment.path)
        }
        hasUnsynced = false
    }

    /// Puts the encoder's frames at the end of the tail, all or none.
    private func writeEncoded() throws(WALError) {
        let count = encoder.bytes.count
        if count == 0 { return }
        guard encoder.largestRecord <= Limits.walRecordBytesMax else {
            throw WALError(
                .tooLarge, "a log record of \(encoder.largestRecord) bytes is too large")
        }
        do throws(FileError) {
            try tail.segment.file.write(encoder.bytes, at: tail.offset)
        } catch {
            guard error.kind == .noSpace else { throw fail(error, tail.segment.path) }
            try rollBack(count)
            throw WALError(error, path: tail.segment.path)
        }
        hasUnsynced = true
        checksum = encoder.checksum
        tail.offset += count
        tail.fileBytes = max(tail.fileBytes, tail.offset)
    }

    /// Makes what follows the tail's end zero again after a write of `count` bytes failed in the
    /// middle, durably: a crash must not leave a mixture of this attempt and the next one.
    private func rollBack(_ count: Int) throws(WALError) {
        let file = tail.segment.file
        let path = tail.segment.path
        do throws(FileError) {
            if try file.size() > tail.fileBytes { try file.truncate(to: tail.fileBytes) }
        } catch {
            throw fail(error, path)
        }
        do throws(FileError) {
            let end = min(tail.offset + count, tail.fileBytes)
            if end > tail.offset {
                try file.write([UInt8](repeating: 0, count: end - tail.offset), at: tail.offset)
            }
        } catch {
            // A file system that needs space even to overwrite: give the reserve up instead.
            do throws(FileError) {
                try file.truncate(to: tail.offset)
            } catch {
                throw fail(error, path)
            }
            tail.fileBytes = tail.offset
            tail.zeroedBytes = min(tail.zeroedBytes, tail.offset)
        }
        hasUnsynced = true
        try sync()
    }
}

@available(*, unavailable)
extension WAL: Sendable {}
