//  Which keys a request means (spec grpc-v3 6.1).

package import RuntimeCore

/// A set of neighbouring keys, as `key` and `range_end` of a request name it.
package struct KeyRange: Sendable, Hashable {
    package enum End: Sendable, Hashable {
        /// The key alone.
        case single
        /// All keys from `start` on that stand before this one; none when it is not above `start`.
        case before(Bytes)
        /// All keys from `start` on.
        case unbounded
    }

    package let start: Bytes
    package let end: End

    /// A range as requests spell it: an empty `rangeEnd` means one key, a zero byte no upper end.
    package init(key: Bytes, rangeEnd: Bytes) {
        start = key
        if rangeEnd.isEmpty {
            end = .single
        } else if rangeEnd.count == 1, rangeEnd[0] == 0 {
            end = .unbounded
        } else {
            end = .before(rangeEnd)
        }
    }

    package init(start: Bytes, end: End) {
        self.start = start
        self.end = end
    }

    package static func single(_ key: Bytes) -> KeyRange { KeyRange(start: key, end: .single) }

    package static let everything = KeyRange(start: .empty, end: .unbounded)

    package var isSingle: Bool { end == .single }

    /// No key can be in it.
    package var isEmpty: Bool {
        guard case .before(let end) = end else { return false }
        return end <= start
    }

    package func contains(_ key: Bytes) -> Bool {
        switch end {
        case .single: key == start
        case .before(let end): start <= key && key < end
        case .unbounded: start <= key
        }
    }
}
