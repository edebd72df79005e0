//  Calls on one connection, and how long they take.

final class Connection {
    /// More than any call is overtaken by others of its connection.
    private static let slots = 1 << 14

    let wire: Wire
    private(set) var underWay = 0
    private var nextStream = 1
    private var began = [UInt64](repeating: 0, count: slots)
    private var answered = [Bool](repeating: false, count: slots)

    init(host: String, port: UInt16) throws {
        wire = try Wire(host: host, port: port)
    }

    /// Queues a call, unless the server takes no more at present.
    func begin(_ call: Call, _ time: UInt64) -> Bool {
        guard wire.credit >= call.bodyCount else { return false }
        call.append(to: &wire.output, on: nextStream, isFirst: nextStream == 1)
        let slot = (nextStream >> 1) & (Connection.slots - 1)
        began[slot] = time
        answered[slot] = false
        nextStream += 2
        underWay += 1
        wire.credit -= call.bodyCount
        return true
    }

    /// Takes what has come. Latencies of calls that have ended are appended to `times`.
    func read(_ times: inout [UInt32]) throws {
        var time: UInt64 = 0
        try wire.read { frame in
            let slot = (frame.stream >> 1) & (Connection.slots - 1)
            if frame.kind == FrameKind.data, !frame.payload.isEmpty { answered[slot] = true }
            guard frame.endsStream else { return }
            guard answered[slot] else { throw Failure(text: "a call was answered with an error") }
            if time == 0 { time = now() }
            underWay -= 1
            times.append(UInt32(truncatingIfNeeded: (time - began[slot]) / 1000))
        }
    }
}
