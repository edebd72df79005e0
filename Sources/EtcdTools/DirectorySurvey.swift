//  Everything in a data directory, read and held against each other without changing anything.

import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix

/// What a member finds when it starts, and what is wrong with that.
struct DirectorySurvey {
    struct Database: Sendable, Equatable {
        let path: String
        var sizeBytes = 0
        /// `nil` when the content cannot be read.
        var revision: Int64?
        /// The last entry whose effects it holds.
        var applied = LogIndex(0)
    }

    let directory: DataDirectory
    private(set) var log: LogSurvey?
    /// The snapshot that a start would take.
    private(set) var snapshot: (path: String, metadata: SnapshotMetadata)?
    private(set) var database: Database?
    private(set) var findings: [StorageFinding] = []
    private let files = PosixFileSystem()

    var damages: Int { findings.count { $0.severity == .damage } }

    /// A member could start: what is damaged is at most a snapshot file that it passes over.
    var canStart: Bool {
        !findings.contains { $0.severity == .damage && !$0.path.hasSuffix(".snap") }
    }

    /// - Throws: when nothing can be said: there is no such directory, or a member runs in it.
    init(_ directory: DataDirectory) throws(ToolError) {
        self.directory = directory
        do throws(FileError) {
            guard try files.info(directory.root)?.isDirectory == true else {
                throw FileError(
                    kind: .notFound, operation: "open", path: directory.root,
                    reason: "No such file or directory")
            }
        } catch {
            throw ToolError(error)
        }
        try readLog()
        try readSnapshots()
        try readDatabase()
        compare()
    }

    private mutating func add(
        _ severity: StorageFinding.Severity, _ path: String, index: LogIndex? = nil, _ text: String
    ) {
        findings.append(StorageFinding(severity, path: path, index: index, text))
    }

    // MARK: log

    private mutating func readLog() throws(ToolError) {
        do throws(WALError) {
            let survey = try WAL.survey(fileSystem: files, directory: directory.log)
            findings += survey.findings
            log = survey
        } catch {
            guard error.kind == .missing else { throw ToolError(error) }
            add(
                .damage, directory.log,
                "there is no log: no member has run here, or it is elsewhere")
        }
    }

    // MARK: snapshots

    private mutating func readSnapshots() throws(ToolError) {
        let snapshotter = Snapshotter(fileSystem: files, directory: directory.snapshots)
        let found: [(path: String, content: Result<Snapshot, Snapshotter.Damage>)]
        do throws(WALError) {
            found = try snapshotter.survey()
        } catch {
            guard error.kind == .missing else { throw ToolError(error) }
            add(.damage, directory.snapshots, "the directory is missing")
            return
        }
        let noted = log?.usableSnapshots ?? []
        for (path, content) in found {
            switch content {
            case .failure(let damage):
                add(.damage, path, damage.description)
            case .success(let file):
                let metadata = file.metadata
                let isNoted = noted.contains {
                    $0.index == metadata.index && $0.term == metadata.term
                }
                if !isNoted {
                    add(.note, path, "the log does not note it; a start passes over it")
                } else if snapshot == nil {
                    snapshot = (path, metadata)
                    checkStore(file, path)
                }
            }
        }
        if let newest = noted.max(by: { $0.index < $1.index }),
            newest.index > snapshot?.metadata.index ?? 0
        {
            let path = snapshotter.path(of: newest)
            if !findings.contains(where: { $0.path == path }) {
                add(.damage, path, index: newest.index, "the log notes it, but it is not there")
            }
        }
        checkStart()
    }

    /// The v2 store and the membership inside a snapshot.
    private mutating func checkStore(_ file: Snapshot, _ path: String) {
        switch V2Keyspace().restore(file.data, deliver: { _, _ in }) {
        case .failure(let error):
            add(.damage, path, index: file.metadata.index, error.description)
        case .success(let cluster):
            if let id = log?.metadata?.nodeID, cluster.isRemoved(MemberID(id)) {
                add(
                    .damage, path, index: file.metadata.index,
                    "member \(MemberID(id)) was removed from its cluster and can never start again")
            }
        }
    }

    /// Is there a place in the log from which a member can start?
    private mutating func checkStart() {
        guard let log else { return }
        let start = snapshot?.metadata.index ?? 0
        if log.firstIndex > start.next {
            add(
                .damage, directory.log, index: log.firstIndex,
                start == 0
                    ? "the log begins with entry \(log.firstIndex), and no snapshot leads up to it"
                    : "the log begins with entry \(log.firstIndex), after the snapshot at \(start)")
        }
    }

    // MARK: database

    private mutating func readDatabase() throws(ToolError) {
        var path = directory.database
        do throws(FileError) {
            if let snapshot {
                let received = DatabaseRecords.receivedPath(
                    snapshot.metadata.index, in: directory.snapshots)
                if try files.info(received) != nil {
                    add(.note, received, "a received database; a start takes it if it is newer")
                    if try files.info(path) == nil { path = received }
                }
            }
            guard try files.info(path) != nil else {
                add(
                    snapshot == nil ? .note : .damage, path,
                    "the database is missing"
                        + (snapshot == nil ? "; a start makes it anew from the log" : ""))
                return
            }
        } catch {
            throw ToolError(error)
        }
        var found = Database(path: path)
        do throws(BackendError) {
            let backend = try Backend.openReadOnly(
                path: path, in: files, buckets: V3Keyspace.buckets)
            defer { backend.close() }
            found.sizeBytes = backend.views.sizeBytes
            let problems = backend.check()
            for problem in problems { add(.damage, path, problem) }
            if problems.isEmpty { readContent(backend, &found) }
        } catch {
            if case .file(let file) = error { throw ToolError(file) }
            add(.damage, path, "\(error)")
        }
        database = found
    }

    private mutating func readContent(_ backend: Backend, _ found: inout Database) {
        found.applied = DatabaseRecords.appliedIndex(in: backend)
        do throws(MVCCError) {
            found.revision = try Store.open(backend: backend).reader.currentRevision
        } catch {
            add(.damage, found.path, "\(error)")
        }
    }

    // MARK: together

    private mutating func compare() {
        guard let database, database.revision != nil else { return }
        if let snapshot, database.applied < snapshot.metadata.index {
            let received = DatabaseRecords.receivedPath(
                snapshot.metadata.index, in: directory.snapshots)
            if findings.contains(where: { $0.path == received }) { return }
            add(
                .damage, database.path, index: database.applied,
                "it holds entries up to \(database.applied), but the snapshot is at "
                    + "\(snapshot.metadata.index): the two do not belong together")
        }
        if let log, database.applied > log.lastIndex {
            add(
                .damage, database.path, index: database.applied,
                "it holds entries up to \(database.applied), but the log ends at "
                    + "\(log.lastIndex): the end of the log is lost, or the two do not belong "
                    + "together")
        }
    }
}
