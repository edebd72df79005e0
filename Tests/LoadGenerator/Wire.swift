//  One HTTP/2 connection: bytes out, frames in. What every connection has to answer is answered
//  here.

import Glibc

/// A frame that has come. Its payload is valid until the handler returns.
struct Frame {
    var kind: UInt8
    var flags: UInt8
    var stream: Int
    var payload: UnsafeRawBufferPointer

    var endsStream: Bool { flags & 1 != 0 && (kind == FrameKind.data || kind == FrameKind.headers) }
}

final class Wire {
    static let bufferSize = 1 << 18
    static let windowSize = 1 << 30

    let descriptor: Int32
    var output = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// Bytes of data that the server still takes on the connection.
    var credit = 65535
    /// What the server takes on a new stream.
    private(set) var streamWindow = 65535
    private var received = 0
    private var input = [UInt8](repeating: 0, count: bufferSize)
    private var inputCount = 0

    init(host: String, port: UInt16) throws {
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
        appendNumber(Wire.windowSize, bytes: 4, to: &settings)
        output += framed(FrameKind.settings, 0, 0, settings)
        giveCredit(Wire.windowSize)
    }

    deinit { close(descriptor) }

    private func giveCredit(_ count: Int) {
        var increment: [UInt8] = []
        appendNumber(count, bytes: 4, to: &increment)
        output += framed(FrameKind.window, 0, 0, increment)
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

    /// Takes what has come, if anything has; data, heads and windows of streams are the handler's.
    func read(_ handle: (Frame) throws -> Void) throws {
        let count = input.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress! + inputCount, $0.count - inputCount, 0)
        }
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { throw Failure(text: "the server closed the connection") }
        inputCount += count
        try input.withUnsafeMutableBytes { bytes in
            var at = 0
            while inputCount - at >= 9 {
                let length = number(UnsafeRawBufferPointer(bytes), at) >> 8
                guard inputCount - at >= 9 + length else { break }
                try take(
                    Frame(
                        kind: bytes[at + 3], flags: bytes[at + 4],
                        stream: number(UnsafeRawBufferPointer(bytes), at + 5),
                        payload: UnsafeRawBufferPointer(rebasing: bytes[at + 9..<at + 9 + length])),
                    handle)
                at += 9 + length
            }
            if at > 0, at < inputCount {
                memmove(bytes.baseAddress!, bytes.baseAddress! + at, inputCount - at)
            }
            inputCount -= at
        }
        if received > Wire.windowSize / 2 {
            giveCredit(received)
            received = 0
        }
    }

    private func take(_ frame: Frame, _ handle: (Frame) throws -> Void) throws {
        switch frame.kind {
        case FrameKind.data:
            received += frame.payload.count
            try handle(frame)
        case FrameKind.headers:
            try handle(frame)
        case FrameKind.window where frame.stream == 0:
            credit += number(frame.payload, 0)
        case FrameKind.window:
            try handle(frame)
        case FrameKind.settings where frame.flags & 1 == 0:
            for at in stride(from: 0, to: frame.payload.count - 5, by: 6)
            where frame.payload[at + 1] == 4 {
                streamWindow = number(frame.payload, at + 2)
            }
            output += framed(FrameKind.settings, 1, 0, [])
        case FrameKind.ping where frame.flags & 1 == 0:
            output += framed(FrameKind.ping, 1, 0, Array(frame.payload))
        case FrameKind.reset where number(frame.payload, 0) == 0:
            // The end of a call that has been answered; servers need not say it, and some do.
            break
        case FrameKind.reset, FrameKind.goAway:
            let code = number(frame.payload, frame.kind == FrameKind.reset ? 0 : 4)
            throw Failure(text: "the server ended stream \(frame.stream) with code \(code)")
        default:
            break
        }
    }
}

/// Four bytes from `at` on, the first of them the highest.
func number(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
    Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
}
