//  Rules for the audit log and the rate limits.

import RuntimeCore

extension ConfigValidation {
    mutating func checkProtection() {
        for item in settings.list("rate-limit-per-prefix") where ConfigValidation.rate(item) == nil
        {
            error(
                "rate-limit-per-prefix",
                "\"\(item)\" is not PREFIX=RATE, with a number of requests a second from 1 to "
                    + "\(UInt32.max)")
        }
    }

    var audit: ServerConfig.AuditSettings? {
        let path = settings.text("audit-log")
        if path.isEmpty { return nil }
        let events = ServerConfig.AuditEvents(rawValue: settings.text("audit-log-events"))
        return ServerConfig.AuditSettings(path: path, events: events ?? .all)
    }

    var prefixRates: [ServerConfig.PrefixRate] {
        settings.list("rate-limit-per-prefix").compactMap(ConfigValidation.rate)
    }

    /// The prefix may itself contain an equals sign.
    private static func rate(_ item: String) -> ServerConfig.PrefixRate? {
        guard let equals = item.lastIndex(of: "="), equals > item.startIndex,
            let perSecond = UInt32(item[item.index(after: equals)...]), perSecond > 0
        else { return nil }
        return ServerConfig.PrefixRate(
            prefix: String(item[..<equals]), perSecond: UInt64(perSecond))
    }
}
