//  Compaction by itself (spec operations 5.2): by age or by number of revisions, on the leader
//  only.

import RuntimeCore

/// Decides when to compact to which revision; a decision machine without effects.
package struct AutoCompactor {
    package enum Mode: Sendable, Hashable {
        case off
        /// Keep what is younger than this.
        case periodic(milliseconds: UInt64)
        /// Keep so many revisions.
        case revision(Int64)
    }

    private static let revisionPeriodMilliseconds: UInt64 = 300_000
    private static let hourMilliseconds: UInt64 = 3_600_000
    private static let samplesPerInterval: UInt64 = 10

    private let mode: Mode
    private var nextCheck: Instant?
    /// Revisions at past checks, oldest first; as many as make one period.
    private var samples: [Int64] = []
    private var lastCompacted: Int64 = 0
    private var nextCompaction: Instant?

    init(mode: Mode) { self.mode = mode }

    /// The revision to compact to now, if that is due.
    mutating func check(now: Instant, isLeader: Bool, currentRevision: Int64) -> Int64? {
        switch mode {
        case .off: return nil
        case .revision(let retained):
            guard isDue(now, every: AutoCompactor.revisionPeriodMilliseconds), isLeader else {
                return nil
            }
            let target = currentRevision - retained
            return target > lastCompacted && target > 0 ? target : nil
        case .periodic(let period):
            return checkPeriodic(now, period, isLeader, currentRevision)
        }
    }

    private mutating func checkPeriodic(
        _ now: Instant, _ period: UInt64, _ isLeader: Bool, _ currentRevision: Int64
    ) -> Int64? {
        let interval = min(period, AutoCompactor.hourMilliseconds)
        let step = max(1, interval / AutoCompactor.samplesPerInterval)
        guard isDue(now, every: step) else { return nil }
        samples.append(currentRevision)
        let wanted = Int(period / step)
        if samples.count > wanted + 1 { samples.removeFirst(samples.count - wanted - 1) }
        // Followers keep sampling, so that a new leader knows what was an hour ago.
        guard isLeader, samples.count > wanted else { return nil }
        if let nextCompaction, now < nextCompaction { return nil }
        guard let target = samples.first, target > lastCompacted else { return nil }
        nextCompaction = now.advanced(byMilliseconds: interval)
        return target
    }

    /// The compaction took place, by whomever.
    mutating func compacted(to revision: Int64) { lastCompacted = max(lastCompacted, revision) }

    private mutating func isDue(_ now: Instant, every milliseconds: UInt64) -> Bool {
        guard let next = nextCheck else {
            nextCheck = now.advanced(byMilliseconds: milliseconds)
            return false
        }
        guard now >= next else { return false }
        nextCheck = now.advanced(byMilliseconds: milliseconds)
        return true
    }
}
