//  Rate limits as the configuration has them.

import EtcdConfig
import EtcdEdge
import RuntimeCore

extension RequestLimits {
    /// `nil` when there are none.
    convenience init?(_ config: ServerConfig, now: Instant) {
        if config.userRate == 0, config.prefixRates.isEmpty { return nil }
        self.init(
            perUser: config.userRate,
            prefixes: config.prefixRates.map {
                PrefixLimit(prefix: Bytes($0.prefix), perSecond: $0.perSecond)
            }, now: now)
    }
}
