//  Work of clients in bounded number.

import EtcdServer
import RuntimeCore
import Synchronization
import Testing

/// Keeps what it is given until the test lets go of it.
private final class HoldingPool: BackgroundPool {
    private let held = Mutex<[@Sendable () -> Void]>([])

    func submit(_ work: @escaping @Sendable () -> Void) { held.withLock { $0.append(work) } }

    func runFirst() { held.withLock { $0.removeFirst() }() }
}

@Suite("Bounded work")
struct BoundedWorkTests {
    @Test("what is too much is not taken, until something is done")
    func bound() {
        let pool = HoldingPool()
        let work = BoundedWork(on: pool, limit: 2)
        #expect((0..<3).map { _ in work.submit {} } == [true, true, false])
        pool.runFirst()
        #expect((0..<2).map { _ in work.submit {} } == [true, false])
    }
}
