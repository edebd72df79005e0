//  Times in RFC 3339 text with nanoseconds, as Go writes and reads them. Gregorian calendar
//  arithmetic on days since 0000-03-01, so that leap days come last in their year.

import RuntimeCore

enum RFC3339 {
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000
    private static let secondsPerDay: Int64 = 86_400
    /// 0000-03-01 to 1970-01-01.
    private static let daysToEpoch: Int64 = 719_468
    private static let daysPerEra: Int64 = 146_097

    /// UTC; trailing zeros of the fraction are dropped, an empty fraction too.
    static func write(_ time: WallTime, into bytes: inout [UInt8]) {
        let (seconds, nanoseconds) = floorDivide(time.unixNanoseconds, nanosecondsPerSecond)
        let (days, second) = floorDivide(seconds, secondsPerDay)
        let (year, month, day) = civil(days: days)
        bytes.appendDecimal(UInt64(year), width: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(month), width: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(day), width: 2)
        bytes.append(UInt8(ascii: "T"))
        bytes.appendDecimal(UInt64(second / 3600), width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(UInt64(second / 60 % 60), width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(UInt64(second % 60), width: 2)
        if nanoseconds != 0 {
            bytes.append(UInt8(ascii: "."))
            bytes.appendDecimal(UInt64(nanoseconds), width: 9)
            while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    /// - Returns: `nil` when `text` is not a time. Times that nanoseconds since 1970 cannot say
    ///   are moved to the nearest that they can.
    static func parse(_ text: [UInt8]) -> WallTime? {
        var reader = Reader(text: text)
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
            reader.take("-"), let day = reader.digits(2), reader.take("T"),
            let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2),
            reader.take(":"), let second = reader.digits(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60,
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
        else { return nil }
        let dayNumber = days(year: year, month: month, day: day)
        guard civil(days: dayNumber) == (year, month, day) else { return nil }
        let seconds =
            dayNumber * secondsPerDay + hour * 3600 + minute * 60 + second - offset
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        let (sum, overflowed) = product.addingReportingOverflow(fraction)
        if overflow || overflowed {
            return WallTime(unixNanoseconds: seconds < 0 ? Int64.min : Int64.max)
        }
        return WallTime(unixNanoseconds: sum)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + daysToEpoch, daysPerEra)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let (era, yearOfEra) = floorDivide(month <= 2 ? year - 1 : year, 400)
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * daysPerEra + dayOfEra - daysToEpoch
    }

    private struct Reader {
        let text: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == text.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < text.count, text[position] == UInt8(ascii: character) else {
                return false
            }
            position += 1
            return true
        }

        mutating func digit() -> Int64? {
            guard position < text.count,
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position])
            else { return nil }
            position += 1
            return Int64(text[position - 1] - UInt8(ascii: "0"))
        }

        mutating func digits(_ number: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<number {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Nanoseconds; 0 without a point. Digits beyond the ninth are dropped.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            guard var value = digit() else { return nil }
            var scale: Int64 = 100_000_000
            value *= scale
            while let digit = digit() {
                scale /= 10
                value += digit * scale
            }
            return value
        }

        /// Seconds east of UTC.
        mutating func offset() -> Int64? {
            if take("Z") { return 0 }
            let isWest = take("-")
            guard isWest || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
                hours < 24, minutes < 60
            else { return nil }
            return (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
        }
    }
}
