//  Watch streams seen from the event loops.

import EtcdMVCC
import Synchronization
import Testing

@testable import EtcdServer

@Suite("Watch streams")
struct WatchStreamTests {
    @Test("the end of a stream for which there is no place in the queue is not lost")
    func lostClose() throws {
        let fixture = Fixture()
        let handle = try fixture.handler.openWatchStream(address: fixture.address()).get()
        fixture.apply.isFull.store(true, ordering: .relaxed)
        handle.close()
        handle.close()
        #expect(fixture.v3.views.takeLostCloses() == [handle.outbox.streamID])
        #expect(fixture.v3.views.takeLostCloses().isEmpty)
    }
}
