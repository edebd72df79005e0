//  The bytes of a call, framed beforehand.

/// The bytes of a call: the first on a connection puts its fields into the server's table, all
/// others refer to them, as clients of gRPC do.
struct Call {
    var first: [UInt8]
    var further: [UInt8]
    var bodyCount: Int

    init(authority: String, path: String, body: [UInt8]) {
        func literal(_ name: [UInt8], _ value: String) -> [UInt8] {
            precondition(value.utf8.count < 127)
            return name + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        let te: [UInt8] = [0x40, 2] + Array("te".utf8)
        // POST and http, then fields with names of the static table; the last has a new name.
        let block =
            [0x83, 0x86] + literal([0x44], path) + literal([0x41], authority)
            + literal([0x5F], "application/grpc") + literal([0x7A], "etcd-bench")
            + literal(te, "trailers")
        // The table's newest entry is 62.
        let known: [UInt8] = [0x83, 0x86, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]
        let data = frame(FrameKind.data, 1, 0, body)
        first = frame(FrameKind.headers, 4, 0, block) + data
        further = frame(FrameKind.headers, 4, 0, known) + data
        bodyCount = body.count
    }
}

enum FrameKind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let window: UInt8 = 8
}

func frame(_ kind: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    appendNumber(payload.count, bytes: 3, to: &bytes)
    bytes += [kind, flags]
    appendNumber(stream, bytes: 4, to: &bytes)
    return bytes + payload
}

func appendNumber(_ value: Int, bytes: Int, to target: inout [UInt8]) {
    for position in stride(from: bytes - 1, through: 0, by: -1) {
        target.append(UInt8(truncatingIfNeeded: value >> (8 * position)))
    }
}
