//  Calls with many messages in both directions on one connection.

final class Streams {
    let wire: Wire
    /// Messages that have come, on all streams.
    private(set) var received = 0
    private let authority: String
    private var counters: [MessageCounter] = []
    /// What the server has let in on each stream beside its first window, and what was sent.
    private var granted: [Int] = []
    private var sent: [Int] = []

    init(host: String, port: UInt16) throws {
        authority = "\(host):\(port)"
        wire = try Wire(host: host, port: port)
    }

    /// A new stream, by its position.
    func open(_ path: String) -> Int {
        let position = counters.count
        wire.output += head(authority: authority, path: path, on: 2 * position + 1)
        counters.append(MessageCounter())
        granted.append(0)
        sent.append(0)
        return position
    }

    /// Queues messages with their prefixes, unless the server takes no more at present.
    func say(_ messages: [UInt8], on position: Int) -> Bool {
        guard wire.credit >= messages.count,
            wire.streamWindow + granted[position] - sent[position] >= messages.count
        else { return false }
        wire.output += framed(FrameKind.data, 0, 2 * position + 1, messages)
        wire.credit -= messages.count
        sent[position] += messages.count
        return true
    }

    /// Takes what has come.
    func read() throws {
        try wire.read { frame in
            let position = frame.stream >> 1
            switch frame.kind {
            case FrameKind.data: received += counters[position].count(frame.payload)
            case FrameKind.window: granted[position] += number(frame.payload, 0)
            default: break
            }
            if frame.endsStream { throw Failure(text: "a stream was ended") }
        }
    }
}
