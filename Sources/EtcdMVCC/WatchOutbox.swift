//  Where the hub leaves what a client stream shall send. The only object of watching that two
//  threads share.

import DequeModule
import RuntimeCore
import Synchronization

/// The deliveries that wait for one client stream.
///
/// The hub fills it on the apply thread, the stream's event loop drains it. Events are taken up to
/// a bound only; when it is full, the hub keeps the watcher's place in history instead and asks for
/// a notice: after every `take` the event loop asks `takeWantsDrainNotice`, and when it is true it
/// tells the hub (`WatchHub.drained`). Answers to the client's own requests are always taken:
/// while `isOverfull`, the event loop reads no further requests from the stream. Requests on their
/// way to the hub are counted here as well, since nothing else bounds those that get no answer.
package final class WatchOutbox: Sendable {
    package let streamID: UInt64
    private let state = Mutex(State())
    private let requests = Atomic<Int>(0)
    /// Whether the event loop waits for requests to be taken.
    private let awaitsRoom = Atomic<Bool>(false)

    private struct State {
        var deliveries: Deque<WatchDelivery> = []
        var deliveriesMax = 0
        var bytesMax = 0
        var bytes = 0
        var events = 0
        var wantsDrainNotice = false

        var isFull: Bool { deliveries.count >= deliveriesMax || bytes >= bytesMax }
        /// The next delivery is taken at any size. A drain is told of as soon as this is true: what
        /// is larger than the bound would be read and encoded in vain before.
        var takesAnySize: Bool { bytes <= bytesMax / 2 }
    }

    /// Its bounds are the hub's affair.
    package init(streamID: UInt64) { self.streamID = streamID }

    // MARK: the event loop's side

    /// Up to `max` deliveries, oldest first.
    package func take(max: Int) -> [WatchDelivery] {
        state.withLock { state in
            let taken = Array(state.deliveries.prefix(max))
            state.deliveries.removeFirst(taken.count)
            for delivery in taken {
                state.bytes -= delivery.byteCount
                state.events -= delivery.eventCount
            }
            return taken
        }
    }

    package var isEmpty: Bool { state.withLock { $0.deliveries.isEmpty } }

    /// True once after the hub found it full, as soon as it is half empty again.
    package func takeWantsDrainNotice() -> Bool {
        state.withLock { state in
            guard state.wantsDrainNotice, state.deliveries.count <= state.deliveriesMax / 2,
                state.takesAnySize
            else { return false }
            state.wantsDrainNotice = false
            return true
        }
    }

    /// The client sends requests faster than it reads their answers, or than they are taken.
    package var isOverfull: Bool {
        requests.load(ordering: .sequentiallyConsistent) >= Limits.watchRequestsMax
            || state.withLock { $0.deliveries.count > $0.deliveriesMax }
    }

    /// A request goes to the hub.
    package func requestPosted() { requests.add(1, ordering: .sequentiallyConsistent) }

    /// The event loop reads no more requests: it is to hear of room for them. To be called before
    /// `isOverfull` is asked for the last time.
    package func awaitRoom() { awaitsRoom.store(true, ordering: .sequentiallyConsistent) }

    // MARK: the hub's side

    /// True when the event loop has to hear that there is room for requests.
    func requestTaken() -> Bool {
        let left = requests.subtract(1, ordering: .sequentiallyConsistent).newValue
        return left <= Limits.watchRequestsMax / 2
            && awaitsRoom.exchange(false, ordering: .sequentiallyConsistent)
    }

    /// False when there is no room; then the next drain causes a notice.
    func offer(_ delivery: WatchDelivery, events: Int, bytes: Int) -> Bool {
        state.withLock { state in
            if state.deliveries.count >= state.deliveriesMax
                || (state.bytes + bytes > state.bytesMax && !state.takesAnySize)
            {
                state.wantsDrainNotice = true
                return false
            }
            state.deliveries.append(delivery)
            state.bytes += bytes
            state.events += events
            return true
        }
    }

    /// Takes it whatever waits already.
    func append(_ delivery: WatchDelivery) {
        state.withLock { $0.deliveries.append(delivery) }
    }

    /// Whether an offer has a chance; if not, the next drain causes a notice.
    func hasRoomOrWillTell() -> Bool {
        state.withLock { state in
            if state.isFull { state.wantsDrainNotice = true }
            return !state.isFull
        }
    }

    func setBounds(deliveries: Int, bytes: Int) {
        state.withLock { state in
            state.deliveriesMax = deliveries
            state.bytesMax = bytes
        }
    }

    var pendingEvents: Int { state.withLock { $0.events } }
}
