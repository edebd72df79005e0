//  How the backend batches and bounds its work, and what it counts.

import Bolt

extension Backend {
    package struct Settings: Sendable {
        /// Longest time a write waits for its commit (etcd's `backend-batch-interval`).
        package var batchMilliseconds: UInt64
        /// Operations that end the wait (etcd's `backend-batch-limit`).
        package var batchLimit: Int
        /// Bytes of keys and values that end the wait, because they wait in memory.
        package var batchBytesMax: Int
        /// Bytes committed during one defragmentation before it is given up: they stay in memory
        /// until the copy is complete.
        package var journalBytesMax: Int

        package init(
            batchMilliseconds: UInt64 = 100, batchLimit: Int = 10_000,
            batchBytesMax: Int = 64 << 20, journalBytesMax: Int = 512 << 20
        ) {
            self.batchMilliseconds = batchMilliseconds
            self.batchLimit = batchLimit
            self.batchBytesMax = batchBytesMax
            self.journalBytesMax = journalBytesMax
        }
    }

    /// What happened since the backend was opened.
    package struct Statistics: Sendable, Equatable {
        package var commits = 0
        package var failedCommits = 0
        /// Operations in those commits.
        package var operations = 0
        package var defragmentations = 0
    }

    /// How long the parts of a commit took, in nanoseconds.
    package struct CommitTimes: Sendable, Equatable {
        package fileprivate(set) var merging: UInt64 = 0
        package fileprivate(set) var placing: UInt64 = 0
        package fileprivate(set) var writing: UInt64 = 0

        package var total: UInt64 { merging + placing + writing }

        subscript(part: CommitPart) -> UInt64 {
            get {
                switch part {
                case .merging: merging
                case .placing: placing
                case .writing: writing
                }
            }
            set {
                switch part {
                case .merging: merging = newValue
                case .placing: placing = newValue
                case .writing: writing = newValue
                }
            }
        }
    }
}
