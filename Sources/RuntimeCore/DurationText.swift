//  A duration as Go writes it, in log lines and answers that etcd's readers know.

package enum DurationText {
    /// Such as `10m59.322358947s`, `1.5ms` or `0s`.
    package static func text(nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case 0: return "0s"
        case ..<1_000: return "\(nanoseconds)ns"
        case ..<1_000_000: return fraction(nanoseconds, unit: 1_000, digits: 3) + "µs"
        case ..<1_000_000_000: return fraction(nanoseconds, unit: 1_000_000, digits: 6) + "ms"
        default: break
        }
        let minutes = nanoseconds / 60_000_000_000
        let rest = nanoseconds % 60_000_000_000
        let seconds = fraction(rest, unit: 1_000_000_000, digits: 9) + "s"
        if minutes == 0 { return seconds }
        if minutes < 60 { return "\(minutes)m\(seconds)" }
        return "\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    /// In units, with as many decimals as there are, trailing zeros left out.
    private static func fraction(_ value: UInt64, unit: UInt64, digits: Int) -> String {
        let rest = String(value % unit)
        if rest == "0" { return String(value / unit) }
        var decimals = String(repeating: "0", count: digits - rest.utf8.count) + rest
        while decimals.last == "0" { decimals.removeLast() }
        return "\(value / unit).\(decimals)"
    }
}
