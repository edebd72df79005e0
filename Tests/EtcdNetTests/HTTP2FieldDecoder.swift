//  Field blocks of a server as text: the library's own decoder, which keeps the table that later
//  blocks refer to.

import CNGHTTP2

/// Reads the blocks of one connection, in order.
final class HTTP2FieldDecoder {
    private var inflater: OpaquePointer?

    init() { nghttp2_hd_inflate_new(&inflater) }
    deinit { nghttp2_hd_inflate_del(inflater) }

    /// `name: value` lines.
    func fields(_ block: [UInt8]) -> [String] {
        var lines: [String] = []
        var block = block
        block.withUnsafeMutableBufferPointer { memory in
            var position = 0
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let used = nghttp2_hd_inflate_hd2(
                    inflater, &field, &flags, memory.baseAddress.map { $0 + position },
                    memory.count - position, 1)
                guard used >= 0 else { break }
                position += used
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                    let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                    let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                    lines.append(
                        String(decoding: name, as: UTF8.self) + ": "
                            + String(decoding: value, as: UTF8.self))
                }
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { break }
                if used == 0, flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0 { break }
            }
        }
        nghttp2_hd_inflate_end_headers(inflater)
        return lines
    }
}
