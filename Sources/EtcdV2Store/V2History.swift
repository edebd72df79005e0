//  The last events of the whole store, for watchers that start in the past.

import RuntimeCore

/// A ring in the layout of etcd's saved form: `slots` grows to the capacity, then wraps.
struct V2History {
    static let capacity = Limits.v2EventHistoryMax

    private(set) var slots: [V2Event?] = []
    /// Slot of the oldest event.
    private(set) var front = 0
    /// Slot of the next event.
    private(set) var back = 0
    private(set) var count = 0
    /// Index of the oldest event; 0 without any.
    private(set) var startIndex: UInt64 = 0
    /// Index of the newest event; 0 without any.
    private(set) var lastIndex: UInt64 = 0

    init() {}

    /// A saved ring: `count` events in `slots` from `front` on, wrapped. `nil` when they are not
    /// all there. A ring of another capacity is laid out anew, without its oldest events.
    init?(slots: [V2Event?], front: Int, count: Int) {
        guard count <= slots.count, front < max(slots.count, 1) else { return nil }
        let events = (0..<count).compactMap { slots[(front + $0) % slots.count] }
        guard events.count == count else { return nil }
        if slots.count == Self.capacity {
            self.slots = slots
            self.front = front
            self.count = count
        } else {
            self.slots = events.suffix(Self.capacity)
            self.count = self.slots.count
        }
        back = (self.front + self.count) % Self.capacity
        startIndex = self.count > 0 ? self.slots[self.front]?.node.modifiedIndex ?? 0 : 0
        lastIndex = events.last?.node.modifiedIndex ?? 0
    }

    mutating func append(_ event: V2Event) {
        if back < slots.count {
            slots[back] = event
        } else {
            slots.append(event)
        }
        back = back + 1 == Self.capacity ? 0 : back + 1
        if count == Self.capacity {
            front = front + 1 == Self.capacity ? 0 : front + 1
        } else {
            count += 1
        }
        lastIndex = event.node.modifiedIndex
        startIndex = slots[front]?.node.modifiedIndex ?? lastIndex
    }

    /// The event `offset` after the oldest; `offset` must be below `count`.
    private subscript(offset: Int) -> V2Event? { slots[(front + offset) % Self.capacity] }

    /// Events with `index` or later that concern a watch, oldest first.
    ///
    /// - Returns: `nil` when events of that age are no longer kept.
    func events(since index: UInt64, path: Bytes, recursive: Bool, limit: Int) -> [V2Event]? {
        guard index >= startIndex else { return nil }
        guard index <= lastIndex else { return [] }
        // Indices have no gaps, except perhaps in a file that somebody else made.
        var offset = Int(min(index - startIndex, UInt64(count)))
        if offset == count || self[offset]?.node.modifiedIndex != index { offset = 0 }
        var matches: [V2Event] = []
        while offset < count, matches.count < limit {
            if let event = self[offset], event.node.modifiedIndex >= index,
                event.concerns(path, recursive: recursive)
            {
                matches.append(event)
            }
            offset += 1
        }
        return matches
    }
}

extension V2Event {
    /// Whether a watch that looks back is to see this event. Unlike a live watcher, it takes the
    /// removal of a directory whose path is a mere string prefix of its own, as in etcd.
    fileprivate func concerns(_ path: Bytes, recursive: Bool) -> Bool {
        if isRefresh { return false }
        if node.key.hasSameContent(path) { return true }
        // Unlike a live watcher it also sees hidden keys, as in etcd.
        if recursive, node.key.isBelow(path) { return true }
        return (action == .delete || action == .expire) && (previous?.isDirectory ?? false)
            && path.hasPrefix(node.key)
    }
}

extension Bytes {
    /// For clean paths: whether this one lies inside the directory `path`.
    fileprivate func isBelow(_ path: Bytes) -> Bool {
        if path.count == 1 { return count > 1 }
        return count > path.count && self[path.count] == V2Path.slash
            && hasPrefix(path)
    }
}
