//  How long a leader may be taken for one without asking the others.

import RuntimeCore

/// Watches the ticks of a member, to tell a leader from one that stood still, because its disk hung
/// or its whole process was stopped, and may have been deposed meanwhile.
///
/// One that is cut off from the others ticks on time all the same: it leads in its own eyes for up
/// to two election timeouts, perhaps beside another leader in the end. So do etcd's leaders.
struct LeaderPulse {
    /// Three ticks (etcd's value), or half of an election timeout if that is longer: nobody who has
    /// heard the heartbeat of the last tick campaigns because its leader stands still for so long.
    private let trustMilliseconds: UInt64
    /// What a leader without a quorum takes at most to find that out.
    private let doubtMilliseconds: UInt64
    private var lastTick: Instant?
    private var doubtsUntil: Instant?

    init(tickMilliseconds: UInt64, electionTicks: Int) {
        let election = tickMilliseconds * UInt64(electionTicks)
        trustMilliseconds = max(3 * tickMilliseconds, election / 2)
        doubtMilliseconds = 2 * election
    }

    /// Takes note of a tick.
    ///
    /// - Parameter leads: the member leads, as far as it knows.
    /// - Returns: until when it may be relied on to do so; `nil` if it may not.
    mutating func tick(_ now: Instant, leads: Bool) -> Instant? {
        if let lastTick, now > lastTick.advanced(byMilliseconds: trustMilliseconds) {
            // What others have sent meanwhile may still be on its way here.
            doubtsUntil = now.advanced(byMilliseconds: doubtMilliseconds)
        }
        lastTick = now
        if let doubtsUntil, now < doubtsUntil { return nil }
        return leads ? now.advanced(byMilliseconds: trustMilliseconds) : nil
    }
}
