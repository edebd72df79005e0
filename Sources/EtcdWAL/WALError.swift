//  Why the log or a snapshot file refuses, in words that name the file and the place in it.

import RuntimeCore

/// A failure of the log or of the snapshot files.
package struct WALError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Nothing of the call is in the log; the same call may be made again later.
        case noSpace
        /// Another process has the log open.
        case locked
        /// A file that the log needs, or the log itself, is not there.
        case missing
        /// There is a log already.
        case exists
        /// Something else lies where the log would be.
        case occupied
        /// The content of a file is not what a crash can leave behind.
        case corrupt
        /// No record says that a snapshot was taken at the place asked for.
        case snapshotNotFound
        /// A record that no reader would accept because of its size.
        case tooLarge
        /// A write or sync failed earlier, or the log is closed: what is on the disk is unknown.
        case unusable
        /// Any other failure of the file system.
        case file
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The disk is full, and nothing is broken: try again when there is room.
    package var isNoSpace: Bool { kind == .noSpace }

    /// - Parameter path: the file's present name; the one that the error knows may be older.
    init(_ error: FileError, path: String? = nil) {
        switch error.kind {
        case .noSpace: kind = .noSpace
        case .locked: kind = .locked
        case .notFound: kind = .missing
        default: kind = .file
        }
        description =
            kind == .locked
            ? "\(path ?? error.path) is in use by another process"
            : "\(error.operation) \(path ?? error.path): \(error.reason)"
    }

    static func corrupt(_ path: String, at offset: Int, _ reason: String) -> WALError {
        WALError(.corrupt, "\(path) is damaged at byte \(offset): \(reason)")
    }
}

/// Runs file operations, giving their failures as the log's.
func withFileErrors<Result>(
    path: String? = nil, _ body: () throws(FileError) -> Result
) throws(WALError) -> Result {
    do throws(FileError) {
        return try body()
    } catch {
        throw WALError(error, path: path)
    }
}
