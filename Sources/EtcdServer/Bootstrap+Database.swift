//  The database at start: which file it is, whether it belongs to the log, and what it must know
//  (spec peer-and-disk 4.3).

import EtcdBackend
import EtcdMVCC
package import EtcdMembership
package import Raft
package import RuntimeCore

extension DataDirectory {
    package var database: String { "\(snapshots)/db" }
}

extension Bootstrap {
    /// Opens the database that belongs to the newest snapshot of the log, or makes an empty one.
    ///
    /// - Parameters:
    ///   - snapshot: the newest usable snapshot, or one of index 0.
    ///   - cluster: the membership of that snapshot, to fill in where an older release left none.
    package static func openKeyspace(
        _ directory: DataDirectory, in fileSystem: any FileSystem & Sendable,
        snapshot: SnapshotMetadata, cluster: Cluster, settings: V3Keyspace.Settings,
        random: RandomSource
    ) throws(BootstrapError) -> V3Keyspace {
        do {
            try removeLeftOvers(directory, fileSystem)
            try checkPresent(directory, fileSystem, snapshot, cluster)
            var backend = try open(directory, fileSystem, settings)
            let received = DatabaseRecords.receivedPath(
                snapshot.index, in: directory.snapshots)
            if try fileSystem.info(received) != nil {
                if DatabaseRecords.appliedIndex(in: backend) < snapshot.index {
                    // The member stopped between keeping a received snapshot and taking it over.
                    backend.close()
                    try fileSystem.rename(received, to: directory.database)
                    try fileSystem.syncDirectory(directory.snapshots)
                    backend = try open(directory, fileSystem, settings)
                } else {
                    try fileSystem.remove(received)
                }
            }
            let applied = DatabaseRecords.appliedIndex(in: backend)
            if applied < snapshot.index {
                throw BootstrapError(
                    description: "database file (\(directory.database)) does not match with "
                        + "snapshot: it holds entries up to \(applied), the newest snapshot is at "
                        + "\(snapshot.index). Restore the whole data directory, or remove the "
                        + "member and add it again")
            }
            let keyspace = try V3Keyspace(
                backend: backend, confState: snapshot.confState, settings: settings,
                random: random)
            if !cluster.members.isEmpty, !DatabaseRecords.hasMembers(in: backend) {
                DatabaseRecords.replaceMembership(with: cluster, in: backend)
            }
            return keyspace
        } catch let error as BootstrapError {
            throw error
        } catch {
            throw BootstrapError(
                description: "cannot open the database \(directory.database): \(error)")
        }
    }

    private static func open(
        _ directory: DataDirectory, _ fileSystem: any FileSystem & Sendable,
        _ settings: V3Keyspace.Settings
    ) throws(BackendError) -> Backend {
        try Backend.open(
            path: directory.database, in: fileSystem, buckets: V3Keyspace.buckets,
            settings: Backend.Settings(
                batchMilliseconds: settings.commitMilliseconds,
                batchLimit: settings.commitOperations))
    }

    /// Refuses the database of a member whose log is not there.
    ///
    /// A new log numbers its entries from 1 on, and those that the database says to hold already
    /// would never take effect. Changes nothing.
    package static func checkUnused(
        _ directory: DataDirectory, in fileSystem: any FileSystem & Sendable
    ) throws(BootstrapError) {
        let applied: LogIndex
        do {
            guard let info = try fileSystem.info(directory.database), info.size > 0 else { return }
            let backend = try Backend.openReadOnly(
                path: directory.database, in: fileSystem, buckets: V3Keyspace.buckets)
            defer { backend.close() }
            applied = DatabaseRecords.appliedIndex(in: backend)
        } catch {
            throw BootstrapError(
                description: "cannot open the database \(directory.database): \(error)")
        }
        guard applied > 0 else { return }
        throw BootstrapError(
            description: "the database \(directory.database) holds entries up to \(applied), but "
                + "there is no log in \(directory.log). If the log has a place of its own, mount "
                + "it, or name it with --wal-dir. If it is lost, remove the member, empty its data "
                + "directory and add it again; a cluster that has nothing else left can be made "
                + "anew of the database: snapshot restore --skip-hash-check")
    }

    /// A snapshot of the log without the database that belongs to it would silently lose all keys.
    private static func checkPresent(
        _ directory: DataDirectory, _ fileSystem: any FileSystem, _ snapshot: SnapshotMetadata,
        _ cluster: Cluster
    ) throws {
        guard snapshot.index > 0, try fileSystem.info(directory.database) == nil,
            try fileSystem.info(
                DatabaseRecords.receivedPath(snapshot.index, in: directory.snapshots)) == nil
        else { return }
        guard let version = cluster.version.flatMap({ SemanticVersion($0) }), version.major < 3
        else {
            throw BootstrapError(
                description: "database file (\(directory.database)) of the backend is missing")
        }
    }

    /// What an interrupted transfer or defragmentation left behind.
    private static func removeLeftOvers(
        _ directory: DataDirectory, _ fileSystem: any FileSystem
    ) throws(FileError) {
        for name in try fileSystem.list(directory.snapshots)
        where name.hasPrefix("db.tmp") || name.hasPrefix("tmp") {
            try fileSystem.remove("\(directory.snapshots)/\(name)")
        }
    }
}
