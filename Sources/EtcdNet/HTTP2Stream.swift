//  One request of an HTTP/2 connection and the way back to its client.

import NIOCore
import NIOHTTP1

/// Confined to the event loop of its connection. The session holds it until the stream closes.
final class HTTP2Stream: HTTPTrailersResponder {
    enum State { case waiting, streaming, finished }

    enum Body {
        case nowhere
        case collector(ByteBuffer, maximum: Int)
        case sink(any HTTPBodySink)
    }

    let id: Int32
    let loop: ListenerLoop
    private(set) var session: HTTP2Session?
    private(set) var state = State.waiting
    // Neighbours in the session's list of open streams.
    var next: HTTP2Stream?
    unowned(unsafe) var previous: HTTP2Stream?

    // The request.
    var fields = HTTP2RequestFields()
    var request: HTTPRequestHead?
    var body = Body.nowhere
    var requestHasEnded = false
    /// Parts that wait for a busy sink.
    var waitingParts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    var sinkIsBusy = false

    // The answer.
    private var parts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    private var unsentBytes = 0
    private var wasFull = false
    private var trailers: HTTPHeaders?
    private var isHEAD: Bool { fields.method == "HEAD" }

    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?

    init(id: Int32, session: HTTP2Session) {
        self.id = id
        self.session = session
        loop = session.loop
    }

    var eventLoop: any EventLoop { loop.eventLoop }

    var isOpen: Bool { session != nil && state != .finished }

    var isWritable: Bool {
        guard isOpen else { return false }
        if unsentBytes < HTTP2Limits.streamHighWater { return true }
        wasFull = true
        return false
    }

    func receiveField(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        fields.add(name: name, value: value)
    }

    // MARK: HTTPResponder

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        guard let session, state == .waiting else { return }
        state = .finished
        let allowsBody = HTTPStatus.allowsBody(status)
        let sendsBody = allowsBody && !isHEAD && body.readableBytes > 0
        if sendsBody { append(body) }
        session.submitHead(
            self, status: status, headers: headers,
            contentLength: allowsBody ? body.readableBytes : nil, hasBody: sendsBody)
        onClose = nil
        onWritable = nil
    }

    func start(status: Int, headers: HTTPHeaders) {
        guard let session, state == .waiting else { return }
        state = .streaming
        session.submitHead(
            self, status: status, headers: headers, contentLength: nil, hasBody: true)
    }

    func write(_ part: ByteBuffer) {
        guard let session, state == .streaming, part.readableBytes > 0, !isHEAD else { return }
        append(part)
        session.resume(self)
    }

    func finish() { finish(trailers: [:]) }

    func finish(trailers: HTTPHeaders) {
        guard let session, state == .streaming else { return }
        state = .finished
        onClose = nil
        onWritable = nil
        if !trailers.isEmpty { self.trailers = trailers }
        session.resume(self)
    }

    func abort() {
        guard let session, state != .finished else { return }
        state = .finished
        onClose = nil
        onWritable = nil
        session.reset(self)
    }

    /// The stream or its connection is gone.
    func closed() {
        guard session != nil else { return }
        session = nil
        let callback = onClose
        let interrupted = requestHasEnded ? .nowhere : body
        state = .finished
        body = .nowhere
        onClose = nil
        onWritable = nil
        parts.removeAll()
        waitingParts.removeAll()
        if case .sink(let sink) = interrupted { sink.fail(HTTPBodyError.connectionClosed) }
        callback?()
    }

    // MARK: Sending

    /// Small parts are joined: they leave in the same frames anyway.
    private func append(_ part: ByteBuffer) {
        unsentBytes += part.readableBytes
        if part.readableBytes < 1_024, let last = parts.last, last.readableBytes < 8_192 {
            parts[parts.index(before: parts.endIndex)].writeImmutableBuffer(part)
        } else {
            parts.append(part)
        }
    }

    enum Supply {
        case bytes(Int, isLast: Bool, trailers: HTTPHeaders?)
        case nothingYet
    }

    /// Moves what is there into `frame`.
    func supply(_ frame: UnsafeMutableRawBufferPointer) -> Supply {
        var filled = 0
        while filled < frame.count, !parts.isEmpty {
            let count = min(parts[parts.startIndex].readableBytes, frame.count - filled)
            parts[parts.startIndex].readWithUnsafeReadableBytes { source in
                let target = UnsafeMutableRawBufferPointer(rebasing: frame[filled...])
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
                return count
            }
            filled += count
            if parts[parts.startIndex].readableBytes == 0 { parts.removeFirst() }
        }
        unsentBytes -= filled
        if wasFull, unsentBytes <= HTTP2Limits.streamLowWater, onWritable != nil {
            wasFull = false
            session?.becameWritable(self)
        }
        if state == .finished, parts.isEmpty {
            return .bytes(filled, isLast: true, trailers: trailers)
        }
        return filled > 0 ? .bytes(filled, isLast: false, trailers: nil) : .nothingYet
    }
}
