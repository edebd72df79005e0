//  One request of an HTTP/1.1 connection and the way back to its client.

import NIOCore
import NIOHTTP1

/// Confined to the event loop of its connection. Holds its session only while unanswered.
final class HTTP1Exchange: HTTPResponder {
    enum State { case waiting, streaming, finished, aborted }

    let loop: ListenerLoop
    private(set) var session: HTTP1Session?
    private(set) var state = State.waiting
    /// What this exchange has to say while an earlier request is unanswered.
    var held = ByteBuffer()
    let isHEAD: Bool
    let isHTTP10: Bool
    /// Whether the client lets the connection live.
    let keepAlive: Bool
    /// Set once the head said so, or the end of the body can only be told by closing.
    private(set) var closesConnection = false
    /// Input may be left unread when the connection closes after this answer.
    private(set) var lingers = false
    private var isChunked = false
    /// What is missing of a body whose length was stated; `nil` when it was not.
    private var owedBytes: Int?

    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?

    init(session: HTTP1Session, head: HTTP1Head) {
        self.session = session
        loop = session.loop
        isHEAD = head.isHEAD
        isHTTP10 = head.isHTTP10
        keepAlive = head.keepAlive
    }

    var eventLoop: any EventLoop { loop.eventLoop }

    var isOpen: Bool { session != nil }

    var isWritable: Bool { session?.isWritable(self) ?? false }

    var isDone: Bool { state == .finished || state == .aborted }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        guard let session, state == .waiting else { return }
        let allowsBody = HTTPStatus.allowsBody(status)
        let count = body.readableBytes
        if allowsBody, !isHEAD, count > HTTPServerLimits.statedLengthMax {
            startStream(status, headers, session)
            write(body)
            finish()
            return
        }
        // Go states the length of what it would have sent, if it came to know it.
        let isStated = !isHEAD || (count > 0 && count <= HTTPServerLimits.statedLengthMax)
        let framing: HTTP1ResponseHead.Framing =
            allowsBody && isStated ? .length(count) : .none
        let sendsBody = allowsBody && !isHEAD && body.readableBytes > 0
        let isSmall = body.readableBytes <= HTTPServerLimits.copiedBodyMax
        var head = head(status, headers, framing, session)
        head.sniffsType = allowsBody && count > 0
        session.write(for: self) { output in
            head.write(
                to: &output, date: loop.date(), body: sendsBody && isSmall ? body : nil)
        }
        if sendsBody, !isSmall { session.writeLarge(body, for: self) }
        end(.finished)
    }

    func start(status: Int, headers: HTTPHeaders) {
        guard let session, state == .waiting else { return }
        startStream(status, headers, session)
        session.exchangeStarted()
    }

    private func startStream(_ status: Int, _ headers: HTTPHeaders, _ session: HTTP1Session) {
        state = .streaming
        let hasBody = HTTPStatus.allowsBody(status) && !isHEAD
        let length = HTTPStatus.allowsBody(status) ? headers.statedLength : nil
        owedBytes = hasBody ? length : nil
        isChunked = hasBody && !isHTTP10 && length == nil
        if hasBody, isHTTP10, length == nil { closesConnection = true }
        let framing: HTTP1ResponseHead.Framing =
            length.map { .length($0) } ?? (isChunked ? .chunked : .none)
        let head = head(status, headers, framing, session)
        session.write(for: self) { $0.writeHead(head, date: loop.date()) }
    }

    func write(_ part: ByteBuffer) {
        let count = part.readableBytes
        guard let session, state == .streaming, count > 0, !isHEAD else { return }
        if let owedBytes {
            guard count <= owedBytes else { return abort() }
            self.owedBytes = owedBytes - count
        }
        guard count <= HTTPServerLimits.copiedBodyMax else {
            if isChunked { session.write(for: self) { $0.writeChunkSize(count) } }
            session.writeLarge(part, for: self)
            if isChunked { session.write(for: self) { $0.writeStaticString("\r\n") } }
            return
        }
        session.write(for: self) { output in
            if isChunked { output.writeChunkSize(count) }
            output.writeImmutableBuffer(part)
            if isChunked { output.writeStaticString("\r\n") }
        }
    }

    func finish() {
        guard let session, state == .streaming else { return }
        if let owedBytes, owedBytes > 0 { return abort() }
        if isChunked { session.write(for: self) { $0.writeStaticString("0\r\n\r\n") } }
        end(.finished)
    }

    func abort() {
        guard session != nil, !isDone else { return }
        end(.aborted)
    }

    /// An answer without a body, given by the session itself: the status line and the fields before
    /// and after Date.
    func answer(_ start: StaticString, end: StaticString, closes: Bool) {
        guard let session, state == .waiting else { return }
        closesConnection = closes
        lingers = closes
        session.write(for: self) { output in
            output.writeStaticString(start)
            output.writeStaticString("Date: ")
            output.writeBytes(loop.date())
            output.writeStaticString("\r\n")
            output.writeStaticString(end)
            output.writeStaticString("\r\n")
        }
        self.end(.finished)
    }

    /// Answers a request that cannot be served, and closes.
    func refuse(_ refusal: HTTP1Refusal) {
        guard let session, state == .waiting else { return }
        closesConnection = true
        lingers = true
        session.write(for: self) { $0.writeString(refusal.wire) }
        end(.finished)
    }

    /// The connection is gone.
    func connectionClosed() {
        guard !isDone else { return }
        state = .finished
        session = nil
        let callback = onClose
        onClose = nil
        onWritable = nil
        callback?()
    }

    /// The connection goes over to another protocol; whoever asked has been answered.
    func leave() {
        state = .finished
        session = nil
        onClose = nil
        onWritable = nil
    }

    private func end(_ final: State) {
        state = final
        let owner = session
        session = nil
        onClose = nil
        onWritable = nil
        owner?.exchangeEnded(self)
    }

    private func head(
        _ status: Int, _ headers: HTTPHeaders, _ framing: HTTP1ResponseHead.Framing,
        _ session: HTTP1Session
    ) -> HTTP1ResponseHead {
        if !keepAlive || session.mustClose(after: self) { closesConnection = true }
        let connection: HTTP1ResponseHead.Connection
        if isHTTP10 {
            connection = closesConnection ? .unstated : .keepAlive
        } else {
            connection = closesConnection ? .close : .unstated
        }
        return HTTP1ResponseHead(
            isHTTP10: isHTTP10, status: status, headers: headers, framing: framing,
            connection: connection)
    }
}

extension HTTPHeaders {
    /// The number in Content-Length, if there is one.
    var statedLength: Int? {
        first(name: "Content-Length").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeHead(_ head: HTTP1ResponseHead, date: [UInt8]) {
        head.write(to: &self, date: date, body: nil)
    }

    /// The size line of a chunk.
    fileprivate mutating func writeChunkSize(_ size: Int) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { memory in
            var cursor = ByteCursor(memory)
            let start = cursor.position
            cursor.writeHexadecimal(size)
            cursor.write("\r\n")
            return cursor.position - start
        }
    }
}
