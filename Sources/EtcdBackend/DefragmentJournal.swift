//  What is committed while a defragmentation copies an older state.

import Synchronization

/// The committed generations in order. Filled by the owner, emptied by whoever brings the copy up
/// to date.
final class DefragmentJournal: Sendable {
    /// One committed generation.
    struct Entry: Sendable {
        let buffer: WriteBuffer
        /// Of keys and values.
        let bytes: Int
    }

    private struct State {
        var entries: [Entry] = []
        var bytes = 0
        var isClosed = false
        var isOverfull = false
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Beyond the bound everything is let go of, and `take` fails from then on.
    func append(_ buffer: WriteBuffer, bytes: Int) {
        state.withLock { state in
            if state.isClosed || state.isOverfull { return }
            state.entries.append(Entry(buffer: buffer, bytes: bytes))
            state.bytes += bytes
            if state.bytes > bytesMax {
                state.isOverfull = true
                state.entries = []
            }
        }
    }

    var isEmpty: Bool { state.withLock { $0.entries.isEmpty && !$0.isOverfull } }

    /// Everything in it, which is then no longer in it.
    func take() throws(BackendError) -> [Entry] {
        let (entries, isOverfull) = state.withLock { state in
            let entries = state.entries
            state.entries = []
            state.bytes = 0
            return (entries, state.isOverfull)
        }
        if isOverfull {
            throw .defragmentationAbandoned(
                "more than \(bytesMax) bytes were written while it ran; try at a quieter time")
        }
        return entries
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.entries = []
        }
    }
}
