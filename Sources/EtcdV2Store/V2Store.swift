//  The tree of keys behind the v2 API: reads, watches, expiry. Writes: V2Store+Writes.swift.

package import RuntimeCore

/// A tree of directories and files with one counter of changes, a history of the last changes and
/// watches. Semantics: spec http-v2 sections 2 to 4.
///
/// A pure state machine: equal stores that apply equal operations with equal times stay equal,
/// errors and the order of events included. Paths are absolute, such as `/1/message`, and cleaned
/// here. Expired nodes stay visible until `deleteExpired`. One thread at a time.
package final class V2Store {
    /// Components in the path of a node. etcd has no such bound but stores every prefix of every
    /// path, so that it runs out of memory first; we would run out of stack.
    package static let depthMax = 1_000
    /// Deadlines before 2000-01-01T00:00:00Z mean none, as in etcd.
    static let expirationMin = WallTime(unixNanoseconds: 946_684_800_000_000_000)

    var root = V2Node(directoryAt: 0)
    /// Paths that no write may touch: the root and the namespaces.
    let readOnlyPaths: [V2Path]
    /// Number of changes so far; each takes exactly one.
    package internal(set) var currentIndex: UInt64 = 0
    package internal(set) var statistics = V2Statistics()
    var history = V2History()
    var hub = V2WatchHub()
    var expiries = V2ExpiryHeap()

    /// An empty store with one directory for each of `namespaces`, all with index 0.
    package init(namespaces: [String] = ["/0", "/1"]) {
        let paths = namespaces.map { V2Path(Bytes($0)) }
        readOnlyPaths = paths + [V2Path(Bytes("/"))]
        for path in paths where !path.isRoot { _ = insert(path, lookUp(path), at: 0) }
    }

    package var hasExpiringNodes: Bool { !expiries.isEmpty }
    package var nextExpiration: WallTime? { expiries.first?.expiration }
    package var watcherCount: Int { hub.count }

    // MARK: reads

    /// The node at `path`; children of directories in ascending order whatever `sorted` says.
    ///
    /// - Throws: 100 with the first missing path, 104 with the file that stands in the way.
    package func get(_ path: Bytes, recursive: Bool, sorted: Bool, now: WallTime) throws(V2Error)
        -> V2Event
    {
        let path = V2Path(path)
        do throws(V2Error) {
            let node = try existing(path)
            statistics.getsSuccess += 1
            if recursive { statistics.recursiveGetsSuccess += 1 }
            let levels = recursive ? Int.max : 1
            return V2Event(
                action: .get, node: view(of: node, at: path, now: now, levels: levels),
                storeIndex: currentIndex)
        } catch {
            statistics.getsFail += 1
            if recursive { statistics.recursiveGetsFail += 1 }
            throw error
        }
    }

    /// The value of a file, for the server's own needs: counted nowhere, with the index of its last
    /// change.
    package func peek(_ path: Bytes) -> (value: Bytes, modifiedIndex: UInt64)? {
        let lookup = lookUp(V2Path(path))
        guard lookup.isComplete, !lookup.node.isDirectory else { return nil }
        return (lookup.node.value, lookup.node.modifiedIndex)
    }

    // MARK: watches

    /// Starts a watch for events with index `since` or later; 0 means from now on.
    ///
    /// A single watch that history can answer is answered at once. A stream that starts in the
    /// past gets what it missed as backlog and stays (etcd would forget it after one event).
    /// - Throws: 401 when events of that age are no longer kept.
    package func watch(_ path: Bytes, recursive: Bool, stream: Bool, since: UInt64)
        throws(V2Error) -> V2WatchStart
    {
        statistics.watchRequests += 1
        let path = V2Path(path)
        let since = since == 0 ? currentIndex + 1 : since
        guard
            var missed = history.events(
                since: since, path: path.bytes, recursive: recursive, limit: stream ? .max : 1)
        else {
            throw V2Error(
                .eventIndexCleared,
                cause: "the requested history has been cleared [\(history.startIndex)/\(since)]",
                index: currentIndex)
        }
        for position in missed.indices { missed[position].storeIndex = currentIndex }
        if !stream, let event = missed.first { return .fired(event) }
        let id = hub.add(path, recursive: recursive, stream: stream, since: since)
        return .waiting(id, backlog: missed)
    }

    /// Ends a watch; does nothing if it has ended already.
    package func cancelWatch(_ id: V2WatchID) { hub.remove(id) }

    /// What the watches are to be told since the last call, in the order of the events.
    package func takeDeliveries() -> [V2Delivery] { hub.takeDeliveries() }

    /// Appends the body of `/v2/stats/store`, which has no newline at its end.
    package func writeStatisticsJSON(into bytes: inout [UInt8]) {
        statistics.watchers = UInt64(hub.count)
        statistics.writeJSON(into: &bytes)
    }

    // MARK: looking up

    /// How far a path leads into the tree.
    struct Lookup {
        /// The last node on the way that exists.
        let node: V2Node
        /// Length of that node's path within the path looked up.
        let end: Int
        /// `node` is what was looked for.
        let isComplete: Bool
    }

    func lookUp(_ path: V2Path) -> Lookup {
        var node = root
        var components = path.components
        var end = components.end
        while let name = components.next() {
            guard let child = node.child(name) else {
                return Lookup(node: node, end: end, isComplete: false)
            }
            node = child
            end = components.end
        }
        return Lookup(node: node, end: end, isComplete: true)
    }

    /// Why `lookup` of `path`, which is incomplete, found nothing.
    func absence(_ path: V2Path, _ lookup: Lookup) -> V2Error {
        if !lookup.node.isDirectory { return fileInTheWay(path, lookup) }
        var end = lookup.end + 1
        while end < path.bytes.count, path.bytes[end] != V2Path.slash { end += 1 }
        return failure(.keyNotFound, path.bytes.prefix(end))
    }

    func fileInTheWay(_ path: V2Path, _ lookup: Lookup) -> V2Error {
        failure(.notADirectory, path.bytes.prefix(lookup.end))
    }

    func existing(_ path: V2Path) throws(V2Error) -> V2Node {
        let lookup = lookUp(path)
        guard lookup.isComplete else { throw absence(path, lookup) }
        return lookup.node
    }

    func failure(_ code: V2Error.Code, _ cause: Bytes) -> V2Error {
        V2Error(code, cause: UTF8Text.repaired(cause), index: currentIndex)
    }

    /// Hangs a new directory at `path`, with the missing ones above it; all get `index`.
    ///
    /// `lookup` of `path` must have ended at a directory above it. Names share the storage of
    /// `path`.
    func insert(_ path: V2Path, _ lookup: Lookup, at index: UInt64) -> V2Node {
        var node = lookup.node
        var missing = V2PathComponents(path.bytes, from: lookup.end)
        while let name = missing.next() {
            let child = V2Node(directoryAt: index)
            node.children?[name] = child
            node = child
        }
        return node
    }

    // MARK: showing

    /// `node` with its value and `levels` levels of visible children.
    func view(of node: V2Node, at path: V2Path, now: WallTime, levels: Int = 0) -> V2NodeView {
        var view = V2NodeView(
            key: path.bytes, value: node.isDirectory ? nil : node.value,
            isDirectory: node.isDirectory, expiration: node.expiration,
            ttl: node.expiration.map { Self.secondsLeft(until: $0, from: now) } ?? 0,
            modifiedIndex: node.modifiedIndex, createdIndex: node.createdIndex)
        guard levels > 0, let children = node.children, !children.isEmpty else { return view }
        view.nodes.reserveCapacity(children.count)
        for (name, child) in node.sortedChildren where !name.isHidden {
            view.nodes.append(
                self.view(
                    of: child, at: path.appending(name), now: now, levels: levels - 1))
        }
        return view
    }

    /// Rounded up; zero or negative for what should be gone already.
    static func secondsLeft(until expiration: WallTime, from now: WallTime) -> Int64 {
        let (difference, overflow) = expiration.unixNanoseconds.subtractingReportingOverflow(
            now.unixNanoseconds)
        if overflow { return (expiration < now ? Int64.min : Int64.max) / 1_000_000_000 }
        let (seconds, rest) = difference.quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest > 0 ? seconds + 1 : seconds
    }
}
