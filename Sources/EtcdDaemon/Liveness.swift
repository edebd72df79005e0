//  When a member counts as alive for the service manager's watchdog.

import RuntimeCore

enum Liveness {
    /// Longer than any heartbeat interval, and than the disk or a received database, which is read
    /// in on the same thread, usually keeps the roles from ticking. A disk that is full does not:
    /// writes that it refuses are tried again between ticks.
    private static let silenceMaxMilliseconds: UInt64 = 30_000

    /// - Parameters:
    ///   - lastTick: of the consensus role; `nil` while the roles have not started.
    ///   - waiting: messages in front of it. It takes its whole backlog at once: more than half a
    ///     mailbox means that it has stood still.
    static func isAlive(lastTick: Instant?, waiting: Int, now: Instant) -> Bool {
        if waiting >= Limits.proposalQueueMax / 2 { return false }
        guard let lastTick else { return true }
        return now < lastTick.advanced(byMilliseconds: silenceMaxMilliseconds)
    }
}
