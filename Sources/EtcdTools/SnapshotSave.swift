//  A backup from a running member: `snapshot save`.

import Crypto
import EtcdClient
import EtcdNet
import EtcdProto
import Glibc
import NIOCore
import NIOPosix
import RuntimeCore
import RuntimePosix

struct SnapshotSave {
    private static let digestBytes = 32

    /// Where the backup goes; until it is complete, it has `.part` behind its name.
    let path: String
    let settings: ClientSettings
    private let files = PosixFileSystem()
    private var partPath: String { path + ".part" }

    init(path: String, settings: ClientSettings) {
        self.path = path
        self.settings = settings
    }

    /// The file appears whole, durable and with the right digest, or not at all.
    func run() async throws(ToolError) {
        let client: Client
        do throws(TLSError) {
            client = try Client(settings, loop: MultiThreadedEventLoopGroup.singleton.next())
        } catch {
            throw ToolError("\(error)")
        }
        do {
            let output = try files.open(partPath, .replace, permissions: 0o600)
            do {
                defer { output.close() }
                try await receive(from: client, into: output)
                try output.sync()
            } catch {
                try? files.remove(partPath)
                throw error
            }
            try files.rename(partPath, to: path)
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            try files.syncDirectory(parts.isEmpty ? "." : parts.joined(separator: "/"))
        } catch {
            await client.close()
            if let error = error as? FileError { throw ToolError(error) }
            throw error as? ToolError ?? ToolError("\(error)")
        }
        await client.close()
    }

    /// Writes what the member sends: the database, and the digest of it.
    private func receive(from client: Client, into output: any File) async throws {
        let stream = try await client.open(
            "/etcdserverpb.Maintenance/Snapshot", SnapshotRequest(), as: SnapshotResponse.self)
        var digest = SHA256()
        // The digest is known by its place only: the last bytes are held back.
        var heldBack: [UInt8] = []
        var position = 0
        while let response = try await stream.next() {
            let bytes = Array(response.blob.array)
            try output.write(bytes, at: position)
            position += bytes.count
            heldBack += bytes
            let count = max(0, heldBack.count - Self.digestBytes)
            digest.update(data: heldBack.prefix(count))
            heldBack.removeFirst(count)
        }
        guard position % 512 == Self.digestBytes else {
            throw ToolError("sha256 checksum not found [bytes: \(position)]")
        }
        guard heldBack == Array(digest.finalize()) else {
            throw ToolError(
                "the snapshot of \(settings.endpoints[0]) was damaged on its way: its sha256 does "
                    + "not match")
        }
    }
}

extension SnapshotSave {
    /// - Parameter isHidden: as in etcdutl, where the command is left to etcdctl.
    static func command(isHidden: Bool) -> ToolCommand {
        ToolCommand(
            use: "save <filename>", short: "Stores an etcd node backend snapshot to a given file",
            flags: ClientFlags.all, isHidden: isHidden, body: { try await save($0) })
    }

    private static func save(_ invocation: ToolInvocation) async throws(ToolError) -> Int32 {
        guard invocation.arguments.count == 1 else {
            throw ToolError(
                "snapshot save expects one argument", exitCode: ToolExit.badArguments)
        }
        let settings = try ClientFlags.settings(invocation)
        if settings.endpoints.count > 1 {
            throw ToolError(
                "snapshot must be requested to one selected node, not multiple ["
                    + settings.endpoints.joined(separator: " ") + "]",
                exitCode: ToolExit.interrupted)
        }
        let path = invocation.arguments[0]
        ToolOutput.note("fetching snapshot", ["endpoint": settings.endpoints[0]])
        do throws(ToolError) {
            try await SnapshotSave(path: path, settings: settings).run()
        } catch {
            throw ToolError(error.message, exitCode: ToolExit.interrupted)
        }
        ToolOutput.write("Snapshot saved at \(path)\n")
        return 0
    }
}
