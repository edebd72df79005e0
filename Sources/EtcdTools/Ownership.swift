//  Files that a tool makes as root must be open to the member, which runs as another user.

import EtcdServer
import Glibc
import RuntimeCore
import RuntimePosix

enum Ownership {
    /// Gives what lies in the member's directories to the owner of the data directory. Only root
    /// can, and only root has to.
    static func adopt(_ directory: DataDirectory) throws(ToolError) {
        guard geteuid() == 0 else { return }
        var status = stat()
        guard stat(directory.root, &status) == 0 else { return }
        let (user, group) = (status.st_uid, status.st_gid)
        do throws(FileError) {
            for path in [directory.member, directory.log] {
                // The log is often elsewhere, behind a link.
                guard let place = realpath(path, nil) else { continue }
                defer { free(place) }
                try give(String(cString: place), to: user, group, PosixFileSystem())
            }
        } catch {
            throw ToolError(error)
        }
    }

    private static func give(
        _ path: String, to user: uid_t, _ group: gid_t, _ files: PosixFileSystem
    ) throws(FileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_uid != user || status.st_gid != group {
            guard lchown(path, user, group) == 0 else {
                throw FileError(
                    kind: .permissionDenied, operation: "chown", path: path,
                    reason: String(cString: strerror(errno)))
            }
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        for name in try files.list(path) {
            try give("\(path)/\(name)", to: user, group, files)
        }
    }
}
