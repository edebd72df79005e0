//  Records of bucket `key`: encoded KeyValue messages, written once and read without decoding.

import RuntimeCore

/// Writing records. The bytes are those of etcd: fields ascending, zeros left out.
enum KeyValueRecord {
    static func make(
        key: Bytes, createRevision: Int64, modRevision: Int64, version: Int64, value: Bytes,
        lease: Int64
    ) -> Bytes {
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                make(
                    key: key, createRevision: createRevision, modRevision: modRevision,
                    version: version, value: value, lease: lease)
            }
        }
    }

    static func make(
        key: UnsafeRawBufferPointer, createRevision: Int64, modRevision: Int64, version: Int64,
        value: UnsafeRawBufferPointer, lease: Int64
    ) -> Bytes {
        // Tags and varints take at most 11 bytes per field.
        let bound = key.count + value.count + 6 * 11
        return Bytes(
            [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
                var writer = Writer(base: UnsafeMutableRawPointer(buffer.baseAddress!))
                writer.append(tag: 0x0A, key)
                writer.append(tag: 0x10, createRevision)
                writer.append(tag: 0x18, modRevision)
                writer.append(tag: 0x20, version)
                writer.append(tag: 0x2A, value)
                writer.append(tag: 0x30, lease)
                count = writer.position
            })
    }

    /// The record of a deletion, which names the key and nothing else.
    static func tombstone(key: Bytes) -> Bytes {
        make(
            key: key, createRevision: 0, modRevision: 0, version: 0, value: .empty, lease: 0)
    }

    /// The part of a record made here that is its key, without a copy.
    static func key(of record: Bytes) -> Bytes {
        guard let fields = record.withUnsafeBytes({ KeyValueFields($0) }) else { return .empty }
        return record[fields.key]
    }

    private struct Writer {
        let base: UnsafeMutableRawPointer
        var position = 0

        @inline(__always)
        mutating func append(tag: UInt8, _ value: Int64) {
            if value == 0 { return }
            append(tag)
            append(varint: UInt64(bitPattern: value))
        }

        @inline(__always)
        mutating func append(tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
            guard bytes.count > 0, let address = bytes.baseAddress else { return }
            append(tag)
            append(varint: UInt64(bytes.count))
            (base + position).copyMemory(from: address, byteCount: bytes.count)
            position += bytes.count
        }

        @inline(__always)
        private mutating func append(_ byte: UInt8) {
            base.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            position += 1
        }

        @inline(__always)
        private mutating func append(varint value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            append(UInt8(rest))
        }
    }
}

/// Where the fields of an encoded KeyValue lie, and its numbers.
package struct KeyValueFields: Sendable, Hashable {
    package private(set) var key = 0..<0
    package private(set) var createRevision: Int64 = 0
    package private(set) var modRevision: Int64 = 0
    package private(set) var version: Int64 = 0
    package private(set) var value = 0..<0
    /// `value` with its tag and length; what a keys-only answer leaves out.
    package private(set) var valueField = 0..<0
    package private(set) var lease: Int64 = 0

    /// `nil` when the bytes are no KeyValue message.
    package init?(_ record: UnsafeRawBufferPointer) {
        var reader = Reader(record)
        while reader.position < record.count {
            let start = reader.position
            guard let tag = reader.varint() else { return nil }
            switch tag {
            case 0x0A:
                guard let range = reader.bytes() else { return nil }
                key = range
            case 0x2A:
                guard let range = reader.bytes() else { return nil }
                value = range
                valueField = start..<reader.position
            case 0x10, 0x18, 0x20, 0x30:
                guard let number = reader.varint() else { return nil }
                set(tag, Int64(bitPattern: number))
            default:
                if tag >> 3 == 0 || !reader.skip(wireType: tag & 7) { return nil }
            }
        }
    }

    @inline(__always)
    private mutating func set(_ tag: UInt64, _ number: Int64) {
        switch tag {
        case 0x10: createRevision = number
        case 0x18: modRevision = number
        case 0x20: version = number
        default: lease = number
        }
    }

    private struct Reader {
        let base: UnsafeRawPointer?
        let end: Int
        var position = 0

        init(_ buffer: UnsafeRawBufferPointer) {
            base = buffer.baseAddress
            end = buffer.count
        }

        @inline(__always)
        mutating func varint() -> UInt64? {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while position < end, shift < 64, let base {
                let byte = base.load(fromByteOffset: position, as: UInt8.self)
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }

        @inline(__always)
        mutating func bytes() -> Range<Int>? {
            guard let length = varint(), length <= UInt64(end - position) else { return nil }
            let start = position
            position += Int(length)
            return start..<position
        }

        mutating func skip(wireType: UInt64) -> Bool {
            switch wireType {
            case 0: return varint() != nil
            case 1: position += 8
            case 2: return bytes() != nil
            case 5: position += 4
            default: return false
            }
            return position <= end
        }
    }
}
