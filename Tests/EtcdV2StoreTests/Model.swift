//  The naive model: nodes in one table by path, every rule of spec http-v2 2.2 in the plainest way.

import EtcdV2Store
import RuntimeCore

struct ModelOperation {
    enum Kind: CaseIterable {
        case set, create, unique, update, swap, delete, compareAndDelete, expire, get
    }

    let kind: Kind
    let path: String
    let value: String
    let isDirectory: Bool
    let recursive: Bool
    let deadline: Int64?
    let previousIndex: UInt64
    let previousValue: String

    /// `action key modified created previous-index`, or `error code cause index`.
    func perform(on store: V2Store, now seconds: Int64) -> String {
        let now = time(seconds)
        let path = Bytes(path)
        let value = Bytes(value)
        let expiration = deadline.map { time($0) }
        do throws(V2Error) {
            let event: V2Event
            switch kind {
            case .set:
                event = try store.set(
                    path, isDirectory: isDirectory, value: value, expiration: expiration,
                    refresh: false, now: now)
            case .create, .unique:
                event = try store.create(
                    path, isDirectory: isDirectory, value: value, unique: kind == .unique,
                    expiration: expiration, now: now)
            case .update:
                event = try store.update(
                    path, value: value, expiration: expiration, refresh: false, now: now)
            case .swap:
                event = try store.compareAndSwap(
                    path, previousValue: Bytes(previousValue), previousIndex: previousIndex,
                    value: value, expiration: expiration, refresh: false, now: now)
            case .delete:
                event = try store.delete(
                    path, isDirectory: isDirectory, recursive: recursive, now: now)
            case .compareAndDelete:
                event = try store.compareAndDelete(
                    path, previousValue: Bytes(previousValue), previousIndex: previousIndex,
                    now: now)
            case .expire:
                store.deleteExpired(upTo: now)
                return "expired"
            case .get:
                event = try store.get(path, recursive: false, sorted: true, now: now)
            }
            let node = event.node
            return "\(event.action) \(node.key.text) \(node.modifiedIndex) \(node.createdIndex) "
                + "\(event.previous?.modifiedIndex ?? 0)"
        } catch {
            return "error \(error.code.rawValue) \(error.cause) \(error.index)"
        }
    }
}

struct Model {
    struct Node {
        /// `nil` for directories.
        var value: String?
        var created: UInt64
        var modified: UInt64
        var deadline: Int64?
    }

    private struct Failure: Error {
        let code: Int
        let cause: String
    }

    var nodes: [String: Node] = [:]
    var index: UInt64 = 0
    private var events: [String] = []

    mutating func takeEvents() -> [String] {
        defer { events = [] }
        return events
    }

    /// Names with their slash, ascending.
    func children(of path: String) -> [String] {
        nodes.keys.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.count)) }
            .filter { !$0.dropFirst().contains("/") }.sorted()
    }

    mutating func perform(_ operation: ModelOperation, now: Int64) -> String {
        do throws(Failure) {
            return try answer(operation, now: now)
        } catch {
            return "error \(error.code) \(error.cause) \(index)"
        }
    }

    private mutating func answer(_ operation: ModelOperation, now: Int64) throws(Failure)
        -> String
    {
        let path = operation.path
        switch operation.kind {
        case .set:
            if let node = nodes[path], node.value == nil { throw Failure(code: 102, cause: path) }
            return try put("set", path, operation)
        case .create:
            if nodes[path] != nil { throw Failure(code: 105, cause: path) }
            return try put("create", path, operation)
        case .unique:
            let digits = String(index + 1)
            let name = String(repeating: "0", count: 20 - digits.count) + digits
            return try put("create", path + "/" + name, operation)
        case .update:
            let node = try existing(path)
            if node.value == nil, !operation.value.isEmpty {
                throw Failure(code: 102, cause: path)
            }
            return overwrite("update", path, node, operation)
        case .swap:
            let node = try compared(path, operation)
            return overwrite("compareAndSwap", path, node, operation)
        case .delete:
            let node = try existing(path)
            if node.value == nil, !operation.recursive {
                if !operation.isDirectory { throw Failure(code: 102, cause: path) }
                if !children(of: path).isEmpty { throw Failure(code: 108, cause: path) }
            }
            return remove("delete", path, node)
        case .compareAndDelete:
            return remove("compareAndDelete", path, try compared(path, operation))
        case .expire:
            while let (path, node) = nextExpired(now) { _ = remove("expire", path, node) }
            return "expired"
        case .get:
            let node = try existing(path)
            return "get \(path) \(node.modified) \(node.created) 0"
        }
    }

    private func nextExpired(_ now: Int64) -> (String, Node)? {
        nodes.filter { ($0.value.deadline ?? .max) <= now }
            .min { ($0.value.deadline!, $0.key) < ($1.value.deadline!, $1.key) }
            .map { ($0.key, $0.value) }
    }

    private func prefixes(of path: String) -> [String] {
        let names = path.split(separator: "/")
        return (2...names.count).map { "/" + names.prefix($0).joined(separator: "/") }
    }

    private func existing(_ path: String) throws(Failure) -> Node {
        for prefix in prefixes(of: path) {
            guard let node = nodes[prefix] else { throw Failure(code: 100, cause: prefix) }
            if node.value != nil, prefix != path { throw Failure(code: 104, cause: prefix) }
        }
        return nodes[path]!
    }

    private func compared(_ path: String, _ operation: ModelOperation) throws(Failure) -> Node {
        let node = try existing(path)
        guard let value = node.value else { throw Failure(code: 102, cause: path) }
        var causes: [String] = []
        if !operation.previousValue.isEmpty, operation.previousValue != value {
            causes.append("[\(operation.previousValue) != \(value)]")
        }
        if operation.previousIndex != 0, operation.previousIndex != node.modified {
            causes.append("[\(operation.previousIndex) != \(node.modified)]")
        }
        if !causes.isEmpty { throw Failure(code: 101, cause: causes.joined(separator: " ")) }
        return node
    }

    private mutating func put(_ action: String, _ path: String, _ operation: ModelOperation)
        throws(Failure) -> String
    {
        let above = prefixes(of: path).dropLast()
        for prefix in above where nodes[prefix]?.value != nil {
            throw Failure(code: 104, cause: prefix)
        }
        for prefix in above where nodes[prefix] == nil {
            nodes[prefix] = Node(value: nil, created: index + 1, modified: index + 1)
        }
        let previous = nodes[path]?.modified ?? 0
        nodes[path] = Node(
            value: operation.isDirectory ? nil : operation.value, created: index + 1,
            modified: index + 1, deadline: operation.deadline)
        return commit(action, path, created: index + 1, previous: previous)
    }

    private mutating func overwrite(
        _ action: String, _ path: String, _ old: Node, _ operation: ModelOperation
    ) -> String {
        var node = old
        if node.value != nil {
            node.value = operation.value
            node.modified = index + 1
        }
        node.deadline = operation.deadline
        nodes[path] = node
        return commit(action, path, created: node.created, previous: old.modified)
    }

    private mutating func remove(_ action: String, _ path: String, _ node: Node) -> String {
        nodes = nodes.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
        return commit(action, path, created: node.created, previous: node.modified)
    }

    private mutating func commit(
        _ action: String, _ path: String, created: UInt64, previous: UInt64
    ) -> String {
        index += 1
        if !path.contains("/_") { events.append("\(action) \(path) \(index)") }
        return "\(action) \(path) \(index) \(created) \(previous)"
    }
}
