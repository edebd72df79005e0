//  Names of nodes as keys of dictionaries, and direct access to bytes: looking up a path is the
//  hottest thing here, and generic access through another module costs more than the work itself.

import RuntimeCore

/// One component of a path.
struct V2Name: Hashable, Comparable {
    let bytes: Bytes

    init(_ bytes: Bytes) { self.bytes = bytes }

    /// Nodes with such names are left out of listings and of what recursive watches above see.
    var isHidden: Bool {
        bytes.start < bytes.end && bytes.storage[bytes.start] == UInt8(ascii: "_")
    }

    static func == (left: V2Name, right: V2Name) -> Bool { left.bytes.hasSameContent(right.bytes) }

    /// Bytewise.
    static func < (left: V2Name, right: V2Name) -> Bool { left.bytes.precedes(right.bytes) }

    func hash(into hasher: inout Hasher) {
        bytes.withBuffer { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension Bytes {
    /// The same content in storage of its own, so that keeping it does not keep a whole message.
    var compacted: Bytes { start == 0 && end == storage.count ? self : Bytes(array) }

    @inline(__always)
    func withBuffer<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        storage.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[start..<end]))
        }
    }

    func hasSameContent(_ other: Bytes) -> Bool {
        guard count == other.count else { return false }
        return withBuffer { left in
            other.withBuffer { Self.commonPrefix(left, $0) == left.count }
        }
    }

    /// Whether `prefix` stands at the beginning.
    func hasPrefix(_ prefix: Bytes) -> Bool {
        withBuffer { text in
            prefix.withBuffer { Self.commonPrefix(text, $0) == $0.count }
        }
    }

    func precedes(_ other: Bytes) -> Bool {
        withBuffer { left in
            other.withBuffer { right in
                let common = Self.commonPrefix(left, right)
                if common == right.count { return false }
                return common == left.count || left[common] < right[common]
            }
        }
    }

    /// Number of equal bytes at the beginning.
    @inline(__always)
    private static func commonPrefix(
        _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
    ) -> Int {
        let count = min(left.count, right.count)
        let (a, b) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        var position = 0
        while position + 8 <= count {
            let difference =
                a.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
                ^ b.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
            if difference != 0 { return position + difference.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < count, left[position] == right[position] { position += 1 }
        return position
    }
}
