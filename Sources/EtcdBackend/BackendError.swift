//  What can keep the backend from doing as told.

import Bolt
package import RuntimeCore

package enum BackendError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file system refused; a full disk is one of these.
    case file(FileError)
    /// A file is not a sound database; the text names file and page.
    case corrupt(String)
    /// One defragmentation at a time, and it ends only after it has run.
    case defragmentationRunning
    /// The defragmentation was given up; the database is untouched.
    case defragmentationAbandoned(String)

    /// The disk is full: the same may be asked again once there is room.
    package var isNoSpace: Bool {
        if case .file(let error) = self { error.kind == .noSpace } else { false }
    }

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .corrupt(let reason): reason
        case .defragmentationRunning: "a defragmentation is running"
        case .defragmentationAbandoned(let reason): "defragmentation abandoned: \(reason)"
        }
    }

    init(_ error: BoltError) {
        switch error {
        case .file(let error):
            self = .file(error)
        case .abandoned(let path):
            self = .file(
                FileError(
                    kind: .inputOutput, operation: "write", path: path, reason: "\(error)"))
        case .notDatabase, .damaged:
            self = .corrupt("\(error)")
        }
    }
}

/// Runs a step on the database file, with its failure as this module's error.
func databaseStep<Result>(_ body: () throws(BoltError) -> Result) throws(BackendError) -> Result {
    do throws(BoltError) {
        return try body()
    } catch {
        throw BackendError(error)
    }
}

/// Runs a step on names or files, with its failure as this module's error.
func nameStep<Result>(_ body: () throws(FileError) -> Result) throws(BackendError) -> Result {
    do throws(FileError) {
        return try body()
    } catch {
        throw .file(error)
    }
}
