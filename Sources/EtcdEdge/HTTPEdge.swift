//  Where replies of the roles meet the requests that wait for them: one slab per event loop, one
//  wake-up per batch, and one coarse timer for all deadlines. No task, future or timer per request.

package import EtcdServer
package import NIOCore

/// Something on an event loop that waits for the replica. Called on that loop only.
package protocol EdgeWaiter: AnyObject {
    /// A reply to `token`. The waiter stays registered until it cancels.
    func receive(_ reply: Reply, token: UInt64)
    /// The time limit given at registration has passed; the waiter is registered no more.
    func timedOut(token: UInt64)
}

/// One event loop's inbox and its table of waiters.
package final class HTTPEdge: EdgePort {
    /// Deadlines are met to this accuracy, in milliseconds.
    package static let tickMilliseconds: UInt64 = 100

    package let number: Int
    package let eventLoop: any EventLoop
    private let table: NIOLoopBoundBox<WaiterTable>
    /// The barrier that the replica will be asked for at the end of this pass of the loop.
    private let gathering: NIOLoopBoundBox<SharedBarrier?>

    package init(number: Int, eventLoop: any EventLoop) {
        self.number = number
        self.eventLoop = eventLoop
        table = .makeBoxSendingValue(WaiterTable(), eventLoop: eventLoop)
        gathering = .makeEmptyBox(valueType: SharedBarrier.self, eventLoop: eventLoop)
    }

    /// From whichever thread runs the roles.
    package func deliver(_ replies: [EdgeReply]) {
        eventLoop.execute { self.dispatch(replies) }
    }

    /// Enters `waiter` and returns its number. On the loop only.
    ///
    /// - Parameter timeoutMilliseconds: after this the waiter is told and forgotten; `nil` for a
    ///   wait without end.
    package func register(_ waiter: any EdgeWaiter, timeoutMilliseconds: UInt64?) -> UInt64 {
        // The running tick has partly passed already.
        let ticks = timeoutMilliseconds.map {
            UInt32(clamping: ($0 + HTTPEdge.tickMilliseconds - 1) / HTTPEdge.tickMilliseconds + 1)
        }
        let token = table.value.insert(waiter, ticks: ticks)
        if ticks != nil { startTicking() }
        return token
    }

    /// Removes a waiter; later replies to its number are dropped. On the loop only.
    package func cancel(_ token: UInt64) { table.value.remove(token) }

    /// Has `waiter` called when a read of the local state is as good as a linearizable one. All who
    /// come in one pass of the loop share one question to the replica. On the loop only.
    ///
    /// - Parameter handler: the same for all calls.
    package func awaitBarrier(_ waiter: any BarrierWaiter, of handler: RequestHandler)
        -> SharedBarrier
    {
        if let present = gathering.value {
            present.join(waiter)
            return present
        }
        let made = SharedBarrier(edge: self, handler: handler)
        made.join(waiter)
        gathering.value = made
        eventLoop.execute {
            let gathered = self.gathering.value
            self.gathering.value = nil
            gathered?.ask()
        }
        return made
    }

    /// Requests that wait at this moment. On the loop only.
    package var waiterCount: Int { table.value.count }

    private func dispatch(_ replies: [EdgeReply]) {
        let table = table.value
        for each in replies {
            table.waiter(each.token)?.receive(each.reply, token: each.token)
        }
    }

    private func startTicking() {
        if table.value.isTicking { return }
        table.value.isTicking = true
        eventLoop.scheduleTask(in: .milliseconds(Int64(HTTPEdge.tickMilliseconds))) { self.tick() }
    }

    private func tick() {
        let expired = table.value.tick()
        table.value.isTicking = false
        if table.value.timedCount > 0 { startTicking() }
        for each in expired { each.waiter.timedOut(token: each.token) }
    }
}

/// Slots for waiters. A number is a slot and its generation, so that a late reply to a slot used
/// again reaches nobody.
final class WaiterTable {
    private struct Slot {
        var waiter: (any EdgeWaiter)?
        var generation: UInt32 = 0
        /// Ticks left; 0 for no limit.
        var ticks: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private(set) var count = 0
    private(set) var timedCount = 0
    var isTicking = false

    func insert(_ waiter: any EdgeWaiter, ticks: UInt32?) -> UInt64 {
        let position: Int
        if let last = free.popLast() {
            position = Int(last)
        } else {
            position = slots.count
            slots.append(Slot())
        }
        slots[position].waiter = waiter
        slots[position].ticks = ticks ?? 0
        count += 1
        if ticks != nil { timedCount += 1 }
        return UInt64(slots[position].generation) << 32 | UInt64(position)
    }

    func waiter(_ token: UInt64) -> (any EdgeWaiter)? {
        guard let position = position(of: token) else { return nil }
        return slots[position].waiter
    }

    func remove(_ token: UInt64) {
        guard let position = position(of: token), slots[position].waiter != nil else { return }
        if slots[position].ticks > 0 { timedCount -= 1 }
        slots[position].waiter = nil
        slots[position].ticks = 0
        slots[position].generation &+= 1
        free.append(UInt32(position))
        count -= 1
    }

    /// Counts one tick; removes and returns the waiters whose time is up.
    func tick() -> [(token: UInt64, waiter: any EdgeWaiter)] {
        if timedCount == 0 { return [] }
        var expired: [(token: UInt64, waiter: any EdgeWaiter)] = []
        for position in slots.indices where slots[position].ticks > 0 {
            if slots[position].ticks > 1 {
                slots[position].ticks -= 1
            } else if let waiter = slots[position].waiter {
                let token = UInt64(slots[position].generation) << 32 | UInt64(position)
                expired.append((token, waiter))
                remove(token)
            }
        }
        return expired
    }

    private func position(of token: UInt64) -> Int? {
        let position = Int(token & 0xFFFF_FFFF)
        guard position < slots.count, slots[position].generation == UInt32(token >> 32) else {
            return nil
        }
        return position
    }
}

/// The edges of an event loop group.
package final class HTTPEdges: Sendable {
    package let all: [HTTPEdge]

    /// - Parameter firstNumber: edges must be numbered densely among all of a replica.
    package init(_ loops: [any EventLoop], firstNumber: Int = 0) {
        all = loops.enumerated().map { position, loop in
            HTTPEdge(number: firstNumber + position, eventLoop: loop)
        }
    }

    /// The edge of `loop`, which must be one of the group's.
    package func edge(of loop: any EventLoop) -> HTTPEdge {
        // A handful of loops: a scan beats hashing.
        for edge in all where edge.eventLoop === loop { return edge }
        preconditionFailure("a request on an event loop that has no edge")
    }
}
