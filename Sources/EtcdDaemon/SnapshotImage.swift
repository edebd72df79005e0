//  A pinned database as the peer transport sends it.

import EtcdBackend
import EtcdTransport

struct SnapshotImage: DatabaseImage {
    let pinned: BackendSnapshot

    var imageBytes: Int { pinned.imageBytes }

    func readImage(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try pinned.readImage(at: offset, into: buffer)
    }
}
