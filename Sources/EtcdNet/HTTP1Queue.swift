//  The unanswered requests of one connection, oldest first.

import NIOCore

/// A queue whose usual length is one: the first element needs no buffer.
struct HTTP1Queue {
    private(set) var first: HTTP1Exchange?
    private var others = CircularBuffer<HTTP1Exchange>(initialCapacity: 0)

    var isEmpty: Bool { first == nil }

    var count: Int { first == nil ? 0 : others.count + 1 }

    /// Of answers whose turn has not come.
    var heldBytes: Int { others.reduce(0) { $0 + $1.held.readableBytes } }

    var last: HTTP1Exchange? { others.isEmpty ? first : others.last }

    mutating func append(_ exchange: HTTP1Exchange) {
        if first == nil { first = exchange } else { others.append(exchange) }
    }

    mutating func removeFirst() {
        first = others.isEmpty ? nil : others.removeFirst()
    }

    func contains(where predicate: (HTTP1Exchange) -> Bool) -> Bool {
        first.map(predicate) == true || others.contains(where: predicate)
    }

    mutating func removeAll() -> [HTTP1Exchange] {
        let all = (first.map { [$0] } ?? []) + others
        first = nil
        others.removeAll()
        return all
    }
}
