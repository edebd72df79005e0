//  The system's clocks and its entropy: where production gets what simulation makes up.

import Glibc
package import RuntimeCore

/// `CLOCK_MONOTONIC` and `CLOCK_REALTIME`.
package struct SystemClock: Clock {
    package init() {}

    package func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: UInt64(nanoseconds(CLOCK_MONOTONIC))),
            wall: WallTime(unixNanoseconds: nanoseconds(CLOCK_REALTIME)))
    }

    package func monotonic() -> Instant {
        Instant(nanoseconds: UInt64(nanoseconds(CLOCK_MONOTONIC)))
    }

    private func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

package enum SystemEntropy {
    /// 64 random bits from the kernel, to seed a `RandomSource`.
    package static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
