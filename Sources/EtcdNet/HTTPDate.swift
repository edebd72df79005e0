//  The Date header: RFC 1123 in GMT, rendered at most once per second and loop.

import Glibc

enum HTTPDate {
    /// Bytes of `Mon, 02 Jan 2006 15:04:05 GMT`.
    static let length = 29

    /// Seconds since 1970 as `Mon, 02 Jan 2006 15:04:05 GMT`.
    static func text(unixSeconds: Int64) -> String {
        let days = floorDivided(unixSeconds, by: 86_400)
        let second = unixSeconds - days * 86_400
        let (year, month, day) = civil(fromDays: days)
        let weekday = Int(modulo(days + 4, 7))
        return "\(weekdays[weekday]), \(padded(day)) \(months[month - 1]) \(year) "
            + "\(padded(Int(second / 3_600))):\(padded(Int(second / 60 % 60))):"
            + "\(padded(Int(second % 60))) GMT"
    }

    /// The current second, from the clock that costs no system call.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return Int64(time.tv_sec)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    private static func floorDivided(_ number: Int64, by divisor: Int64) -> Int64 {
        number >= 0 ? number / divisor : -((divisor - 1 - number) / divisor)
    }

    private static func modulo(_ number: Int64, _ divisor: Int64) -> Int64 {
        number - floorDivided(number, by: divisor) * divisor
    }

    /// Proleptic Gregorian date of a day count from 1970-01-01, in eras of 400 years that begin on
    /// the first of March, so that the leap day is the last day of its year.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivided(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
        let month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

/// The Date header of the current second. Confined to one event loop.
struct DateCache {
    private var second: Int64 = .min
    private var rendered: [UInt8] = []

    /// `HTTPDate.length` bytes.
    mutating func current() -> [UInt8] {
        let now = HTTPDate.now()
        if now != second {
            second = now
            rendered = Array(HTTPDate.text(unixSeconds: now).utf8)
        }
        return rendered
    }
}
