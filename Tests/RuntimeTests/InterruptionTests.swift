//  System calls that signals interrupt.

import Glibc
import Testing

@testable import RuntimePosix

@Suite("Interrupted calls")
struct InterruptionTests {
    @Test("are made again until they succeed or fail for another reason, but not for ever")
    func again() {
        for (interruptions, code) in [(0, 0), (3, 0), (3, ENOSPC), (.max, EINTR)] as [(Int, CInt)] {
            var calls = 0
            let outcome = whileInterrupted {
                calls += 1
                errno = calls <= interruptions ? EINTR : code
                return errno == 0 ? 0 : -1
            }
            #expect(outcome == code)
            #expect(calls > min(interruptions, 3))
        }
    }
}
