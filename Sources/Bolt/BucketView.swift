//  A bucket of a snapshot: lookups and cursors.

package import RuntimeCore

/// Where the tree of a bucket begins.
enum BucketRoot: Sendable {
    case page(UInt64)
    /// A single leaf that stands in the bucket's entry itself.
    case inline(address: UInt, count: Int)

    /// Reads the value of a bucket's entry; nil when it is too short.
    init?(_ value: UnsafeRawBufferPointer) {
        guard value.count >= Format.bucketHeaderBytes, let base = value.baseAddress
        else { return nil }
        let root = base.word64(0)
        if root != 0 {
            self = .page(root)
        } else {
            self = .inline(
                address: UInt(bitPattern: base) + UInt(Format.bucketHeaderBytes),
                count: value.count - Format.bucketHeaderBytes)
        }
    }

    /// The number to name in a report.
    var number: UInt64 {
        if case .page(let number) = self { number } else { 0 }
    }
}

/// A bucket as of one committed state; holds its snapshot. Any thread may use it.
package struct BucketView: Sendable {
    package let snapshot: Snapshot
    let root: BucketRoot

    /// Runs `body` on the value of `key` in place; the bytes are gone after it returns.
    /// - Returns: nil when the key is not there.
    @inlinable
    package func withValue<Result>(
        _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        guard let value = value(of: key) else { return nil }
        return withExtendedLifetime(snapshot) { body(value) }
    }

    package func get(_ key: Bytes) -> Bytes? {
        key.withUnsafeBytes { key in withValue(key) { Bytes(Array($0)) } }
    }

    /// The value where it stands; valid while the snapshot lives.
    package func value(of key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let element = find(key), !element.isBucket else { return nil }
        return element.value
    }

    package func makeCursor() -> Cursor { Cursor(self) }

    /// Calls `body` with keys and values from `start` in order until it returns false, the key
    /// `end` is reached (nil: none), or the bucket is over.
    package func scan(
        from start: Bytes, to end: Bytes? = nil,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        var cursor = makeCursor()
        withExtendedLifetime(snapshot) {
            var isThere = start.withUnsafeBytes { cursor.seek($0) }
            while isThere {
                let key = cursor.key
                if let end, end.withUnsafeBytes({ !isBefore(key, $0) }) { return }
                if !cursor.isBucket, !body(key, cursor.value) { return }
                isThere = cursor.next()
            }
        }
    }

    private func isBefore(_ key: UnsafeRawBufferPointer, _ bound: UnsafeRawBufferPointer) -> Bool {
        guard let left = key.baseAddress, let right = bound.baseAddress else {
            return key.count < bound.count
        }
        return compareKeys(left, key.count, right, bound.count) < 0
    }

    var rootPage: Page? {
        switch root {
        case .page(let number):
            return snapshot.space.page(number)
        case .inline(let address, let count):
            guard let base = UnsafeRawPointer(bitPattern: address),
                let page = Page(base, extent: count, identity: 0), page.isLeaf
            else { return nil }
            return page
        }
    }

    func find(_ key: UnsafeRawBufferPointer) -> Page.Element? {
        var number = root.number
        var page = rootPage
        for _ in 0..<Format.depthMax {
            guard let current = page else { break }
            if current.isLeaf {
                guard let place = current.lowerBound(key) else { break }
                guard place.isExact else { return nil }
                return current.element(place.index)
            }
            guard let index = current.childIndex(key) else { break }
            number = current.child(index)
            page = snapshot.space.page(number)
        }
        snapshot.report(number, "not a sound page of a tree")
        return nil
    }
}
