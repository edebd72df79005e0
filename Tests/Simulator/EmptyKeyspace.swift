//  A v3 key space on a disk in memory, for tests of single parts.

import EtcdMembership
package import EtcdServer
import Raft
import RuntimeCore

/// A new one, as a member has it at its first start.
package func emptyKeyspace(
    on disk: SimulatedDisk = SimulatedDisk(), settings: V3Keyspace.Settings = V3Keyspace.Settings()
) -> V3Keyspace {
    let directory = DataDirectory(root: "/data", walDirectory: "")
    do {
        try disk.createDirectory(directory.snapshots, permissions: 0o700)
        return try Bootstrap.openKeyspace(
            directory, in: disk, snapshot: SnapshotMetadata(index: 0, term: 0),
            cluster: Cluster(), settings: settings, random: RandomSource(seed: 1))
    } catch {
        preconditionFailure("an empty key space cannot be made: \(error)")
    }
}

/// Does background work at once, on the thread that submits it.
package struct ImmediateBackground: BackgroundPool {
    package init() {}
    package func submit(_ work: @escaping @Sendable () -> Void) { work() }
}
