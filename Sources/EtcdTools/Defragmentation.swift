//  Giving the free pages of a database file back to the file system: `defrag`.

import EtcdBackend
import EtcdServer
import Glibc
import RuntimeCore
import RuntimePosix

enum Defragmentation {
    private static let pollMicroseconds: UInt32 = 100_000

    static let command = ToolCommand(
        use: "defrag", short: "Defragments the storage of the etcd",
        flags: [
            .text(
                "data-dir", "Required. Defragments a data directory not in use by etcd.",
                isRequired: true)
        ],
        body: { invocation in
            let root = invocation.text("data-dir")
            let directory = DataDirectory(root: root, walDirectory: "")
            do throws(ToolError) {
                try run(directory.database)
                try Ownership.adopt(directory)
            } catch {
                throw ToolError(
                    "Failed to defragment etcd data[\(root)] (\(error.message))",
                    exitCode: error.exitCode)
            }
            return 0
        })

    static func run(_ path: String) throws(ToolError) {
        let files = PosixFileSystem()
        do throws(FileError) {
            guard let info = try files.info(path), info.size > 0 else {
                throw FileError(
                    kind: .notFound, operation: "open", path: path,
                    reason: "No such file or directory")
            }
        } catch {
            throw ToolError(error)
        }
        do throws(BackendError) {
            let backend = try openWhenFree(path, files)
            defer { backend.close() }
            ToolOutput.note("defragmenting", fields(path, backend))
            let job = try backend.beginDefragment()
            job.run()
            try backend.finishDefragment(job)
            ToolOutput.note("finished defragmenting directory", fields(path, backend))
        } catch {
            throw ToolError(error)
        }
    }

    private static func fields(_ path: String, _ backend: Backend) -> KeyValuePairs<String, String>
    {
        [
            "path": path, "current-db-size": SizeText.text(backend.views.sizeBytes),
            "current-db-size-in-use": SizeText.text(backend.views.inUseBytes),
        ]
    }

    /// A member that is stopping may hold the file for a little longer; as etcd's tool, this waits
    /// for it, and says so.
    private static func openWhenFree(_ path: String, _ files: PosixFileSystem) throws(BackendError)
        -> Backend
    {
        var attempts = 0
        while true {
            do throws(BackendError) {
                return try Backend.open(
                    path: path, in: files, buckets: [], settings: Backend.Settings())
            } catch {
                guard case .file(let file) = error, file.kind == .locked else { throw error }
            }
            attempts += 1
            if attempts == 10 {
                ToolOutput.writeError(
                    "waiting for etcd to close and release its lock on \"\(path)\". To defrag a "
                        + "running etcd instance, use etcdctl defrag.\n")
            }
            usleep(pollMicroseconds)
        }
    }
}
