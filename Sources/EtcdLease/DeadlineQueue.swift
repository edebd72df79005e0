//  What is due next, for deadlines that move all the time.

import HeapModule
import RuntimeCore

/// Entries of (time, lease) in the order of time.
///
/// An entry is a hint to look at the lease then, not more: moving a deadline back leaves the entry
/// where it is, and whoever takes it puts it where it belongs by then. So a renewal costs nothing
/// here. Entries of leases that are gone, or that were replaced by an earlier one, are garbage,
/// which `purge` bounds.
struct DeadlineQueue {
    struct Entry: Comparable {
        let due: Instant
        let lease: Int64

        static func < (left: Entry, right: Entry) -> Bool {
            left.due != right.due ? left.due < right.due : left.lease < right.lease
        }
    }

    private var heap: Heap<Entry> = []

    var count: Int { heap.count }
    var next: Entry? { heap.min }

    mutating func insert(_ lease: Int64, due: Instant) {
        heap.insert(Entry(due: due, lease: lease))
    }

    mutating func removeNext() { heap.removeMin() }

    mutating func removeAll() { heap = [] }

    mutating func replaceAll(by entries: [Entry]) { heap = Heap(entries) }

    /// Throws out the garbage when it could be more than half of a queue of `live` entries.
    mutating func purge(live: Int, isLive: (Entry) -> Bool) {
        if heap.count > 2 * live + 64 { heap = Heap(heap.unordered.filter(isLive)) }
    }
}
