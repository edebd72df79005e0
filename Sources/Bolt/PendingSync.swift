//  The second half of a commit: what makes pages that are written count.

import RuntimeCore
import Synchronization

/// The syncs of one commit, and its meta page between them.
///
/// Made by `WriteTransaction.commitUnsynced` and ended by `Database.finish`; until then the
/// database writes nothing else, so that the file is this object's alone.
package final class PendingSync: Sendable {
    private enum Phase {
        case waiting
        case done(Result<Void, FileError>)
        case cancelled
    }

    private let phase = Mutex(Phase.waiting)
    /// Used under the lock only.
    nonisolated(unsafe) private let file: any File
    private let meta: [UInt8]
    private let offset: Int

    init(_ file: any File, meta: [UInt8], at offset: Int) {
        self.file = file
        self.meta = meta
        self.offset = offset
    }

    /// Syncs the pages, writes the meta, syncs that. On any thread; a second call waits for the
    /// first one and does nothing.
    ///
    /// - Parameter finished: called at the end by the call that did it, before any other returns.
    package func run(finished: () -> Void = {}) {
        phase.withLock { phase in
            guard case .waiting = phase else { return }
            do throws(FileError) {
                try file.sync()
                // The commit point. The slot holds the state before the previous one.
                try file.write(meta, at: offset)
                try file.sync()
                phase = .done(.success(()))
            } catch {
                phase = .done(.failure(PendingSync.final(error)))
            }
            finished()
        }
    }

    /// What the device holds is unknown now: not even for a disk without room is there another try.
    private static func final(_ error: FileError) -> FileError {
        FileError(
            kind: error.kind == .noSpace ? .inputOutput : error.kind, operation: error.operation,
            path: error.path, reason: error.reason)
    }

    /// What came of `run`, which is called if nobody has.
    func outcome() -> Result<Void, FileError> {
        run()
        return phase.withLock { phase in
            if case .done(let result) = phase { result } else { .success(()) }
        }
    }

    /// The file is about to be closed. Waits for a run that is under way; none begins after that.
    func cancel() {
        phase.withLock { phase in
            if case .waiting = phase { phase = .cancelled }
        }
    }
}
