//  The fields of an answer on their way to the library.

import CNGHTTP2
import NIOHTTP1

/// Fields laid out as the library wants them: pointers into one piece of memory.
struct HTTP2FieldBlock {
    private var text: [UInt8] = []
    private var lengths: [(name: Int, value: Int)] = []

    init() {
        text.reserveCapacity(512)
        lengths.reserveCapacity(16)
    }

    mutating func add(name: StaticString, value: String) {
        name.withUTF8Buffer { text.append(contentsOf: $0) }
        text.append(contentsOf: value.utf8)
        lengths.append((name.utf8CodeUnitCount, value.utf8.count))
    }

    mutating func add(name: StaticString, bytes: [UInt8]) {
        name.withUTF8Buffer { text.append(contentsOf: $0) }
        text.append(contentsOf: bytes)
        lengths.append((name.utf8CodeUnitCount, bytes.count))
    }

    /// The handler's fields, without those that HTTP/2 has no place for.
    mutating func add(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            let start = text.count
            for byte in name.utf8 {
                text.append(
                    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 32 : byte)
            }
            let isUnwanted = text.withUnsafeBytes {
                Self.isConnectionSpecific(UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
            if isUnwanted {
                text.removeSubrange(start...)
                continue
            }
            for byte in value.utf8 {
                let breaksLine = byte == ASCII.lineFeed || byte == ASCII.carriageReturn
                text.append(breaksLine || byte == 0 ? ASCII.space : byte)
            }
            lengths.append((name.utf8.count, text.count - start - name.utf8.count))
        }
    }

    private static func isConnectionSpecific(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 7: ASCII.equals(name, "upgrade")
        case 10: ASCII.equals(name, "connection") || ASCII.equals(name, "keep-alive")
        case 14: ASCII.equals(name, "content-length")
        case 17: ASCII.equals(name, "transfer-encoding")
        default: false
        }
    }

    /// How a call ended.
    mutating func addStatus(_ status: Int, _ message: String) {
        add(name: "grpc-status", value: String(status))
        let start = text.count
        let name: StaticString = "grpc-message"
        name.withUTF8Buffer { text.append(contentsOf: $0) }
        for byte in message.utf8 {
            if byte >= 0x20, byte <= 0x7E, byte != UInt8(ascii: "%") {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(PercentCoding.upperHexDigits[Int(byte >> 4)])
                text.append(PercentCoding.upperHexDigits[Int(byte & 15)])
            }
        }
        lengths.append(
            (name.utf8CodeUnitCount, text.count - start - name.utf8CodeUnitCount))
    }

    /// The library copies what it is given.
    mutating func withFields(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Void) {
        text.withUnsafeMutableBufferPointer { memory in
            var position = memory.baseAddress
            let fields = lengths.map { length in
                let name = position
                position = position.map { $0 + length.name }
                let value = position
                position = position.map { $0 + length.value }
                return nghttp2_nv(
                    name: name, value: value, namelen: length.name, valuelen: length.value,
                    flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
            }
            fields.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}

/// The field blocks of nearly every call's answer, laid out once for an event loop. The library
/// refers to them instead of copying them.
final class CallFieldBlocks {
    let head: UnsafeBufferPointer<nghttp2_nv>
    let success: UnsafeBufferPointer<nghttp2_nv>

    init() {
        head = Self.layOut([(":status", "200"), ("content-type", "application/grpc")])
        success = Self.layOut([("grpc-status", "0")])
    }

    deinit {
        head.deallocate()
        success.deallocate()
    }

    /// Static strings stay where they are as long as the process lives.
    private static func layOut(_ fields: [(StaticString, StaticString)])
        -> UnsafeBufferPointer<nghttp2_nv>
    {
        let memory = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: fields.count)
        let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
        _ = memory.initialize(
            from: fields.map { name, value in
                nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: name.utf8Start),
                    value: UnsafeMutablePointer(mutating: value.utf8Start),
                    namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
                    flags: UInt8(flags))
            })
        return UnsafeBufferPointer(memory)
    }
}
