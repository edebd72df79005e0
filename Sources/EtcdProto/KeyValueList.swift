//  Key values on their way from the database to the wire: copied, never decoded.

import Protobuf
package import RuntimeCore

/// A list of `KeyValue`, kept in its encoded form.
package struct KeyValueList: Sendable, Hashable {
    /// Every element with tag and length, as field 2: the number in `RangeResponse`, where most of
    /// them go.
    private var frames: [UInt8] = []
    package private(set) var count = 0

    private static let field = 2
    private static let tag: UInt8 = 2 << 3 | 2

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Bytes of all elements with tag and length.
    package var encodedBytes: Int { frames.count }

    package mutating func reserve(bytes: Int) { frames.reserveCapacity(bytes) }

    /// Appends an encoded `KeyValue`. It must be sound: whoever reads one that is not finds an
    /// empty element.
    package mutating func append(record: UnsafeRawBufferPointer) {
        frames.append(Self.tag)
        frames.appendVarint(UInt64(record.count))
        frames.append(contentsOf: record)
        count += 1
    }

    package mutating func append(_ keyValue: KeyValue) {
        frames.append(Self.tag)
        frames.appendVarint(UInt64(keyValue.encodedSize))
        keyValue.encode(into: &frames)
        count += 1
    }

    /// The encoded elements, in order.
    package func forEachRecord(_ body: (Bytes) -> Void) {
        let bytes = Bytes(frames)
        var position = 0
        while position < frames.count {
            let (start, end) = recordBounds(at: position)
            body(bytes[start..<end])
            position = end
        }
    }

    /// Content of the frame at `position`.
    private func recordBounds(at position: Int) -> (start: Int, end: Int) {
        var length = 0
        var shift = 0
        var start = position + 1
        while true {
            let byte = frames[start]
            start += 1
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return (start, start + length) }
            shift += 7
        }
    }

    // MARK: encoding

    func framedSize(field: Int) -> Int {
        precondition(field < 16, "the tag takes one byte")
        return frames.count
    }

    /// All frames with the tag of `field`.
    func withFrames(field: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        if field == Self.field {
            frames.withUnsafeBytes { body($0) }
            return
        }
        var frames = frames
        var position = 0
        while position < frames.count {
            frames[position] = UInt8(field << 3 | 2)
            position = recordBounds(at: position).end
        }
        frames.withUnsafeBytes { body($0) }
    }
}

extension KeyValueList: Sequence, ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: KeyValue...) { self.init(elements) }

    package init(_ elements: some Sequence<KeyValue>) {
        self.init()
        for element in elements { append(element) }
    }

    package var underestimatedCount: Int { count }

    package func makeIterator() -> Iterator { Iterator(self) }

    /// Decodes one element after the other.
    package struct Iterator: IteratorProtocol {
        private let list: KeyValueList
        private let bytes: Bytes
        private var position = 0

        fileprivate init(_ list: KeyValueList) {
            self.list = list
            bytes = Bytes(list.frames)
        }

        package mutating func next() -> KeyValue? {
            if position == bytes.count { return nil }
            let (start, end) = list.recordBounds(at: position)
            position = end
            return (try? KeyValue(decoding: bytes[start..<end])) ?? KeyValue()
        }
    }

    package var first: KeyValue? {
        var iterator = makeIterator()
        return iterator.next()
    }

    /// Walks the list, but decodes nothing else.
    package var last: KeyValue? {
        var last: Bytes?
        forEachRecord { last = $0 }
        return last.map { (try? KeyValue(decoding: $0)) ?? KeyValue() }
    }
}
