//  What one user may read and write: the ranges of all roles, merged, so that a request that spans
//  two adjacent grants is allowed.

import EtcdProto
import RuntimeCore

/// Disjoint ranges in ascending order.
struct KeyCoverage: Sendable, Hashable {
    /// `end` is exclusive; `nil` is the end of all keys.
    private struct Span: Sendable, Hashable {
        let start: Bytes
        let end: Bytes?
    }

    private var spans: [Span] = []

    init(_ ranges: [(key: Bytes, end: Bytes)]) {
        var all = ranges.compactMap { KeyCoverage.span($0.key, $0.end) }
        all.sort { $0.start < $1.start }
        for span in all {
            if let last = spans.last, KeyCoverage.touches(last, span) {
                spans[spans.count - 1] = Span(
                    start: last.start, end: KeyCoverage.later(last.end, span.end))
            } else {
                spans.append(span)
            }
        }
    }

    /// Whether every key of the request lies in it. A range that is inverted or empty holds no key;
    /// its beginning has to lie in it, as in etcd, since members must agree even on that.
    func covers(_ key: Bytes, _ end: Bytes) -> Bool {
        guard let wanted = KeyCoverage.span(key, end) ?? KeyCoverage.span(key, .empty) else {
            return false
        }
        return spans.contains { span in
            span.start <= wanted.start && KeyCoverage.isNotBefore(span.end, wanted.end)
        }
    }

    /// The wire form: no end is the key alone, a zero byte is everything from the key on. An empty
    /// key or an inverted range, which old members may have let into a role, holds no key.
    private static func span(_ key: Bytes, _ end: Bytes) -> Span? {
        if key.isEmpty { return nil }
        if end.isEmpty { return Span(start: key, end: Bytes(key.array + [0])) }
        if end.count == 1, end[0] == 0 { return Span(start: key, end: nil) }
        return end > key ? Span(start: key, end: end) : nil
    }

    private static func touches(_ left: Span, _ right: Span) -> Bool {
        left.end.map { $0 >= right.start } ?? true
    }

    private static func later(_ left: Bytes?, _ right: Bytes?) -> Bytes? {
        guard let left, let right else { return nil }
        return max(left, right)
    }

    private static func isNotBefore(_ left: Bytes?, _ right: Bytes?) -> Bool {
        guard let left else { return true }
        guard let right else { return false }
        return left >= right
    }
}

/// Both directions of one user.
struct RangePermissions: Sendable {
    let reading: KeyCoverage
    let writing: KeyCoverage

    init(_ roles: [AuthRole]) {
        func ranges(_ kind: Permission.Kind) -> [(key: Bytes, end: Bytes)] {
            roles.flatMap(\.keyPermission)
                .filter { $0.permType == kind || $0.permType == .readwrite }
                .map { ($0.key, $0.rangeEnd) }
        }
        reading = KeyCoverage(ranges(.read))
        writing = KeyCoverage(ranges(.write))
    }
}
