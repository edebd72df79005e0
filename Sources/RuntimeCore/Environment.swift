//  Time and randomness as values that are handed in, so that production and simulation differ only
//  in who hands them.

/// A point on a clock that never goes back; only differences mean anything. Nanoseconds.
package struct Instant: Comparable, Hashable, Sendable {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package func advanced(byNanoseconds interval: UInt64) -> Instant {
        Instant(nanoseconds: nanoseconds &+ interval)
    }

    package func advanced(byMilliseconds interval: UInt64) -> Instant {
        advanced(byNanoseconds: interval * 1_000_000)
    }

    /// Nanoseconds from `earlier` to here; 0 when `earlier` is in fact later.
    package func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }
}

/// Civil time in nanoseconds since 1970-01-01T00:00:00Z. May jump in either direction.
package struct WallTime: Comparable, Hashable, Sendable {
    package let unixNanoseconds: Int64

    package init(unixNanoseconds: Int64) { self.unixNanoseconds = unixNanoseconds }

    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.unixNanoseconds < right.unixNanoseconds
    }

    package func advanced(bySeconds seconds: Int64) -> WallTime {
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowed) = unixNanoseconds.addingReportingOverflow(nanoseconds)
        return WallTime(unixNanoseconds: overflow || overflowed ? Int64.max : sum)
    }
}

/// Both clocks read once, as a role sees them during one run.
package struct Moment: Sendable, Hashable {
    package let monotonic: Instant
    package let wall: WallTime

    package init(monotonic: Instant, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }
}

/// A seedable generator (xoshiro256**), the only source of randomness in deterministic code.
///
/// Production seeds it from the operating system once, simulation from the seed of the run.
/// `split()` gives an independent child, so that drawing more in one place changes nothing in
/// another.
package struct RandomSource: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mixer = seed
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var value = mixer
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
        state = (next(), next(), next(), next())
    }

    package mutating func next() -> UInt64 {
        func rotated(_ value: UInt64, by amount: UInt64) -> UInt64 {
            (value << amount) | (value >> (64 - amount))
        }
        let result = rotated(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, by: 45)
        return result
    }

    /// A number in `0..<bound`; `bound` must be positive.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0)
        return Int(next(upperBound: UInt64(bound)))
    }

    /// True once in `denominator` draws on average.
    package mutating func oneIn(_ denominator: Int) -> Bool { below(denominator) == 0 }

    package mutating func split() -> RandomSource { RandomSource(seed: next()) }
}

/// Where edges and drivers read the time. Roles never hold one: they are handed a `Moment`.
package protocol Clock: Sendable {
    func now() -> Moment
    /// The same without the time of day, for those who measure.
    func monotonic() -> Instant
}

extension Clock {
    package func monotonic() -> Instant { now().monotonic }
}
