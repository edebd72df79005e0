//  What the users of a watch see: its name, its beginning, what it is told.

/// Names one watch for the life of the store; later watches have greater ones.
package struct V2WatchID: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package static func < (left: V2WatchID, right: V2WatchID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// How a watch begins.
package enum V2WatchStart: Sendable {
    /// Answered from history, never registered. The event carries the store index of now.
    case fired(V2Event)
    /// Registered. `backlog` is what a stream has missed since its start, oldest first; what
    /// follows comes through `V2Store.takeDeliveries`.
    case waiting(V2WatchID, backlog: [V2Event])
}

/// One notice to one watch.
package struct V2Delivery: Sendable {
    package let watch: V2WatchID
    /// `nil` when the store dropped the watch.
    package let event: V2Event?
    /// The store has forgotten the watch.
    package let isLast: Bool
}
