//  From a data directory, or from nothing, to the state a replica starts with.

package import EtcdMembership
import EtcdProto
package import EtcdWAL
package import Raft
package import RuntimeCore

/// Where a member keeps its files (spec peer-and-disk 4).
package struct DataDirectory: Sendable, Hashable {
    package let root: String
    package let log: String

    /// - Parameter walDirectory: a dedicated log directory, or empty for the usual place.
    package init(root: String, walDirectory: String) {
        self.root = root
        log = walDirectory.isEmpty ? "\(root)/member/wal" : walDirectory
    }

    package var member: String { "\(root)/member" }
    package var snapshots: String { "\(root)/member/snap" }
}

/// The replica cannot start from what it found. The text names the file and what to do.
package struct BootstrapError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// What the disk holds, opened for more. Not Sendable: the log role takes the files over.
package struct OpenedLog {
    package let wal: WAL
    package let snapshotter: Snapshotter
    package let localID: MemberID
    package let clusterID: UInt64
    package var hardState: HardState
    package var entries: [Entry]
    package let snapshot: Snapshot?

    package var snapshotMetadata: SnapshotMetadata {
        snapshot?.metadata ?? SnapshotMetadata(index: 0, term: 0)
    }
}

package enum Bootstrap {
    package static func hasLog(_ directory: DataDirectory, in fileSystem: any FileSystem) -> Bool {
        WAL.exists(fileSystem: fileSystem, directory: directory.log)
    }

    /// Makes the files of a member that starts for the first time.
    ///
    /// - Parameter founders: the members of a new cluster; empty when joining a running one, whose
    ///   log then comes from its leader.
    package static func create(
        _ directory: DataDirectory, in fileSystem: any FileSystem & Sendable, localID: MemberID,
        clusterID: UInt64, founders: [Member], segmentBytes: Int = Limits.walSegmentBytes
    ) throws(BootstrapError) -> OpenedLog {
        try checkUnused(directory, in: fileSystem)
        return try createLog(
            directory, in: fileSystem, localID: localID, clusterID: clusterID, founders: founders,
            segmentBytes: segmentBytes)
    }

    /// As `create`, whatever database is there.
    ///
    /// - Parameter vote: whom the member has elected in the founders' term.
    static func createLog(
        _ directory: DataDirectory, in fileSystem: any FileSystem, localID: MemberID,
        clusterID: UInt64, founders: [Member], vote: MemberID = .none,
        segmentBytes: Int = Limits.walSegmentBytes
    ) throws(BootstrapError) -> OpenedLog {
        // In the log from its first moment: a start that finds a log takes it as it is, and nobody
        // leads a cluster without members.
        let entries = foundingEntries(founders)
        let hardState = entries.last.map { HardState(term: 1, vote: vote, commit: $0.index) }
        do {
            try fileSystem.createDirectory(directory.root, permissions: 0o700)
            try fileSystem.createDirectory(directory.snapshots, permissions: 0o700)
            var metadata: [UInt8] = []
            LogMetadata(nodeID: localID.rawValue, clusterID: clusterID).encode(into: &metadata)
            let wal = try WAL.create(
                fileSystem: fileSystem, directory: directory.log, metadata: Bytes(metadata),
                entries: entries, hardState: hardState ?? .initial, segmentBytes: segmentBytes)
            return OpenedLog(
                wal: wal,
                snapshotter: Snapshotter(fileSystem: fileSystem, directory: directory.snapshots),
                localID: localID, clusterID: clusterID, hardState: hardState ?? .initial,
                entries: entries, snapshot: nil)
        } catch {
            throw BootstrapError(description: "cannot create the data directory: \(error)")
        }
    }

    /// Identical on all founders: members in the order of their ids, term 1.
    private static func foundingEntries(_ founders: [Member]) -> [Entry] {
        founders.sorted { $0.id < $1.id }.enumerated().map { position, member in
            let change = ConfChange(
                id: 0, kind: .addNode, node: member.id, context: Bytes(member.json()))
            return Entry(
                term: 1, index: LogIndex(UInt64(position) + 1), kind: .confChange,
                data: Bytes(change.encoded))
        }
    }

    /// Opens the files of a member that has run before.
    package static func open(
        _ directory: DataDirectory, in fileSystem: any FileSystem,
        segmentBytes: Int = Limits.walSegmentBytes
    ) throws(BootstrapError) -> OpenedLog {
        do {
            try fileSystem.createDirectory(directory.snapshots, permissions: 0o700)
            let snapshotter = Snapshotter(fileSystem: fileSystem, directory: directory.snapshots)
            let records = try WAL.validSnapshots(
                fileSystem: fileSystem, directory: directory.log)
            let snapshot = try snapshotter.loadNewest(matching: records)
            let start =
                snapshot.map { WALSnapshot(index: $0.metadata.index, term: $0.metadata.term) }
                ?? WALSnapshot(index: 0, term: 0)
            let (wal, contents) = try WAL.open(
                fileSystem: fileSystem, directory: directory.log, at: start,
                segmentBytes: segmentBytes)
            let metadata = try LogMetadata(decoding: contents.metadata)
            return OpenedLog(
                wal: wal, snapshotter: snapshotter, localID: MemberID(metadata.nodeID),
                clusterID: metadata.clusterID, hardState: contents.hardState,
                entries: contents.entries, snapshot: snapshot)
        } catch {
            throw BootstrapError(description: "cannot open the data directory: \(error)")
        }
    }

    /// The key space and membership that the newest snapshot holds.
    package static func restoreState(of opened: OpenedLog, into keyspace: V2Keyspace)
        throws(BootstrapError) -> Cluster
    {
        guard let snapshot = opened.snapshot else { return Cluster() }
        switch keyspace.restore(snapshot.data, deliver: { _, _ in }) {
        case .success(let cluster): return cluster
        case .failure(let error):
            throw BootstrapError(
                description: "snapshot at index \(snapshot.metadata.index): \(error)")
        }
    }
}
