//  One ordinary request of an HTTP/2 connection and the way back to its client.

import NIOCore
import NIOHTTP1

final class HTTP2Exchange: HTTP2Stream, HTTPTrailersResponder {
    enum State { case waiting, streaming, finished }

    enum Body {
        case nowhere
        case collector(ByteBuffer, maximum: Int)
        case sink(any HTTPBodySink)
    }

    private(set) var state = State.waiting

    // The request.
    let fields: HTTP2RequestFields
    var request: HTTPRequestHead?
    var body = Body.nowhere
    /// Parts that wait for a busy sink.
    var waitingParts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    var sinkIsBusy = false
    /// Size of the part that a busy sink has not taken yet.
    var bytesInSink = 0
    var isFeeding = false

    // The answer.
    private var parts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    private var unsentBytes = 0
    private var wasFull = false
    private var trailers: HTTPHeaders?
    private var isHEAD: Bool { fields.method == "HEAD" }

    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?

    init(id: Int32, session: HTTP2Session, fields: HTTP2RequestFields) {
        self.fields = fields
        super.init(id: id, session: session)
    }

    var isOpen: Bool { session != nil && state != .finished }

    var isWritable: Bool {
        guard isOpen else { return false }
        if unsentBytes < HTTP2Limits.streamHighWater { return true }
        wasFull = true
        return false
    }

    // MARK: HTTPResponder

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        guard let session, state == .waiting else { return }
        state = .finished
        letGo()
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
            self, status: status, headers: headers,
            contentLength: HTTPStatus.allowsBody(status) ? headers.statedLength : nil,
            hasBody: true)
    }

    func write(_ part: ByteBuffer) {
        guard session != nil, state == .streaming, part.readableBytes > 0, !isHEAD else { return }
        append(part)
        outputChanged()
    }

    func finish() { finish(trailers: [:]) }

    func finish(trailers: HTTPHeaders) {
        guard session != nil, state == .streaming else { return }
        state = .finished
        letGo()
        onClose = nil
        onWritable = nil
        if !trailers.isEmpty { self.trailers = trailers }
        outputChanged()
    }

    func abort() {
        guard let session, state != .finished else { return }
        state = .finished
        letGo()
        onClose = nil
        onWritable = nil
        session.reset(self)
    }

    override func closed() {
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

    override func clientTookEnough() { onWritable?() }

    override func received(_ bytes: UnsafeRawBufferPointer) { take(bytes) }

    override func requestEnded() { finishBody() }

    override var abandonedBytes: Int {
        waitingParts.reduce(bytesInSink) { $0 + $1.readableBytes }
    }

    // MARK: Sending

    /// Small parts are joined: they leave in the same frames anyway.
    private func append(_ part: ByteBuffer) {
        unsentBytes += part.readableBytes
        if part.readableBytes < 1_024, let last = parts.last?.readableBytes, last < 8_192 {
            _ = parts.modify(parts.index(before: parts.endIndex)) { $0.writeImmutableBuffer(part) }
        } else {
            parts.append(part)
        }
    }

    override func supply(_ frame: UnsafeMutableRawBufferPointer) -> Supply {
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
        if state == .finished, parts.isEmpty { return .bytes(filled, isLast: true) }
        return filled > 0 ? .bytes(filled, isLast: false) : .nothingYet
    }

    override func submitTrailers(_ session: HTTP2Session) -> Bool {
        guard let trailers else { return false }
        var block = HTTP2FieldBlock()
        block.add(trailers)
        session.submitTrailers(self, block)
        return true
    }
}
