//  A data directory out of a backup: `snapshot restore`.

import Crypto
import EtcdMembership
import EtcdServer
import RuntimeCore
import RuntimePosix

struct SnapshotRestore {
    /// The SHA-256 that a saved snapshot ends with. Pages of a database are multiples of 512 bytes,
    /// so that the size of a file tells whether it has one.
    private static let digestBytes = 32
    private static let sectorBytes = 512
    private static let chunkBytes = 1 << 20

    let source: String
    let directory: DataDirectory
    let founders: FoundingCluster
    let skipsDigest: Bool
    let revisionBump: UInt64
    private let files = PosixFileSystem()

    /// Makes the directory, whole or not at all: what a failure leaves is removed.
    func run(now: WallTime) throws(ToolError) {
        let madeRoot = try checkPlaces()
        let fields: KeyValuePairs = [
            "path": source, "wal-dir": directory.log, "data-dir": directory.root,
            "snap-dir": directory.snapshots,
        ]
        ToolOutput.note("restoring snapshot", fields)
        do {
            try copyDatabase()
            try Bootstrap.restore(
                directory, in: files, localID: founders.local.id, founders: founders.members,
                revisionBump: revisionBump, now: now)
            try Ownership.adopt(directory)
        } catch {
            removeAll(madeRoot)
            if let error = error as? FileError { throw ToolError(error) }
            if let error = error as? BootstrapError { throw ToolError(error) }
            throw error as? ToolError ?? ToolError("\(error)")
        }
        ToolOutput.note("restored snapshot", fields)
    }

    /// - Returns: the root was not there before.
    private func checkPlaces() throws(ToolError) -> Bool {
        let root = try? files.info(directory.root)
        if root != nil, (try? files.list(directory.root))?.isEmpty != true {
            throw ToolError("data-dir \"\(directory.root)\" not empty or could not be read")
        }
        let log = try? files.info(directory.log)
        if log != nil { throw ToolError("wal-dir \"\(directory.log)\" exists") }
        return root == nil
    }

    /// Copies the database to its place, without the digest, which must be right.
    private func copyDatabase() throws {
        let input = try files.open(source, .read, permissions: 0o600)
        defer { input.close() }
        let size = try input.size()
        let hasDigest = size % Self.sectorBytes == Self.digestBytes
        if !hasDigest, !skipsDigest {
            throw ToolError("snapshot missing hash but --skip-hash-check=false")
        }
        let end = hasDigest ? size - Self.digestBytes : size
        if end == 0 { throw ToolError("invalid database: \(source) is empty") }
        try files.createDirectory(directory.root, permissions: 0o700)
        try files.createDirectory(directory.snapshots, permissions: 0o700)
        let output = try files.open(directory.database, .replace, permissions: 0o600)
        defer { output.close() }
        var digest = SHA256()
        var position = 0
        while position < end {
            let bytes = try input.read(
                at: position, count: min(Self.chunkBytes, end - position))
            if bytes.isEmpty { break }
            digest.update(data: bytes)
            try output.write(bytes, at: position)
            position += bytes.count
        }
        let computed = Array(digest.finalize())
        if hasDigest, !skipsDigest {
            let stored = try input.read(at: end, count: Self.digestBytes)
            if stored != computed {
                throw ToolError("expected sha256 \(list(stored)), got \(list(computed))")
            }
        }
        try output.sync()
    }

    /// Bytes as Go shows them.
    private func list(_ bytes: [UInt8]) -> String {
        "[" + bytes.map { String($0) }.joined(separator: " ") + "]"
    }

    /// Best effort: nothing of this lay there before.
    private func removeAll(_ madeRoot: Bool) {
        _ = try? files.removeTree(directory.log)
        _ = try? files.removeTree(directory.member)
        if madeRoot { _ = try? files.removeTree(directory.root) }
    }
}

extension SnapshotRestore {
    private static let place = "http://localhost:2380"

    static let command = ToolCommand(
        use: "restore <filename> --data-dir {output dir} [options]",
        short: "Restores an etcd member snapshot to an etcd directory",
        flags: [
            .text("data-dir", "Path to the output data directory", isRequired: true),
            .text("wal-dir", "Path to the WAL directory (use --data-dir if none given)"),
            .text(
                "initial-cluster", "Initial cluster configuration for restore bootstrap",
                initial: "default=\(place)"),
            .text(
                "initial-cluster-token",
                "Initial cluster token for the etcd cluster during restore bootstrap",
                initial: "etcd-cluster"),
            .text(
                "initial-advertise-peer-urls",
                "List of this member's peer URLs to advertise to the rest of the cluster",
                initial: place),
            .text("name", "Human-readable name for this member", initial: "default"),
            .boolean(
                "skip-hash-check",
                "Ignore snapshot integrity hash value (required if copied from data directory)"),
            .unsigned(
                "initial-memory-map-size",
                "Taken for the sake of scripts: address space is reserved as it is needed"),
            .unsigned(
                "bump-revision", "How much to increase the latest revision after restore"),
            .boolean(
                "mark-compacted",
                "Mark the latest revision after restore as the point of scheduled compaction "
                    + "(required if --bump-revision > 0, disallowed otherwise)"),
        ],
        body: { try restore($0) })

    private static func restore(_ invocation: ToolInvocation) throws(ToolError) -> Int32 {
        guard invocation.arguments.count == 1 else {
            throw ToolError(
                "snapshot restore requires exactly one argument", exitCode: ToolExit.badArguments)
        }
        let bump = invocation.unsigned("bump-revision")
        if (bump > 0) != invocation.isOn("mark-compacted") {
            throw ToolError(
                bump > 0
                    ? "--mark-compacted required if --bump-revision > 0"
                    : "--mark-compacted is not allowed without --bump-revision > 0",
                exitCode: ToolExit.badArguments)
        }
        let name = invocation.text("name")
        let given = invocation.text("data-dir")
        let root = given.isEmpty ? "\(name).etcd" : given
        let directory = DataDirectory(root: root, walDirectory: invocation.text("wal-dir"))
        let restore = SnapshotRestore(
            source: invocation.arguments[0], directory: directory,
            founders: try FoundingCluster(
                name: name, cluster: invocation.text("initial-cluster"),
                token: invocation.text("initial-cluster-token"),
                peerURLs: invocation.text("initial-advertise-peer-urls")),
            skipsDigest: invocation.isOn("skip-hash-check"), revisionBump: bump)
        try restore.run(now: SystemClock().now().wall)
        return 0
    }
}
