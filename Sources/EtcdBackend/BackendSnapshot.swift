//  A committed state as a file image: what goes to another member or into a backup.

import Bolt

/// One committed state. Any thread may read it; its pages stay until it is released.
package final class BackendSnapshot: Sendable {
    private let snapshot: Snapshot

    init(_ snapshot: Snapshot) { self.snapshot = snapshot }

    package var imageBytes: Int { snapshot.imageBytes }

    /// Fills `target` with the image from `offset` on; fewer bytes only at its end. Reads by
    /// system calls, so that memory does not grow with the image.
    package func readImage(at offset: Int, into target: UnsafeMutableRawBufferPointer)
        throws(BackendError) -> Int
    {
        try databaseStep { () throws(BoltError) in
            try snapshot.readImage(at: offset, into: target)
        }
    }

    /// What is wrong with the pages of this state; empty when all is sound. Reads everything.
    package func check() -> [String] { snapshot.check() }
}
