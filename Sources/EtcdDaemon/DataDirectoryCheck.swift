//  Is the data directory one that a member may use?

import EtcdServer
import Logging
import RuntimeCore
import RuntimePosix

enum DataDirectoryCheck {
    /// Makes the directory if it is missing; warns about what an operator should look at.
    static func run(_ directory: DataDirectory, in files: PosixFileSystem, logger: Logger)
        throws(BootstrapError)
    {
        do throws(FileError) {
            try files.createDirectory(directory.root, permissions: 0o700)
            if let info = try files.info(directory.root), info.permissions & 0o077 != 0 {
                logger.warning(
                    "check file permission: the data directory is open to others",
                    metadata: [
                        "dir": "\(directory.root)", "recommended": "chmod 700 \(directory.root)",
                    ])
            }
            let names = try files.list(directory.root)
            if names.contains("member"), names.contains("proxy") {
                throw FileError(
                    kind: .other, operation: "check", path: directory.root,
                    reason: "invalid datadir; both member and proxy directories exist")
            }
            for name in names where !["member", "proxy", "fixtures", "lost+found"].contains(name) {
                logger.warning(
                    "found invalid file under data directory",
                    metadata: ["filename": "\(name)", "data-dir": "\(directory.root)"])
            }
            let probe = "\(directory.root)/.touch"
            try files.open(probe, .replace, permissions: 0o600).close()
            try files.remove(probe)
        } catch {
            throw BootstrapError(
                description: "cannot access data directory \(directory.root): \(error)")
        }
    }
}
