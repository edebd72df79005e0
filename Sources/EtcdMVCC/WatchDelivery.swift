//  What the hub hands to a stream, in the order in which the client must see it.

/// One response for one stream. Ids are those of the watchers on that stream.
///
/// `revision` is what the header of the response carries, 0 for none.
package enum WatchDelivery: Sendable {
    /// Precedes everything else about this watcher.
    case created(id: Int64, revision: Int64)
    /// The last word about a watcher, or with `alsoCreated` and the id -1 the only one: the
    /// watcher never came to be. `compactRevision` is 0 unless history was missing.
    case cancelled(
        id: Int64, revision: Int64, compactRevision: Int64, reason: String, alsoCreated: Bool)
    /// `mayFragment`: the client agreed to get it in parts (`EncodedEvents.fragments`).
    case events(id: Int64, revision: Int64, mayFragment: Bool, EncodedEvents)
    /// Everything up to `revision` was delivered: for one watcher, or with the id -1 for all.
    case progress(id: Int64, revision: Int64)
    /// The server ends the stream; nothing follows.
    case ended

    /// The id in answers that concern no watcher, or all.
    package static let noWatcher: Int64 = -1

    var eventCount: Int {
        if case .events(_, _, _, let events) = self { events.count } else { 0 }
    }

    var byteCount: Int {
        if case .events(_, _, _, let events) = self { events.byteCount } else { 0 }
    }
}

/// Why a watcher could not be created, in etcd's words.
package enum WatchRefusal {
    package static let emptyRange = "mvcc: watcher range is empty"
    package static let duplicateID = "mvcc: duplicate watch ID provided on the WatchStream"
    package static let compacted = "etcdserver: mvcc: required revision has been compacted"
}
