//  What happened to one key: the answer of an operation and the notice a watcher gets.

package import RuntimeCore

/// A node as clients see it; key order and omission rules of its JSON: spec http-v2 section 3.
///
/// Keys and values are bytes, not text: two keys that differ only in Unicode normalisation differ.
package struct V2NodeView: Sendable, Hashable {
    /// Full path inside the store, such as `/1/message`; the front end strips the first component.
    package var key: Bytes
    /// `nil` where the answer shows no value: directories, and the node of a delete.
    package var value: Bytes?
    package var isDirectory: Bool
    package var expiration: WallTime?
    /// Whole seconds, rounded up, at the time of the event; 0 without expiration.
    package var ttl: Int64
    /// Children, for a listed directory that has visible ones.
    package var nodes: [V2NodeView]
    package var modifiedIndex: UInt64
    package var createdIndex: UInt64

    package init(
        key: Bytes, value: Bytes? = nil, isDirectory: Bool = false, expiration: WallTime? = nil,
        ttl: Int64 = 0, nodes: [V2NodeView] = [], modifiedIndex: UInt64, createdIndex: UInt64
    ) {
        self.key = key
        self.value = value
        self.isDirectory = isDirectory
        self.expiration = expiration
        self.ttl = ttl
        self.nodes = nodes
        self.modifiedIndex = modifiedIndex
        self.createdIndex = createdIndex
    }
}

package struct V2Event: Sendable, Hashable {
    package enum Action: String, Sendable {
        case get, set, create, update, delete, expire
        case compareAndSwap, compareAndDelete
    }

    package var action: Action
    package var node: V2NodeView
    package var previous: V2NodeView?
    /// The store index when the operation ended: the X-Etcd-Index header.
    package var storeIndex: UInt64
    /// A silent TTL renewal: takes an index and a history slot, wakes nobody.
    package var isRefresh: Bool

    package init(
        action: Action, node: V2NodeView, previous: V2NodeView? = nil, storeIndex: UInt64,
        isRefresh: Bool = false
    ) {
        self.action = action
        self.node = node
        self.previous = previous
        self.storeIndex = storeIndex
        self.isRefresh = isRefresh
    }

    /// True when the operation made the node: the HTTP status is then 201.
    package var isCreation: Bool { action == .create || (action == .set && previous == nil) }
}
