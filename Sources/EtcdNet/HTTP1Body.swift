//  Request bodies of HTTP/1.1: counted or chunked, taken from the input without copying.

import NIOCore

struct HTTP1BodyDecoder {
    enum Step {
        case part(ByteBuffer)
        case needsMore
        case end
    }

    private enum State {
        case fixed(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailers
        case done
    }

    private var state: State
    private var overhead = 0
    private var trailerBytes = 0

    init(_ body: HTTP1Head.Body) {
        switch body {
        case .none: state = .done
        case .fixed(let length): state = length > 0 ? .fixed(length) : .done
        case .chunked: state = .chunkSize
        }
    }

    /// Bytes still to come, if that is known.
    var remaining: Int? {
        switch state {
        case .fixed(let length): length
        case .done: 0
        default: nil
        }
    }

    /// The next part of the body. After an error or `.end` it must not be called again.
    mutating func next(from input: inout ByteBuffer) throws(HTTP1Refusal) -> Step {
        while true {
            switch state {
            case .done:
                return .end
            case .fixed(let length):
                guard let part = Self.part(of: &input, atMost: length) else { return .needsMore }
                let left = length - part.readableBytes
                state = left == 0 ? .done : .fixed(left)
                return .part(part)
            case .chunkData(let length):
                guard let part = Self.part(of: &input, atMost: length) else { return .needsMore }
                let left = length - part.readableBytes
                state = left == 0 ? .chunkEnd : .chunkData(left)
                return .part(part)
            case .chunkSize:
                guard let size = try chunkSize(from: &input) else { return .needsMore }
                state = size == 0 ? .trailers : .chunkData(size)
            case .chunkEnd:
                guard input.readableBytes >= 2 else { return .needsMore }
                guard input.readInteger(as: UInt16.self) == 0x0D0A else { throw .malformed }
                state = .chunkSize
            case .trailers:
                guard let line = try self.line(from: &input, atMost: HTTPServerLimits.chunkLineMax)
                else { return .needsMore }
                trailerBytes += line.readableBytes + 2
                guard trailerBytes <= HTTPServerLimits.trailerBytesMax else { throw .tooLarge }
                if line.readableBytes == 0 { state = .done }
            }
        }
    }

    private static func part(of input: inout ByteBuffer, atMost length: Int) -> ByteBuffer? {
        let available = min(length, input.readableBytes)
        return available > 0 ? input.readSlice(length: available) : nil
    }

    private mutating func chunkSize(from input: inout ByteBuffer) throws(HTTP1Refusal) -> Int? {
        guard let line = try line(from: &input, atMost: HTTPServerLimits.chunkLineMax) else {
            return nil
        }
        var size = 0
        var digits = 0
        for byte in line.readableBytesView {
            guard let digit = PercentCoding.hexValue(byte) else {
                // An extension, or blanks before one: nobody reads it.
                guard digits > 0, byte == UInt8(ascii: ";") || HTTP1HeadParser.isBlank(byte) else {
                    throw .malformed
                }
                break
            }
            digits += 1
            guard digits <= 15 else { throw .malformed }
            size = size << 4 | Int(digit)
        }
        guard digits > 0 else { throw .malformed }
        overhead = max(0, overhead + line.readableBytes + 2 - 16 - 2 * min(size, 1 << 40))
        guard overhead <= HTTPServerLimits.chunkOverheadMax else { throw .malformed }
        return size
    }

    /// A line without its CR LF. A bare LF is refused: what ends a line must not depend on who
    /// reads it.
    private func line(
        from input: inout ByteBuffer, atMost limit: Int
    ) throws(HTTP1Refusal) -> ByteBuffer? {
        let end = input.withUnsafeReadableBytes { ASCII.index(of: ASCII.lineFeed, in: $0) }
        guard let end else {
            guard input.readableBytes <= limit else { throw .malformed }
            return nil
        }
        guard end > 0, end <= limit,
            input.getInteger(at: input.readerIndex + end - 1, as: UInt8.self)
                == ASCII.carriageReturn,
            let line = input.readSlice(length: end - 1)
        else { throw .malformed }
        input.moveReaderIndex(forwardBy: 2)
        return line
    }
}
