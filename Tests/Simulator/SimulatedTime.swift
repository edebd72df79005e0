//  Virtual time: jumps from event to event; every member sees it with its own offset and drift.

import HeapModule
import RuntimeCore
import Synchronization

/// The time of the whole run, in nanoseconds since its start.
final class VirtualTime: Sendable {
    /// Far from zero, so that a member's clock may lag behind.
    static let origin: UInt64 = 1_000_000_000_000

    private let nanoseconds = Atomic<UInt64>(VirtualTime.origin)

    var now: UInt64 { nanoseconds.load(ordering: .relaxed) }

    func advance(to later: UInt64) {
        precondition(later >= now)
        nanoseconds.store(later, ordering: .relaxed)
    }
}

/// One member's clocks. The wall clock starts at a fixed date, so that runs repeat exactly.
final class SimulatedClock: Clock {
    /// 2026-01-01T00:00:00Z
    static let epoch: Int64 = 1_767_225_600_000_000_000

    private let time: VirtualTime
    private let wallOffset: Atomic<Int64>

    init(time: VirtualTime, wallOffset: Int64) {
        self.time = time
        self.wallOffset = Atomic(wallOffset)
    }

    func jump(by nanoseconds: Int64) {
        wallOffset.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: time.now),
            wall: WallTime(
                unixNanoseconds: SimulatedClock.epoch + Int64(time.now - VirtualTime.origin)
                    + wallOffset.load(ordering: .relaxed)))
    }
}

/// Things that happen at a time; equal times in the order they were planned.
struct Agenda<Event> {
    private struct Item: Comparable {
        let time: UInt64
        let order: UInt64
        let event: Event

        static func < (left: Item, right: Item) -> Bool {
            (left.time, left.order) < (right.time, right.order)
        }

        static func == (left: Item, right: Item) -> Bool {
            left.time == right.time && left.order == right.order
        }
    }

    private var items = Heap<Item>()
    private var planned: UInt64 = 0

    var nextTime: UInt64? { items.min?.time }
    var isEmpty: Bool { items.isEmpty }

    mutating func plan(_ event: Event, at time: UInt64) {
        planned += 1
        items.insert(Item(time: time, order: planned, event: event))
    }

    /// The next event that is due at `now`.
    mutating func due(_ now: UInt64) -> Event? {
        guard let first = items.min, first.time <= now else { return nil }
        return items.removeMin().event
    }
}
