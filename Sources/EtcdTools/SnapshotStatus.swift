//  What a backup holds, at a glance: `snapshot status`.

import EtcdBackend
import EtcdMVCC
import EtcdServer
import RuntimeCore
import RuntimePosix

/// Hash and sizes of a database file.
struct SnapshotStatus: Sendable, Equatable {
    /// Over every record of every bucket, nothing left out.
    var hash: UInt32 = 0
    /// That of the last record.
    var revision: Int64 = 0
    /// Records of all buckets.
    var totalKeys = 0
    var totalBytes = 0

    /// Checks the pages of the file, and reads it whole. Changes nothing.
    init(of path: String) throws(ToolError) {
        let backend = try DatabaseFile.open(path)
        defer { backend.close() }
        let problems = backend.check()
        if !problems.isEmpty {
            throw ToolError(
                "snapshot file integrity check failed. \(problems.count) errors found.\n"
                    + problems.joined(separator: "\n"))
        }
        totalBytes = backend.views.sizeBytes
        var (keys, last) = (0, Int64(0))
        hash = backend.views.view().hash { bucket, key in
            keys += 1
            if bucket == StoreBuckets.key.name, let key = RevisionKey(key) {
                last = key.revision.main
            }
            return false
        }
        if let damage = backend.views.damage { throw ToolError(damage) }
        (totalKeys, revision) = (keys, last)
    }

    var result: ToolResult {
        ToolResult(values: [
            ToolResult.Field(
                json: "hash", fields: "Hash", table: "hash", shown: String(hash, radix: 16),
                number: Int64(hash)),
            ToolResult.Field(
                json: "revision", fields: "Revision", table: "revision", shown: "\(revision)",
                number: revision),
            ToolResult.Field(
                json: "totalKey", fields: "Keys", table: "total keys", shown: "\(totalKeys)",
                number: Int64(totalKeys)),
            ToolResult.Field(
                json: "totalSize", fields: "Size", table: "total size",
                shown: SizeText.text(totalBytes), number: Int64(totalBytes)),
        ])
    }

    static let command = ToolCommand(
        use: "status <filename>", short: "Gets backend snapshot status of a given file",
        body: { invocation in
            guard invocation.arguments.count == 1 else {
                throw ToolError(
                    "snapshot status requires exactly one argument",
                    exitCode: ToolExit.badArguments)
            }
            try ResultFormat.check(invocation)
            let status = try SnapshotStatus(of: invocation.arguments[0])
            ToolOutput.write(
                try ResultFormat.text(status.result, invocation.text("write-out")))
            return 0
        })
}

/// A database file that is only read.
enum DatabaseFile {
    static func open(_ path: String) throws(ToolError) -> Backend {
        let files = PosixFileSystem()
        do throws(FileError) {
            guard let info = try files.info(path) else {
                throw FileError(
                    kind: .notFound, operation: "stat", path: path,
                    reason: "No such file or directory")
            }
            if info.isDirectory {
                throw FileError(
                    kind: .isDirectory, operation: "open", path: path, reason: "Is a directory")
            }
        } catch {
            throw ToolError(error)
        }
        do throws(BackendError) {
            return try Backend.openReadOnly(path: path, in: files, buckets: V3Keyspace.buckets)
        } catch {
            throw ToolError(error)
        }
    }
}
