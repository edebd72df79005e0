//  Civil time in the form that probes carry it (RFC 3339 with nanoseconds, as Go writes it).

import RuntimeCore

enum ClockText {
    /// In UTC, trailing zeros of the fraction left out.
    static func format(_ time: WallTime) -> String {
        let second: Int64 = 1_000_000_000
        let fraction = time.unixNanoseconds.flooredRemainder(second)
        let seconds = (time.unixNanoseconds - fraction) / second
        let ofDay = seconds.flooredRemainder(86_400)
        let (year, month, day) = date(ofDay: (seconds - ofDay) / 86_400)
        var text =
            "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T"
            + "\(digits(ofDay / 3_600, 2)):\(digits(ofDay / 60 % 60, 2)):\(digits(ofDay % 60, 2))"
        if fraction > 0 {
            text += "."
            text += digits(fraction, 9)
            while text.hasSuffix("0") { text.removeLast() }
        }
        return text + "Z"
    }

    /// `nil` when the text is no such time.
    static func parse(_ text: String) -> WallTime? {
        var rest = Substring(text)
        guard let year = number(&rest, 4), take("-", &rest), let month = number(&rest, 2),
            take("-", &rest), let day = number(&rest, 2), take("T", &rest),
            let hour = number(&rest, 2), take(":", &rest), let minute = number(&rest, 2),
            take(":", &rest), let second = number(&rest, 2)
        else { return nil }
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61,
            (1970...2200).contains(year)
        else { return nil }
        var nanoseconds: Int64 = 0
        if take(".", &rest) {
            let fraction = rest.prefix { ("0"..."9").contains($0) }
            guard (1...9).contains(fraction.count), let value = Int64(fraction) else { return nil }
            nanoseconds = (fraction.count..<9).reduce(value) { value, _ in value * 10 }
            rest = rest.dropFirst(fraction.count)
        }
        guard let offset = zone(&rest), rest.isEmpty else { return nil }
        let seconds =
            self.day(ofYear: year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
            - offset
        return WallTime(unixNanoseconds: seconds * 1_000_000_000 + nanoseconds)
    }

    /// Seconds east of Greenwich.
    private static func zone(_ rest: inout Substring) -> Int64? {
        if take("Z", &rest) { return 0 }
        let sign: Int64 = rest.hasPrefix("-") ? -1 : 1
        guard take("+", &rest) || take("-", &rest), let hours = number(&rest, 2), take(":", &rest),
            let minutes = number(&rest, 2)
        else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }

    private static func take(_ character: Character, _ rest: inout Substring) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private static func number(_ rest: inout Substring, _ width: Int) -> Int64? {
        let digits = rest.prefix(width)
        guard digits.utf8.count == width, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        rest = rest.dropFirst(width)
        return Int64(digits)
    }

    private static func digits(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    // Both directions count days in years that begin on 1 March, so that the leap day comes last;
    // 400 of them have 146 097 days. 719 468 days lie between 0000-03-01 and 1970-01-01.

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let inEra = shifted.flooredRemainder(146_097)
        let era = (shifted - inEra) / 146_097
        let yearOfEra = (inEra - inEra / 1_460 + inEra / 36_524 - inEra / 146_096) / 365
        let inYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * inYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, inYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func day(ofYear year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let yearOfEra = shiftedYear.flooredRemainder(400)
        let era = (shiftedYear - yearOfEra) / 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let inYear = (153 * shiftedMonth + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + inYear - 719_468
    }
}

extension Int64 {
    fileprivate func flooredRemainder(_ divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
