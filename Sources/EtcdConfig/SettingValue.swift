//  The value of a setting, read from its text.

package enum SettingValue: Sendable, Hashable {
    case text(String)
    case flag(Bool)
    case unsigned(UInt64)
    case signed(Int64)
    case nanoseconds(Int64)
    case urls([ConfigURL])
    case list([String])
}

extension Setting {
    /// Reads a text as this setting's value.
    ///
    /// - Parameter text: empty means the default for URLs; for numbers and booleans it is wrong.
    package func read(_ text: String) throws(ValueError) -> SettingValue {
        switch kind {
        case .string: return .text(text)
        case .bool: return .flag(try GoSyntax.bool(text))
        case .uint(let bits): return .unsigned(try unsigned(text, bits: bits))
        case .int: return .signed(try GoSyntax.signed(text))
        case .duration: return .nanoseconds(try GoSyntax.duration(text))
        case .urls:
            let chosen = text.trimmingBlanks.isEmpty ? standard : text
            return .urls(chosen.isEmpty ? [] : try ConfigURL.list(chosen))
        case .list:
            return .list(
                text.split(separator: ",").map(\.trimmingBlanks).filter { !$0.isEmpty })
        case .choice(let choices):
            guard choices.contains(text) else { throw .choice }
            return .text(text)
        }
    }

    private func unsigned(_ text: String, bits: Int) throws(ValueError) -> UInt64 {
        do {
            return try GoSyntax.unsigned(text, bits: bits)
        } catch {
            // etcd reads this width with another function, which says more.
            guard bits < 64 else { throw error }
            let reason = error == .range ? "value out of range" : "invalid syntax"
            throw ValueError("strconv.ParseUint: parsing \"\(text)\": \(reason)")
        }
    }

    /// The value when nothing sets it. Computed defaults are their text here.
    package var standardValue: SettingValue {
        do {
            return try read(standard)
        } catch {
            preconditionFailure("--\(name): the default \(standard) cannot be read: \(error)")
        }
    }
}

extension SettingValue {
    /// The text that a flag or variable would have.
    package var text: String {
        switch self {
        case .text(let text): text
        case .flag(let isOn): isOn ? "true" : "false"
        case .unsigned(let number): String(number)
        case .signed(let number): String(number)
        case .nanoseconds(let number): SettingValue.durationText(number)
        case .urls(let urls): urls.map(\.text).joined(separator: ",")
        case .list(let items): items.joined(separator: ",")
        }
    }

    /// Such as `1h30m`, with no part that is zero.
    static func durationText(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        var rest = nanoseconds.magnitude
        var text = nanoseconds < 0 ? "-" : ""
        for (unit, size) in durationUnits where rest >= size {
            text += "\(rest / size)\(unit)"
            rest %= size
        }
        return text
    }

    private static let durationUnits: [(String, UInt64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
        ("us", 1_000), ("ns", 1),
    ]
}
