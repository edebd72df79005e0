//  One short exchange: finds a connection, collects the response, keeps the time limit.

import NIOCore
import NIOHTTP1

/// Confined to its loop. Keeps itself alive through its timer until the promise is completed.
final class HTTPClientCall: HTTPClientExchange {
    private let request: HTTPClientRequest
    private let address: HTTPClientAddress
    private let pool: HTTPClientPool
    private let isKept: Bool
    private let timeout: TimeAmount
    private let maximumBody: Int
    private var promise: EventLoopPromise<HTTPClientResponse>?
    private var timer: Scheduled<Void>?
    private var connection: HTTPClientConnection?
    private var isReused = false
    private var response = HTTPClientResponse(status: 0, headers: [:], body: ByteBuffer())

    init(
        _ request: HTTPClientRequest, to address: HTTPClientAddress, pool: HTTPClientPool,
        isKept: Bool, timeout: TimeAmount, maximumBody: Int,
        promise: EventLoopPromise<HTTPClientResponse>
    ) {
        self.request = request
        self.address = address
        self.pool = pool
        self.isKept = isKept
        self.timeout = timeout
        self.maximumBody = maximumBody
        self.promise = promise
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: pool.loop)
        timer = pool.loop.scheduleTask(in: timeout) { bound.value.timedOut() }
        if let kept = pool.take(address) {
            isReused = true
            carry(on: kept)
        } else {
            dial()
        }
    }

    private func dial() {
        isReused = false
        pool.connect(address, timeout: timeout) { result in
            switch result {
            case .success(let connection):
                if self.promise == nil {
                    connection.discard()
                } else {
                    self.carry(on: connection)
                }
            case .failure(let error): self.finish(.failure(error))
            }
        }
    }

    private func carry(on connection: HTTPClientConnection) {
        self.connection = connection
        connection.onIdle = isKept ? { [pool] in pool.keep($0) } : nil
        connection.send(request, for: self)
    }

    private func timedOut() {
        let error = HTTPClientError(
            .timeout, "\(request.method) \(address.description)\(request.target): timeout")
        if let connection {
            connection.abort(error)
        }
        finish(.failure(error))
    }

    func head(_ head: HTTPResponseHead) {
        response.status = Int(head.status.code)
        response.headers = head.headers
        let announced = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
        if announced > maximumBody, request.method != "HEAD" { refuseBody() }
    }

    func body(_ part: ByteBuffer) {
        if response.body.readableBytes + part.readableBytes > maximumBody {
            refuseBody()
        } else {
            response.body.writeImmutableBuffer(part)
        }
    }

    private func refuseBody() {
        connection?.abort(
            HTTPClientError(
                .tooLarge,
                "\(address.description)\(request.target): response over \(maximumBody) bytes"))
    }

    func ended() { finish(.success(response)) }

    func failed(_ error: HTTPClientError, nothingReceived: Bool) {
        connection = nil
        if isReused, nothingReceived, request.maySendAgain, error.kind == .closed, promise != nil {
            dial()
        } else {
            finish(.failure(error))
        }
    }

    private func finish(_ result: Result<HTTPClientResponse, HTTPClientError>) {
        guard let promise else { return }
        self.promise = nil
        connection = nil
        timer?.cancel()
        timer = nil
        promise.completeWith(result.mapError { $0 as any Error })
    }
}
