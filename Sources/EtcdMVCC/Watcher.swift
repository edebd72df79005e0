//  What the hub knows of one watcher and of one stream.

import RuntimeCore

/// One watcher. Lives in the hub's table; its number there is its name inside the hub.
struct Watcher {
    struct Options: OptionSet {
        let rawValue: UInt8
        static let noPut = Options(rawValue: 1)
        static let noDelete = Options(rawValue: 2)
        static let previous = Options(rawValue: 4)
        /// What decides the content of its responses.
        static let content: Options = [.noPut, .noDelete, .previous]
        static let progress = Options(rawValue: 8)
        static let fragments = Options(rawValue: 16)

        func wants(_ event: StoreEvent) -> Bool {
            !contains(event.isDelete ? .noDelete : .noPut)
        }
    }

    enum Pace {
        /// Gets events as they happen, if they are not below `next`.
        case synced
        /// Waits in the queue for its turn to read history from `next` on.
        case queued
        /// Its outbox was full; waits until that is drained, then reads history from `next` on.
        case stalled
    }

    /// Tells apart who had the same number in the table one after the other.
    let serial: UInt64
    let id: Int64
    /// Number of its stream in the hub's table.
    let stream: Int32
    var options: Options
    var pace = Pace.synced
    /// No event since the last progress notification was due.
    var isQuiet = true
    /// Place in the group of all watchers.
    var position: WatcherGroup.Position
    /// All events below were delivered or are none of its business; a lower bound while synced.
    var next: Int64
    let outbox: WatchOutbox
}

/// A watcher to come back to, if it still is the same.
struct WatcherReference {
    let number: Int32
    let serial: UInt64
}

/// One client stream.
struct WatchStream {
    let outbox: WatchOutbox
    /// Numbers in the watcher table by watch id.
    var watchers: [Int64: Int32] = [:]
    /// Where the search for an unused id goes on; ids the server chose are not used again.
    var nextID: Int64 = 0
    var stalled: [WatcherReference] = []
    var isDirty = false
    /// Whether the hub has a progress timer for it.
    var hasTimer = false
    var progressNanoseconds: UInt64 = 0

    init(outbox: WatchOutbox) { self.outbox = outbox }

    /// The id that a new watcher gets when it asks for `requested`, 0 being whatever is unused;
    /// `nil` when another has it.
    mutating func takeID(_ requested: Int64) -> Int64? {
        if requested != 0 { return watchers[requested] == nil ? requested : nil }
        while watchers[nextID] != nil { nextID += 1 }
        defer { nextID += 1 }
        return nextID
    }

    /// The order that does not depend on hashing.
    var sortedIDs: [Int64] { watchers.keys.sorted() }
}
