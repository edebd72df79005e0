//  What a start makes of a data directory: a member, or a proxy of the v2 API.

import EtcdConfig
import Logging
import RuntimeCore
import RuntimePosix

enum ServiceChoice: String, Sendable {
    case member, proxy

    /// What is there already counts more than the settings, as in etcd. A directory with both is
    /// left to `DataDirectoryCheck`.
    static func of(_ config: ServerConfig, in files: PosixFileSystem, logger: Logger)
        -> ServiceChoice
    {
        let wanted: ServiceChoice = config.proxy.mode == .off ? .member : .proxy
        let names = (try? files.list(config.dataDirectory)) ?? []
        let found: ServiceChoice? =
            names.contains("member") ? .member : names.contains("proxy") ? .proxy : nil
        guard let found, found != wanted else { return wanted }
        logger.warning(
            """
            the server is already initialized as \(found.rawValue) before, starting as etcd \
            \(found.rawValue); --proxy does not count
            """,
            metadata: [
                "data-dir": "\(config.dataDirectory)", "proxy": "\(config.proxy.mode.rawValue)",
            ])
        return found
    }
}
