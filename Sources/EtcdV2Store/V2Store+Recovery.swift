//  Reading a store in etcd's saved form, whoever wrote it.

package import RuntimeCore

extension V2Store {
    /// Replaces everything by a saved store and ends every watch; changes nothing on failure.
    package func recover(_ saved: Bytes) throws(V2FormatError) {
        var reader = SavedStoreReader(saved)
        try reader.read()
        guard let root = reader.root else { throw reader.json.error("no root") }
        self.root = root
        currentIndex = reader.currentIndex
        statistics = reader.statistics
        history = reader.history
        expiries = reader.expiries
        hub.dropAll()
    }
}

/// Builds the parts of a store while it goes through the text. Members it does not know are
/// skipped; those that are missing keep their zero values, as in Go.
private struct SavedStoreReader {
    /// An index that leaves room for changes; one beyond it comes from no cluster.
    private static let indexMax = UInt64(Int64.max)
    private static let noTime = Array("\(V2Store.noTime)".utf8)

    var json: JSONReader
    var root: V2Node?
    var currentIndex: UInt64 = 0
    var statistics = V2Statistics()
    var history = V2History()
    var expiries = V2ExpiryHeap()
    /// Of the node being read.
    private var path: [UInt8] = []

    init(_ saved: Bytes) { json = JSONReader(saved) }

    mutating func read() throws(V2FormatError) {
        try object { (reader, name) throws(V2FormatError) in
            switch name {
            case "Root": reader.root = try reader.node(depth: 0)
            case "WatcherHub": try reader.watcherHub()
            case "CurrentIndex": reader.currentIndex = try reader.index()
            case "Stats": try reader.counters()
            default: try reader.json.skipValue()
            }
        }
        try json.end()
    }

    /// An object whose members `member` consumes from `self`; `null` is an object without any.
    private mutating func object(
        _ member: (inout SavedStoreReader, String) throws(V2FormatError) -> Void
    ) throws(V2FormatError) {
        if try json.null() { return }
        guard try json.beginObject() else { return }
        repeat {
            let name = try json.memberName()
            try member(&self, String(decoding: name, as: UTF8.self))
        } while try json.hasNextMember()
    }

    private mutating func index() throws(V2FormatError) -> UInt64 {
        let index = try json.unsigned()
        if index > Self.indexMax { throw json.error("index too large") }
        return index
    }

    /// `nil` for Go's zero time.
    private mutating func time() throws(V2FormatError) -> WallTime? {
        let text = try json.string()
        if text.elementsEqual(Self.noTime) { return nil }
        guard let time = RFC3339.parse(text) else { throw json.error("no time") }
        return time
    }

    private mutating func counters() throws(V2FormatError) {
        try object { (reader, name) throws(V2FormatError) in
            guard let field = V2Statistics.fields.first(where: { "\($0.name)" == name }) else {
                return try reader.json.skipValue()
            }
            reader.statistics[keyPath: field.path] = try reader.index()
        }
    }

    // MARK: tree

    private mutating func node(depth: Int) throws(V2FormatError) -> V2Node {
        if depth > V2Store.depthMax { throw json.error("nested too deeply") }
        let node = V2Node(value: .empty, index: 0)
        try object { (reader, name) throws(V2FormatError) in
            switch name {
            case "CreatedIndex": node.createdIndex = try reader.index()
            case "ModifiedIndex": node.modifiedIndex = try reader.index()
            case "ExpireTime":
                guard let time = try reader.time() else { break }
                let place = reader.path.isEmpty ? [V2Path.slash] : reader.path
                reader.expiries.set(time, of: node, at: Bytes(place))
            case "Value": node.value = Bytes(try reader.json.string())
            case "Children": try reader.children(of: node, depth: depth)
            default: try reader.json.skipValue()
            }
        }
        return node
    }

    private mutating func children(of node: V2Node, depth: Int) throws(V2FormatError) {
        if try json.null() { return }
        node.children = [:]
        guard try json.beginObject() else { return }
        let length = path.count
        repeat {
            let name = try json.memberName()
            if name.isEmpty || name.contains(V2Path.slash) || name == Array(".".utf8)
                || name == Array("..".utf8)
            {
                throw json.error("no name of a node")
            }
            path.append(V2Path.slash)
            path.append(contentsOf: name)
            let child = try self.node(depth: depth + 1)
            path.removeLast(path.count - length)
            // Names that were no UTF-8 may have become equal; as in Go, the last one stays.
            if let earlier = node.children?.updateValue(child, forKey: V2Name(Bytes(name))) {
                expiries.removeTree(earlier)
            }
        } while try json.hasNextMember()
    }

    // MARK: history

    private mutating func watcherHub() throws(V2FormatError) {
        try object { (reader, name) throws(V2FormatError) in
            guard name == "EventHistory" else { return try reader.json.skipValue() }
            try reader.object { (reader, name) throws(V2FormatError) in
                guard name == "Queue" else { return try reader.json.skipValue() }
                try reader.queue()
            }
        }
    }

    private mutating func queue() throws(V2FormatError) {
        var slots: [V2Event?] = []
        var size = 0
        var front = 0
        try object { (reader, name) throws(V2FormatError) in
            switch name {
            case "Events": slots = try reader.events()
            case "Size": size = try reader.json.count()
            case "Front": front = try reader.json.count()
            // The place of the next event and the capacity follow from the rest.
            default: try reader.json.skipValue()
            }
        }
        guard let history = V2History(slots: slots, front: front, count: size) else {
            throw json.error("an inconsistent event queue")
        }
        self.history = history
    }

    private mutating func events() throws(V2FormatError) -> [V2Event?] {
        var events: [V2Event?] = []
        if try json.null() { return events }
        guard try json.beginArray() else { return events }
        repeat {
            events.append(try json.null() ? nil : try event())
        } while try json.hasNextElement()
        return events
    }

    private mutating func event() throws(V2FormatError) -> V2Event {
        var action: V2Event.Action?
        var node: V2NodeView?
        var previous: V2NodeView?
        var isRefresh = false
        try object { (reader, name) throws(V2FormatError) in
            switch name {
            case "action":
                let text = String(decoding: try reader.json.string(), as: UTF8.self)
                action = V2Event.Action(rawValue: text)
            case "node": node = try reader.view()
            case "prevNode": previous = try reader.view()
            case "refresh": isRefresh = try reader.json.bool()
            default: try reader.json.skipValue()
            }
        }
        guard let action, let node else { throw json.error("an incomplete event") }
        return V2Event(
            action: action, node: node, previous: previous, storeIndex: node.modifiedIndex,
            isRefresh: isRefresh)
    }

    private mutating func view() throws(V2FormatError) -> V2NodeView? {
        if try json.null() { return nil }
        var view = V2NodeView(key: .empty, modifiedIndex: 0, createdIndex: 0)
        try object { (reader, name) throws(V2FormatError) in
            switch name {
            case "key": view.key = Bytes(try reader.json.string())
            case "value": view.value = Bytes(try reader.json.string())
            case "dir": view.isDirectory = try reader.json.bool()
            case "expiration": view.expiration = try reader.time()
            case "ttl": view.ttl = try reader.json.signed()
            case "modifiedIndex": view.modifiedIndex = try reader.index()
            case "createdIndex": view.createdIndex = try reader.index()
            // Events list no children.
            default: try reader.json.skipValue()
            }
        }
        return view
    }
}
