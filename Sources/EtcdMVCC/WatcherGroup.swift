//  From a key to those who watch it.

import RuntimeCore

/// Members, each at one key range, found by a key: single keys by hash, ranges by a tree.
///
/// Members of equal ranges share a place, so that what is true of the range is found out once for
/// all of them. Members are numbers of the caller's. Every order here follows from the order of the
/// calls alone.
struct WatcherGroup {
    struct Place {
        fileprivate(set) var range: KeyRange
        fileprivate(set) var members: [Int32] = []
        /// Scratch of the caller: which events of the present revision lie here.
        var hits: [Int32] = []
    }

    /// Where a member stands; valid until a member of the same place is removed.
    struct Position {
        let place: Int32
        var index: Int32
    }

    private(set) var places: [Place] = []
    private var free: [Int32] = []
    private var singles: [Bytes: Int32] = [:]
    private var intervals: [KeyRange: Int32] = [:]
    private var tree: WatchIntervalTree

    init(random: RandomSource) { tree = WatchIntervalTree(random: random) }

    mutating func add(_ member: Int32, at range: KeyRange) -> Position {
        let place = makePlace(range)
        places[Int(place)].members.append(member)
        return Position(place: place, index: Int32(places[Int(place)].members.count - 1))
    }

    /// Removes the member at `position` and returns the one that stands there now instead, if any.
    mutating func remove(at position: Position) -> Int32? {
        let place = Int(position.place)
        let last = places[place].members.removeLast()
        if Int(position.index) < places[place].members.count {
            places[place].members[Int(position.index)] = last
            return last
        }
        if places[place].members.isEmpty { removePlace(position.place) }
        return nil
    }

    /// Calls `body` with every place whose range contains `key`.
    @inline(__always)
    func forEachPlace(containing key: Bytes, _ body: (Int32) -> Void) {
        if !singles.isEmpty, let place = singles[key] { body(place) }
        if !tree.isEmpty { tree.forEach(containing: key, body) }
    }

    mutating func addHit(_ event: Int32, at place: Int32) {
        places[Int(place)].hits.append(event)
    }

    mutating func takeHits(at place: Int32) -> [Int32] {
        let hits = places[Int(place)].hits
        places[Int(place)].hits = []
        return hits
    }

    private mutating func makePlace(_ range: KeyRange) -> Int32 {
        if let place = range.isSingle ? singles[range.start] : intervals[range] { return place }
        let place = free.popLast() ?? Int32(places.count)
        if Int(place) == places.count {
            places.append(Place(range: range))
        } else {
            places[Int(place)].range = range
        }
        if range.isSingle {
            singles[range.start] = place
        } else {
            intervals[range] = place
            tree.insert(range, value: place)
        }
        return place
    }

    private mutating func removePlace(_ place: Int32) {
        let range = places[Int(place)].range
        if range.isSingle {
            singles[range.start] = nil
        } else {
            intervals[range] = nil
            tree.remove(range)
        }
        places[Int(place)] = Place(range: .everything)
        free.append(place)
    }
}
