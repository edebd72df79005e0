//  The bytes of a call, framed beforehand.

/// A call with one request. The first on a connection puts its fields into the server's table, all
/// others refer to them, as clients of gRPC do.
struct Call {
    private var first: [UInt8]
    private var further: [UInt8]
    let bodyCount: Int

    /// `body` is a message with its prefix.
    init(authority: String, path: String, body: [UInt8]) {
        let data = framed(FrameKind.data, 1, 0, body)
        // The table's newest entry is 62.
        let known: [UInt8] = [0x83, 0x86, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]
        first = framed(FrameKind.headers, 4, 0, fields(authority, path, isKept: true)) + data
        further = framed(FrameKind.headers, 4, 0, known) + data
        bodyCount = body.count
    }

    func append(to output: inout [UInt8], on stream: Int, isFirst: Bool) {
        let begin = output.count
        output += isFirst ? first : further
        setStream(stream, at: begin, in: &output)
        setStream(stream, at: output.count - 9 - bodyCount, in: &output)
    }
}

/// The head of a call with many requests.
func head(authority: String, path: String, on stream: Int) -> [UInt8] {
    framed(FrameKind.headers, 4, stream, fields(authority, path, isKept: false))
}

func setStream(_ stream: Int, at begin: Int, in output: inout [UInt8]) {
    for position in 0..<4 {
        output[begin + 5 + position] = UInt8(truncatingIfNeeded: stream >> (24 - 8 * position))
    }
}

/// The fields of a call, which the server keeps in its table or does not.
private func fields(_ authority: String, _ path: String, isKept: Bool) -> [UInt8] {
    func literal(_ name: Int, _ value: String) -> [UInt8] {
        precondition(value.utf8.count < 127)
        // Names of the static table, in the first byte if they fit.
        let first: [UInt8] =
            isKept ? [0x40 | UInt8(name)] : name < 15 ? [UInt8(name)] : [15, UInt8(name - 15)]
        return first + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    let te: [UInt8] = [isKept ? 0x40 : 0, 2] + Array("te".utf8)
    // POST and http, then the path, authority, content-type and user-agent.
    return [0x83, 0x86] + literal(4, path) + literal(1, authority)
        + literal(31, "application/grpc") + literal(58, "etcd-bench")
        + te + [8] + Array("trailers".utf8)
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

func framed(_ kind: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8]) -> [UInt8] {
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
