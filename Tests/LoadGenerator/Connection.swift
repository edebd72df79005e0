//  One connection and the calls under way on it.

import Glibc

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
        case FrameKind.reset where number(at + 9) == 0:
            // The end of a call that has been answered; servers need not say it, and some do.
            break
        case FrameKind.reset, FrameKind.goAway:
            let code = number(at + (kind == FrameKind.reset ? 9 : 13))
            throw Failure(text: "the server ended stream \(stream) with code \(code)")
        default:
            break
        }
    }

    private func number(_ at: Int) -> Int {
        Int(input[at]) << 24 | Int(input[at + 1]) << 16 | Int(input[at + 2]) << 8
            | Int(input[at + 3])
    }
}

func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

struct Failure: Error {
    var text: String
}
