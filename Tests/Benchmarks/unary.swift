// A generator of load for unary gRPC calls over HTTP/2, as lean as can be: one thread, requests framed
// once, answers only counted, so that on a small machine the cores are the servers'. h2load needs about
// four times as much per call, which is as much as a server here. Compiled by v3bench.py with swiftc.
//
// Usage: unary HOST PORT PATH BODY-FILE CONNECTIONS STREAMS SECONDS LOG-FILE
// BODY-FILE holds the framed message. Writes each latency in microseconds into LOG-FILE, 32 bits
// little-endian each, in the order of the answers, and prints how many calls were answered. A call that
// ends without a message has failed: the program says so and exits with 1.

import Glibc

struct Failure: Error {
    var text: String
}

func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func appendNumber(_ value: Int, bytes: Int, to target: inout [UInt8]) {
    for position in stride(from: bytes - 1, through: 0, by: -1) {
        target.append(UInt8(truncatingIfNeeded: value >> (8 * position)))
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

/// The bytes of a call: the first on a connection puts its fields into the server's table, all others
/// refer to them, as clients of gRPC do.
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
        // POST and http, then fields with names of the static table: 4, 1, 31, 58; the last has a new name.
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

final class Connection {
    /// More than any call is overtaken by others of its connection.
    static let slots = 1 << 14
    static let bufferSize = 1 << 18
    static let windowSize = 1 << 30

    let descriptor: Int32
    let call: Call
    var nextStream = 1
    var underWay = 0
    var wanted: Int
    var credit = 65535
    var received = 0
    var output = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    var began = [UInt64](repeating: 0, count: slots)
    var answered = [Bool](repeating: false, count: slots)
    var input = [UInt8](repeating: 0, count: bufferSize)
    var inputCount = 0

    init(host: String, port: UInt16, call: Call, streams: Int) throws {
        self.call = call
        wanted = streams
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw Failure(text: "not an IPv4 address: \(host)")
        }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            throw Failure(text: "connect: \(String(cString: strerror(errno)))")
        }
        var on: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var settings: [UInt8] = [0, 4]
        appendNumber(Connection.windowSize, bytes: 4, to: &settings)
        output += frame(FrameKind.settings, 0, 0, settings)
        giveCredit(Connection.windowSize)
    }

    deinit { close(descriptor) }

    func giveCredit(_ count: Int) {
        var increment: [UInt8] = []
        appendNumber(count, bytes: 4, to: &increment)
        output += frame(FrameKind.window, 0, 0, increment)
    }

    /// Begins as many calls as there is room for.
    func fill(_ time: UInt64) {
        while underWay < wanted, credit >= call.bodyCount {
            let begin = output.count
            output += nextStream == 1 ? call.first : call.further
            let body = output.count - 9 - call.bodyCount
            for head in [begin, body] {
                for position in 0..<4 {
                    output[head + 5 + position] = UInt8(
                        truncatingIfNeeded: nextStream >> (24 - 8 * position))
                }
            }
            let slot = (nextStream >> 1) & (Connection.slots - 1)
            began[slot] = time
            answered[slot] = false
            nextStream += 2
            underWay += 1
            credit -= call.bodyCount
        }
    }

    func flush() throws {
        guard !output.isEmpty else { return }
        var at = 0
        while at < output.count {
            let sent = output.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + at, $0.count - at, 0)
            }
            if sent > 0 {
                at += sent
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, 1000)
            } else {
                throw Failure(text: "send: \(String(cString: strerror(errno)))")
            }
        }
        output.removeAll(keepingCapacity: true)
    }

    /// Takes what has come. Latencies of calls that have ended are appended to `times`.
    func read(_ times: inout [UInt32]) throws {
        let count = input.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress! + inputCount, $0.count - inputCount, 0)
        }
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { throw Failure(text: "the server closed the connection") }
        inputCount += count
        let time = now()
        var at = 0
        while inputCount - at >= 9 {
            let length = Int(input[at]) << 16 | Int(input[at + 1]) << 8 | Int(input[at + 2])
            guard inputCount - at >= 9 + length else { break }
            try handle(at: at, length: length, time, &times)
            at += 9 + length
        }
        if at > 0, at < inputCount {
            input.withUnsafeMutableBytes {
                _ = memmove($0.baseAddress!, $0.baseAddress! + at, inputCount - at)
            }
        }
        inputCount -= at
        if received > Connection.windowSize / 2 {
            giveCredit(received)
            received = 0
        }
    }

    private func handle(at: Int, length: Int, _ time: UInt64, _ times: inout [UInt32]) throws {
        let kind = input[at + 3]
        let flags = input[at + 4]
        let stream = number(at + 5)
        switch kind {
        case FrameKind.data, FrameKind.headers:
            let slot = (stream >> 1) & (Connection.slots - 1)
            if kind == FrameKind.data {
                received += length
                if length > 0 { answered[slot] = true }
            }
            guard flags & 1 != 0 else { return }
            guard answered[slot] else { throw Failure(text: "a call was answered with an error") }
            underWay -= 1
            times.append(UInt32(truncatingIfNeeded: (time - began[slot]) / 1000))
        case FrameKind.window where stream == 0:
            credit += number(at + 9)
        case FrameKind.settings where flags & 1 == 0:
            output += frame(FrameKind.settings, 1, 0, [])
        case FrameKind.ping where flags & 1 == 0:
            output += frame(FrameKind.ping, 1, 0, Array(input[at + 9..<at + 17]))
        case FrameKind.reset, FrameKind.goAway:
            throw Failure(text: "the server ended a call or the connection (frame \(kind))")
        default:
            break
        }
    }

    private func number(_ at: Int) -> Int {
        Int(input[at]) << 24 | Int(input[at + 1]) << 16 | Int(input[at + 2]) << 8
            | Int(input[at + 3])
    }
}

func contents(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Failure(text: "\(path) can't be read") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}

func run(_ words: [String]) throws {
    guard words.count == 9, let port = UInt16(words[2]), let connections = Int(words[5]),
        let streams = Int(words[6]), let seconds = Double(words[7])
    else {
        throw Failure(
            text: "usage: unary HOST PORT PATH BODY-FILE CONNECTIONS STREAMS SECONDS LOG-FILE")
    }
    let call = Call(
        authority: "\(words[1]):\(port)", path: words[3], body: try contents(of: words[4]))
    let all = try (0..<connections).map { _ in
        try Connection(host: words[1], port: port, call: call, streams: streams)
    }
    var watched = all.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    var times: [UInt32] = []
    times.reserveCapacity(1 << 22)
    let end = now() + UInt64(seconds * 1e9)
    for connection in all {
        connection.fill(now())
        try connection.flush()
    }
    var time = now()
    while time < end {
        guard poll(&watched, nfds_t(watched.count), 1000) > 0 else {
            throw Failure(text: "no answer within a second")
        }
        for (position, connection) in all.enumerated() where watched[position].revents != 0 {
            try connection.read(&times)
            time = now()
            connection.fill(time)
            try connection.flush()
        }
    }
    guard let log = fopen(words[8], "wb") else {
        throw Failure(text: "\(words[8]) can't be written")
    }
    _ = times.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, log) }
    fclose(log)
    print(times.count)
}

@main
struct Program {
    static func main() {
        do {
            try run(CommandLine.arguments)
        } catch {
            fputs("\((error as? Failure)?.text ?? "\(error)")\n", stderr)
            exit(1)
        }
    }
}
