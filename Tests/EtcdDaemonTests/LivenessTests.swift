//  Whether the service manager is told that the member is alive.

import RuntimeCore
import Testing

@testable import EtcdDaemon

@Suite("Liveness")
struct LivenessTests {
    private static let cases: [(UInt64?, Int, Bool)] = [
        (nil, 0, true),
        (nil, Limits.proposalQueueMax / 2, false),
        (0, 0, true),
        (29_999, Limits.proposalQueueMax / 2 - 1, true),
        (30_000, 0, false),
        (0, Limits.proposalQueueMax / 2, false),
    ]

    @Test("roles that do not tick, or do not read their mail, are not alive", arguments: cases)
    func isAlive(silence: UInt64?, waiting: Int, expected: Bool) {
        let lastTick = Instant(nanoseconds: 1_000_000_000)
        let now = lastTick.advanced(byMilliseconds: silence ?? 0)
        #expect(
            Liveness.isAlive(
                lastTick: silence == nil ? nil : lastTick, waiting: waiting, now: now) == expected)
    }
}
