//  One exchange with a long request body, which is asked for while it leaves.

import NIOCore
import NIOHTTP1

/// Confined to its loop. Keeps itself alive through its timer until the promise is completed.
final class HTTPClientUploadCall: HTTPClientExchange, HTTPClientUpload {
    /// One part is read while the one before it leaves; more would only cost memory.
    static let partsMax = 2

    private enum Phase {
        case sending
        /// The whole request has been handed over.
        case sent
        /// The server answers; nothing more of the request is sent.
        case answering
    }

    private let request: HTTPClientRequest
    private let pool: HTTPClientPool
    private let stallTimeout: TimeAmount
    private let answerTimeout: TimeAmount
    private let maximumBody: Int
    private var origin = ""
    /// `nil` once the exchange is over.
    private var promise: EventLoopPromise<HTTPClientResponse>?
    let response: EventLoopFuture<HTTPClientResponse>
    private var source: (any HTTPClientBodySource)?
    private var connection: HTTPClientConnection?
    private var phase = Phase.sending
    /// Bytes that the source still owes.
    private var owedBytes: Int
    /// Invariant: at most `partsMax`; asked for, or not yet taken by the kernel.
    private var parts = 0
    private var isAsking = false
    private var deadline: NIODeadline
    private var timer: Scheduled<Void>?
    private var answer = HTTPClientResponse(status: 0, headers: [:], body: ByteBuffer())
    private let length: Int

    init(
        _ request: HTTPClientRequest, length: Int, body: any HTTPClientBodySource,
        pool: HTTPClientPool, stallTimeout: TimeAmount, answerTimeout: TimeAmount, maximumBody: Int
    ) {
        precondition(length >= 0)
        self.request = request
        self.length = length
        owedBytes = length
        source = body
        self.pool = pool
        self.stallTimeout = stallTimeout
        self.answerTimeout = answerTimeout
        self.maximumBody = maximumBody
        deadline = .now() + stallTimeout
        let promise = pool.loop.makePromise(of: HTTPClientResponse.self)
        self.promise = promise
        response = promise.futureResult
    }

    func start(to address: HTTPClientAddress) {
        origin = address.description
        watch(in: stallTimeout)
        pool.connect(address, timeout: stallTimeout) { result in
            switch result {
            case .success(let connection):
                if self.promise == nil {
                    connection.discard()
                    return
                }
                self.connection = connection
                connection.begin(self.request, length: self.length, for: self)
                self.moved()
                self.askForPart()
            case .failure(let error): self.finish(.failure(error))
            }
        }
    }

    /// Ends the exchange before it began.
    func refuse(_ error: HTTPClientError) { finish(.failure(error)) }

    func cancel() {
        pool.loop.preconditionInEventLoop()
        fail(.cancelled, "given up")
    }

    // MARK: The request

    private func askForPart() {
        guard phase == .sending, !isAsking, parts < Self.partsMax, let source else { return }
        isAsking = true
        parts += 1
        source.nextPart().assumeIsolated().whenComplete { result in
            self.isAsking = false
            guard self.phase == .sending, self.promise != nil else { return }
            switch result {
            case .success(let part?): self.send(part)
            case .success(nil): self.sourceEnded()
            case .failure(let error): self.fail(.source, "\(error)")
            }
        }
    }

    private func send(_ part: ByteBuffer) {
        owedBytes -= part.readableBytes
        guard owedBytes >= 0, let connection else {
            return fail(.source, "the body is longer than the announced \(length) bytes")
        }
        // A failed write closes the connection, and `failed` hears of it.
        connection.sendPart(part).assumeIsolated().whenSuccess {
            self.parts -= 1
            self.moved()
            self.askForPart()
        }
        askForPart()
    }

    private func sourceEnded() {
        parts -= 1
        guard owedBytes == 0 else {
            return fail(.source, "the body is \(owedBytes) bytes shorter than announced")
        }
        source = nil
        phase = .sent
        connection?.finishRequest()
        allow(answerTimeout)
    }

    // MARK: Time

    private func moved() {
        if phase == .sending { deadline = .now() + stallTimeout }
    }

    private func allow(_ time: TimeAmount) {
        timer?.cancel()
        deadline = .now() + time
        watch(in: time)
    }

    private func watch(in time: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: pool.loop)
        timer = pool.loop.scheduleTask(in: time) { bound.value.checkTime() }
    }

    /// One timer that looks again if there was progress, instead of a new one for every part.
    private func checkTime() {
        let left = deadline - .now()
        if left > .nanoseconds(0) { watch(in: left) } else { fail(.timeout, "timeout") }
    }

    // MARK: The response

    func head(_ head: HTTPResponseHead) {
        if phase == .sending {
            // A verdict on what was heard so far: mostly a refusal.
            phase = .answering
            source = nil
            allow(stallTimeout)
        }
        answer.status = Int(head.status.code)
        answer.headers = head.headers
    }

    func body(_ part: ByteBuffer) {
        if answer.body.readableBytes + part.readableBytes > maximumBody {
            fail(.tooLarge, "response over \(maximumBody) bytes")
        } else {
            answer.body.writeImmutableBuffer(part)
        }
    }

    func ended() { finish(.success(answer)) }

    func failed(_ error: HTTPClientError, nothingReceived: Bool) { finish(.failure(error)) }

    private func fail(_ kind: HTTPClientError.Kind, _ reason: String) {
        let connection = connection
        let text = "\(request.method) \(origin)\(request.target): \(reason)"
        finish(.failure(HTTPClientError(kind, text)))
        connection?.discard()
    }

    private func finish(_ result: Result<HTTPClientResponse, HTTPClientError>) {
        guard let promise else { return }
        self.promise = nil
        source = nil
        connection = nil
        timer?.cancel()
        timer = nil
        promise.completeWith(result.mapError { $0 as any Error })
    }
}
