//  The next segment, made ready ahead of time: reserved, written with zeros and synced, in steps
//  that do not hold up the log.

import RuntimeCore

/// At most two files beside the segments: the next one (`0.tmp` or `1.tmp`), and an old segment
/// that waits under the other of these names to be the one after. Neither is trusted after a
/// restart.
struct SegmentPreparation {
    /// Zeros written, and synced, in one step: enough to be done long before they are needed,
    /// short enough that an append which arrives meanwhile does not notice.
    static let stepBytes = 1 << 20
    private static let stepZeros = [UInt8](repeating: 0, count: stepBytes)

    struct Candidate {
        let path: String
        let file: any File
        /// Zeros were written up to here.
        var zeroedBytes = 0
        /// An old segment, with its records beyond `zeroedBytes`.
        let isReused: Bool
    }

    private(set) var current: Candidate?
    private var spare: Candidate?
    /// Segments taken so far; its parity names the next file.
    private var taken = 0

    private func path(_ number: Int, in directory: LogDirectory) -> String {
        "\(directory.path)/\(number % 2).tmp"
    }

    /// Zeros for a step that starts at `offset` and does not pass `end`.
    static func zeros(from offset: Int, to end: Int) -> [UInt8] {
        end - offset >= stepBytes
            ? stepZeros : [UInt8](repeating: 0, count: max(0, end - offset))
    }

    func isReady(_ segmentBytes: Int) -> Bool {
        current.map { $0.zeroedBytes >= segmentBytes } ?? false
    }

    /// Whether there is a file to take, ready or not.
    var hasFile: Bool { current != nil || spare != nil }

    /// One step towards readiness. After an error there is nothing prepared.
    mutating func advance(in directory: LogDirectory, segmentBytes: Int) throws(FileError) {
        if current == nil { try begin(in: directory, segmentBytes: segmentBytes) }
        guard var candidate = current, candidate.zeroedBytes < segmentBytes else { return }
        do throws(FileError) {
            let zeros = SegmentPreparation.zeros(from: candidate.zeroedBytes, to: segmentBytes)
            try candidate.file.write(zeros, at: candidate.zeroedBytes)
            candidate.zeroedBytes += zeros.count
            if candidate.zeroedBytes == segmentBytes, candidate.isReused {
                try candidate.file.truncate(to: segmentBytes)
            }
            try candidate.file.sync()
        } catch {
            discard(in: directory)
            throw error
        }
        current = candidate
    }

    private mutating func begin(in directory: LogDirectory, segmentBytes: Int) throws(FileError) {
        if let spare {
            current = spare
            self.spare = nil
            return
        }
        let path = path(taken, in: directory)
        let file = try directory.fileSystem.open(
            path, .replace, permissions: LogDirectory.filePermissions)
        current = Candidate(path: path, file: file, isReused: false)
        do throws(FileError) {
            try file.lock()
            try file.preallocate(to: segmentBytes)
        } catch {
            discard(in: directory)
            throw error
        }
    }

    /// What is prepared, as far as it is; beyond its `zeroedBytes` it reads as zero too. The caller
    /// owns the file from now on.
    mutating func take(in directory: LogDirectory, segmentBytes: Int) throws(FileError)
        -> Candidate
    {
        if current == nil { try begin(in: directory, segmentBytes: segmentBytes) }
        if var candidate = current, candidate.isReused, candidate.zeroedBytes < segmentBytes {
            do throws(FileError) {
                try candidate.file.truncate(to: 0)
                try candidate.file.preallocate(to: segmentBytes)
            } catch {
                discard(in: directory)
                throw error
            }
            candidate.zeroedBytes = 0
            current = candidate
        }
        let candidate = current!
        current = nil
        taken += 1
        return candidate
    }

    /// Keeps an old segment's file for a later segment instead of removing it.
    ///
    /// Its name is gone durably before its content is: a crash may not leave a segment of zeros.
    /// - Returns: false when there is no use for it; the file is untouched then.
    mutating func recycle(_ path: String, in directory: LogDirectory) throws(FileError) -> Bool {
        guard spare == nil else { return false }
        let isNext = current == nil
        let newPath = self.path(isNext ? taken : taken + 1, in: directory)
        let file = try directory.fileSystem.open(
            path, .readWrite, permissions: LogDirectory.filePermissions)
        do throws(FileError) {
            try file.lock()
            try directory.fileSystem.rename(path, to: newPath)
            try directory.fileSystem.syncDirectory(directory.path)
        } catch {
            file.close()
            throw error
        }
        let candidate = Candidate(path: newPath, file: file, isReused: true)
        if isNext { current = candidate } else { spare = candidate }
        return true
    }

    /// Removes the prepared files; failing to is no harm, the next start does it.
    mutating func discard(in directory: LogDirectory) {
        close()
        for candidate in [current, spare] {
            guard let candidate else { continue }
            _ = try? directory.fileSystem.remove(candidate.path)
        }
        current = nil
        spare = nil
    }

    func close() {
        current?.file.close()
        spare?.file.close()
    }
}
