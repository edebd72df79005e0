//  HTTP/2 by hand, as much of it as a client needs: frames, and field blocks without compression.

enum HTTP2Wire {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func frame(
        type: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8]
    ) -> [UInt8] {
        let count = payload.count
        return [
            UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8),
            UInt8(truncatingIfNeeded: count), type, flags,
        ] + number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func settings() -> [UInt8] { frame(type: 4, stream: 0, []) }

    static func windowUpdate(_ increment: UInt32, stream: UInt32) -> [UInt8] {
        frame(type: 8, stream: stream, number(increment))
    }

    static func field(_ name: String, _ value: String) -> [UInt8] {
        // A literal that is not indexed, both strings plain; lengths below 127.
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
            + Array(value.utf8)
    }

    static func request(
        _ method: String, _ path: String, stream: UInt32, ends: Bool,
        fields: [(String, String)] = []
    ) -> [UInt8] {
        var block = field(":method", method) + field(":scheme", "http") + field(":path", path)
        block += field(":authority", "a")
        for (name, value) in fields { block += field(name, value) }
        return frame(type: 1, flags: ends ? 5 : 4, stream: stream, block)
    }

    /// A block of just these fields: a request, or the trailers of one.
    static func block(_ fields: [(String, String)], stream: UInt32, ends: Bool) -> [UInt8] {
        frame(
            type: 1, flags: ends ? 5 : 4, stream: stream,
            fields.flatMap { field($0.0, $0.1) })
    }

    static func data(_ text: String, stream: UInt32, ends: Bool) -> [UInt8] {
        frame(type: 0, flags: ends ? 1 : 0, stream: stream, Array(text.utf8))
    }

    struct Frame: Equatable {
        var type: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: [UInt8]

        var endsStream: Bool { (type == 0 || type == 1) && flags & 1 != 0 }
    }

    /// Takes apart what a server sent.
    static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            rest = rest.dropFirst(9)
            frames.append(
                Frame(
                    type: head[3], flags: head[4], stream: stream,
                    payload: Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
        }
        return frames
    }
}
