//  Civil time as etcd's log writes it.

import Glibc
import RuntimeCore

enum TimestampText {
    /// `2006-01-02T15:04:05.000000Z` for UTC, else with `±hhmm` instead of the `Z`.
    static func microseconds(_ time: WallTime) -> String {
        var seconds = time_t(time.unixNanoseconds / 1_000_000_000)
        let microseconds = Int(time.unixNanoseconds % 1_000_000_000) / 1_000
        var parts = tm()
        localtime_r(&seconds, &parts)
        let date =
            digits(Int(parts.tm_year) + 1900, 4) + "-" + digits(Int(parts.tm_mon) + 1, 2)
            + "-" + digits(Int(parts.tm_mday), 2)
        let clock =
            digits(Int(parts.tm_hour), 2) + ":" + digits(Int(parts.tm_min), 2) + ":"
            + digits(Int(parts.tm_sec), 2) + "." + digits(microseconds, 6)
        let offset = Int(parts.tm_gmtoff) / 60
        if offset == 0 { return "\(date)T\(clock)Z" }
        let sign = offset < 0 ? "-" : "+"
        let zone = digits(abs(offset) / 60, 2) + digits(abs(offset) % 60, 2)
        return "\(date)T\(clock)\(sign)\(zone)"
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
