//  A look at a database that another member sent, before anything relies on it.

import Bolt
import EtcdBackend
import EtcdMVCC
package import Raft
package import RuntimeCore

package enum ReceivedDatabase {
    /// Throws unless the file is a database that holds everything up to `index`: the member could
    /// not start from it again. Opens and closes the file; call on a background thread.
    package static func check(
        _ path: String, index: LogIndex, in fileSystem: any FileSystem
    ) throws {
        // A missing or empty file would be made into an empty database.
        guard let info = try fileSystem.info(path), info.size > 0 else {
            throw BootstrapError(description: "the received database is missing or empty")
        }
        let database = try Database.open(path: path, in: fileSystem)
        defer { database.close() }
        let meta = database.snapshots.pin().bucket(StoreBuckets.meta.name)
        let applied = DatabaseRecords.appliedIndex(meta?.get(DatabaseRecords.consistentIndexKey))
        guard applied >= index else {
            throw BootstrapError(
                description: "the received database holds entries up to \(applied), but belongs "
                    + "to a snapshot at \(index)")
        }
    }
}
