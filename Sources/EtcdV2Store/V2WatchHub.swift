//  The watches that wait for events, arranged as the tree of the paths they watch: an event finds
//  its watchers by walking down its key, the removal of a directory by walking both trees at once.

import RuntimeCore

struct V2WatchHub {
    private struct Watcher {
        let isRecursive: Bool
        let isStream: Bool
        let since: UInt64
    }

    /// A watched path, or one on the way to it.
    private final class Place {
        var watchers: [V2WatchID: Watcher] = [:]
        var places: [V2Name: Place] = [:]

        var isEmpty: Bool { watchers.isEmpty && places.isEmpty }
    }

    private let root = Place()
    private var paths: [V2WatchID: V2Path] = [:]
    private var lastID: UInt64 = 0
    private var deliveries: [V2Delivery] = []

    var count: Int { paths.count }

    mutating func takeDeliveries() -> [V2Delivery] {
        if deliveries.isEmpty { return [] }
        defer { deliveries = [] }
        return deliveries
    }

    // MARK: registration

    mutating func add(_ path: V2Path, recursive: Bool, stream: Bool, since: UInt64) -> V2WatchID {
        lastID += 1
        let id = V2WatchID(rawValue: lastID)
        paths[id] = V2Path(path.bytes.compacted)
        // Nothing can exist that deep, so nothing can happen there: no place, no deep tree.
        guard path.depth <= V2Store.depthMax else { return id }
        var place = root
        for name in paths[id]!.components {
            if let next = place.places[name] {
                place = next
            } else {
                let next = Place()
                place.places[name] = next
                place = next
            }
        }
        place.watchers[id] = Watcher(isRecursive: recursive, isStream: stream, since: since)
        return id
    }

    /// Unknown ids are ignored: the watch may have ended meanwhile.
    mutating func remove(_ id: V2WatchID) {
        guard let path = paths.removeValue(forKey: id) else { return }
        var way: [(place: Place, name: V2Name)] = []
        var place = root
        for name in path.components {
            guard let next = place.places[name] else { return }
            way.append((place, name))
            place = next
        }
        place.watchers[id] = nil
        while place.isEmpty, let (parent, name) = way.popLast() {
            parent.places[name] = nil
            place = parent
        }
    }

    /// Ends every watch, with a notice to each.
    mutating func dropAll() {
        for id in paths.keys.sorted() {
            remove(id)
            deliveries.append(V2Delivery(watch: id, event: nil, isLast: true))
        }
    }

    // MARK: events

    /// Wakes the watchers of `event`; `removed` is the directory that it took away, if any.
    mutating func notify(_ event: V2Event, removed: V2Node?) {
        if paths.isEmpty { return }
        var hits: [(id: V2WatchID, isStream: Bool)] = []
        var components = V2PathComponents(event.node.key)
        // A recursive watcher sees nothing below a hidden component that lies below itself.
        let visibleFrom = Self.lastHiddenDepth(event.node.key)
        var place = root
        var depth = 0
        while let name = components.next() {
            if depth >= visibleFrom {
                Self.collect(from: place, event, recursiveOnly: true, &hits)
            }
            guard let next = place.places[name] else {
                deliver(event, to: hits)
                return
            }
            place = next
            depth += 1
        }
        Self.collect(from: place, event, recursiveOnly: false, &hits)
        if let removed { Self.collectInside(place, removed, event, &hits) }
        deliver(event, to: hits)
    }

    /// How many components lead to the last hidden one, itself included; 0 without any.
    private static func lastHiddenDepth(_ path: Bytes) -> Int {
        var depth = 0
        var hidden = 0
        for name in V2PathComponents(path) {
            depth += 1
            if name.isHidden { hidden = depth }
        }
        return hidden
    }

    private static func collect(
        from place: Place, _ event: V2Event, recursiveOnly: Bool,
        _ hits: inout [(id: V2WatchID, isStream: Bool)]
    ) {
        for (id, watcher) in place.watchers
        where event.node.modifiedIndex >= watcher.since
            && (watcher.isRecursive || !recursiveOnly)
        {
            hits.append((id, watcher.isStream))
        }
    }

    /// Everybody who watches something that existed inside `removed` learns that it is gone.
    private static func collectInside(
        _ place: Place, _ removed: V2Node, _ event: V2Event,
        _ hits: inout [(id: V2WatchID, isStream: Bool)]
    ) {
        for (name, inner) in place.places {
            guard let child = removed.child(name) else { continue }
            collect(from: inner, event, recursiveOnly: false, &hits)
            collectInside(inner, child, event, &hits)
        }
    }

    private mutating func deliver(
        _ event: V2Event, to hits: [(id: V2WatchID, isStream: Bool)]
    ) {
        // Dictionaries have no order that two runs agree on.
        for hit in hits.sorted(by: { $0.id < $1.id }) {
            if !hit.isStream { remove(hit.id) }
            deliveries.append(V2Delivery(watch: hit.id, event: event, isLast: !hit.isStream))
        }
    }
}
