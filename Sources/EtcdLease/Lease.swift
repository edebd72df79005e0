//  What the lessor knows of one lease.

import RuntimeCore

/// A lease: its time, its keys, and on the primary when it ends.
struct Lease {
    /// Seconds, as granted.
    let ttl: Int64
    /// Seconds that were left at the last checkpoint; 0 when the whole TTL counts.
    var remainingTTL: Int64
    var keys: Set<Bytes> = []

    // What follows has a meaning on the primary only.

    /// When it ends unless it is renewed.
    var deadline = Instant.never
    var renewedAt = Instant.never
    /// Its end was proposed; from then on it cannot be renewed. When to propose it again.
    var offeredUntil: Instant?
    /// A checkpoint was proposed and did not come back yet.
    var hasProposedCheckpoint = false
    /// The entries in the queues that count; all others of this lease are garbage.
    var expiryEntry = Instant.never
    var checkpointEntry = Instant.never

    /// When the primary has something to do about its end.
    var expiryDue: Instant { offeredUntil ?? deadline }

    /// The log holds less than the whole TTL, or soon will.
    var isCheckpointed: Bool { remainingTTL > 0 || hasProposedCheckpoint }

    /// What a new primary starts from.
    var startingTTL: Int64 { remainingTTL > 0 ? remainingTTL : ttl }
}

extension Instant {
    /// Later than any deadline.
    static let never = Instant(nanoseconds: .max)

    /// Stops at `never` instead of wrapping round, whatever a database says.
    func advanced(bySeconds seconds: Int64) -> Instant {
        let (interval, isHuge) = UInt64(max(0, seconds)).multipliedReportingOverflow(
            by: 1_000_000_000)
        let (sum, isLate) = nanoseconds.addingReportingOverflow(interval)
        return isHuge || isLate ? .never : Instant(nanoseconds: sum)
    }
}
