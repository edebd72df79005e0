//  The reading side of an HTTP/1.1 connection: heads, bodies, and when to hold back.

import NIOCore
import NIOHTTP1
import RuntimeCore

extension HTTP1Session {
    /// Takes as many steps as input, answers and output allow. Safe to call at any time on the
    /// event loop; calls from inside a step return at once, the running loop goes on.
    func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while closing == .no, context != nil, step() {
            if output.readableBytes >= HTTPServerLimits.outputHighWater { flush() }
        }
        isProcessing = false
        guard closing == .no, let context else { return }
        if inputEnded, case .body = phase, !sinkIsBusy {
            cut()
            return
        }
        closeIfIdle()
        watchHeadTimeout()
        if holdsRead, !mustNotRead {
            holdsRead = false
            context.read()
        }
    }

    private func step() -> Bool {
        switch phase {
        case .stopped:
            input = ByteBuffer()
            return false
        case .body(let decoder, let target):
            return sinkIsBusy ? false : stepBody(decoder, target)
        case .head:
            guard mayParseHead else { return false }
            do throws(HTTP1Refusal) {
                guard let head = try headToBegin() else { return false }
                let isExclusive = !head.isSafe || head.body != .none || head.wantsUpgrade
                guard exchanges.isEmpty || !isExclusive else {
                    waitingHead = head
                    return false
                }
                waitingHead = nil
                begin(head, isExclusive: isExclusive)
            } catch {
                refuse(error)
            }
            return true
        }
    }

    private func headToBegin() throws(HTTP1Refusal) -> HTTP1Head? {
        if let waitingHead { return waitingHead }
        return try nextHead()
    }

    private var mayParseHead: Bool {
        !isDraining && !hasExclusive && channelIsWritable
            && exchanges.count < Limits.httpPipelinedRequestsMax
            && exchanges.heldBytes < HTTPServerLimits.outputHighWater
    }

    /// Reading goes on while nothing is left to be worked off, so that a leaving client is noticed.
    var mustNotRead: Bool {
        guard closing == .no else { return false }
        if sinkIsBusy || waitingHead != nil { return true }
        if case .head = phase, input.readableBytes > 0 { return !mayParseHead }
        return false
    }

    // MARK: Head

    private func nextHead() throws(HTTP1Refusal) -> HTTP1Head? {
        if lastMethodWasPOST, scanned == 0 { skipStrayLineEnds() }
        guard input.readableBytes > 0 else { return nil }
        guard let length = input.withUnsafeReadableBytes({ endOfHead(in: $0) }) else {
            guard input.readableBytes <= HTTPServerLimits.headerBytesMax else { throw .tooLarge }
            if !requestLineIsChecked, lineStart > 0 {
                requestLineIsChecked = true
                try input.withUnsafeReadableBytes { raw in
                    Result { () throws(HTTP1Refusal) in
                        try HTTP1HeadParser.check(requestLine: raw)
                    }
                }.get()
            }
            return nil
        }
        guard length <= HTTPServerLimits.headerBytesMax else { throw .tooLarge }
        let head = try input.withUnsafeReadableBytes { raw in
            Result { () throws(HTTP1Refusal) in
                try HTTP1HeadParser.parse(UnsafeRawBufferPointer(rebasing: raw[..<length]))
            }
        }.get()
        input.moveReaderIndex(forwardBy: length)
        lineStart = 0
        scanned = 0
        requestLineIsChecked = false
        headSince = nil
        lastMethodWasPOST = head.method == "POST"
        return head
    }

    /// Bytes up to and including the first empty line; remembers how far it has looked.
    private func endOfHead(in raw: UnsafeRawBufferPointer) -> Int? {
        while let end = ASCII.index(of: ASCII.lineFeed, in: raw, from: scanned) {
            let length = end - lineStart
            scanned = end + 1
            if length == 0 || (length == 1 && raw[lineStart] == ASCII.carriageReturn) {
                return scanned
            }
            lineStart = scanned
        }
        scanned = raw.count
        return nil
    }

    /// Old clients send a line end after the body of a POST; Go skips up to four such bytes.
    private func skipStrayLineEnds() {
        for _ in 0..<4 {
            guard let byte = input.getInteger(at: input.readerIndex, as: UInt8.self),
                byte == ASCII.lineFeed || byte == ASCII.carriageReturn
            else { break }
            input.moveReaderIndex(forwardBy: 1)
        }
        if input.readableBytes > 0 { lastMethodWasPOST = false }
    }

    private func begin(_ head: HTTP1Head, isExclusive: Bool) {
        let exchange = HTTP1Exchange(session: self, head: head)
        exchanges.append(exchange)
        hasExclusive = isExclusive
        if head.expectation == .unknown {
            phase = .stopped
            exchange.answer(
                "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n",
                end: "Content-Length: 0\r\n", closes: true)
            return
        }
        if head.target == "*", head.method == "OPTIONS", head.body == .none {
            phase = head.keepAlive ? .head : .stopped
            exchange.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
                end: head.keepAlive ? "" : "Connection: close\r\n", closes: !head.keepAlive)
            return
        }
        var request = HTTPRequestHead(
            method: head.method, target: head.target, headers: HTTPHeaders(head.fields),
            version: head.isHTTP10 ? .http10 : .http11, connection: facts)
        if head.wantsUpgrade {
            request.asksForWebSocket = WebSocketHandshake.isMeant(by: request.headers)
        }
        if head.body == .none {
            phase = head.keepAlive ? .head : .stopped
            serve(request, exchange)
        } else {
            beginBody(of: request, head, exchange)
        }
    }

    private func serve(_ request: HTTPRequestHead, _ exchange: HTTP1Exchange) {
        switch handler.plan(for: request, responder: exchange) {
        case .collect, .ignore:
            guard exchange.isOpen else { return }
            handler.handle(request, body: ByteBuffer(), responder: exchange)
        case .stream(let sink):
            sink.complete()
        case .webSocket(let plan):
            upgrade(exchange, of: request, to: plan)
        }
    }

    /// Answers what cannot be served, after the answers that are due before.
    private func refuse(_ refusal: HTTP1Refusal) {
        phase = .stopped
        headSince = nil
        let exchange = HTTP1Exchange(session: self, head: HTTP1Head())
        exchanges.append(exchange)
        exchange.refuse(refusal)
    }

    // MARK: Time limit

    /// A head that has begun must be complete in time. One lazy timer per connection: it is set
    /// when a head arrives in pieces and looks again if a later head has taken the place.
    private func watchHeadTimeout() {
        guard case .head = phase, waitingHead == nil, input.readableBytes > 0, mayParseHead else {
            headSince = nil
            return
        }
        guard headSince == nil else { return }
        headSince = .now()
        if !headTimerIsSet { setHeadTimer(after: loop.settings.headerTimeout) }
    }

    private func setHeadTimer(after delay: TimeAmount) {
        headTimerIsSet = true
        loop.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            self?.headTimerFired()
        }
    }

    private func headTimerFired() {
        headTimerIsSet = false
        guard let since = headSince, closing == .no else { return }
        let left = since + loop.settings.headerTimeout - .now()
        if left > .zero { setHeadTimer(after: left) } else { cut() }
    }
}
