//  What can be wrong with a database file, in words for the person who has to look at it.

package import RuntimeCore

/// Why an operation on a database file did not happen.
package enum BoltError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file system refused. A refused write (a full disk) leaves the committed state as it was.
    case file(FileError)
    /// Not a file of this format, or of a version that we do not know.
    case notDatabase(path: String, reason: String)
    /// A page contradicts the format; nothing was changed.
    case damaged(path: String, page: UInt64, reason: String)
    /// A sync failed earlier: what the device holds is unknown, so nothing more is written.
    case abandoned(path: String)

    package var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .notDatabase(let path, let reason): "\(path) is not a database: \(reason)"
        case .damaged(let path, let page, let reason): "\(path), page \(page): \(reason)"
        case .abandoned(let path): "\(path) is no longer written after a failed sync"
        }
    }
}

/// Runs a step on a file, with its failure as this module's error.
func fileStep<Result>(_ body: () throws(FileError) -> Result) throws(BoltError) -> Result {
    do throws(FileError) {
        return try body()
    } catch {
        throw .file(error)
    }
}
