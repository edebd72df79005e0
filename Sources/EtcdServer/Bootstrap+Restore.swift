//  A new cluster's data directory around the database of a backup.

import EtcdBackend
import EtcdMVCC
package import EtcdMembership
import EtcdProto
import EtcdWAL
package import Raft
package import RuntimeCore

extension Bootstrap {
    /// Makes the files of a founding member of a new cluster around the database that lies at its
    /// place in `directory` already, so that the cluster starts with the database's content.
    ///
    /// All founders' directories must be made from the same database. Keys, leases, users and
    /// alarms stay; the membership is replaced by the founders.
    ///
    /// - Parameters:
    ///   - founders: at least the local member.
    ///   - revisionBump: raises the newest revision; 0 leaves it.
    package static func restore(
        _ directory: DataDirectory, in fileSystem: any FileSystem & Sendable, localID: MemberID,
        founders: [Member], revisionBump: UInt64, now: WallTime
    ) throws(BootstrapError) {
        let founders = founders.sorted { $0.id < $1.id }
        // What the founding entries, all applied, amount to.
        let metadata = SnapshotMetadata(
            confState: ConfState(voters: founders.map(\.id)),
            index: LogIndex(UInt64(founders.count)), term: 1)
        do {
            let backend = try Backend.open(
                path: directory.database, in: fileSystem, buckets: V3Keyspace.buckets,
                settings: Backend.Settings())
            defer { backend.close() }
            DatabaseRecords.replaceMembership(with: Cluster(members: founders), in: backend)
            if revisionBump > 0 { _ = try RevisionBump.apply(revisionBump, to: backend) }
            DatabaseRecords.setApplied(
                metadata.index, metadata.term, metadata.confState, in: backend)
            try backend.commit()
            let opened = try createLog(
                directory, in: fileSystem, localID: localID,
                clusterID: clusterID(of: founders.map(\.id)), founders: founders,
                vote: founders[0].id)
            defer { opened.wal.close() }
            let keyspace = V2Keyspace()
            keyspace.change(
                { store in
                    for member in founders { ClusterRecords.add(member, to: store, now: now) }
                }, deliver: { _, _ in })
            try opened.snapshotter.save(
                Snapshot(metadata: metadata, data: Bytes(keyspace.save())))
            try opened.wal.saveSnapshot(
                WALSnapshot(
                    index: metadata.index, term: metadata.term, confState: metadata.confState))
        } catch let error as BootstrapError {
            throw error
        } catch {
            throw BootstrapError(description: "\(error)")
        }
    }
}
