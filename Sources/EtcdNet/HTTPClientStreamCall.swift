//  One long-lived response, handed on as it comes.

import NIOCore
import NIOHTTP1

/// Confined to its loop.
final class HTTPClientStreamCall: HTTPClientExchange, HTTPClientStream {
    private let request: HTTPClientRequest
    private let pool: HTTPClientPool
    private let timeout: TimeAmount
    /// `nil` once it has heard the end, or must hear nothing more.
    private var delegate: (any HTTPClientStreamDelegate)?
    private var timer: Scheduled<Void>?
    private var connection: HTTPClientConnection?

    init(
        _ request: HTTPClientRequest, pool: HTTPClientPool, timeout: TimeAmount,
        delegate: any HTTPClientStreamDelegate
    ) {
        self.request = request
        self.pool = pool
        self.timeout = timeout
        self.delegate = delegate
    }

    func start(to address: HTTPClientAddress) {
        let bound = NIOLoopBound(self, eventLoop: pool.loop)
        timer = pool.loop.scheduleTask(in: timeout) {
            bound.value.timedOut(address)
        }
        pool.connect(address, timeout: timeout) { result in
            switch result {
            case .success(let connection):
                if self.delegate == nil {
                    connection.discard()
                    return
                }
                self.connection = connection
                connection.send(self.request, for: self)
            case .failure(let error): self.end(error)
            }
        }
    }

    /// Ends the stream before it began, after the caller has got hold of it.
    func refuse(_ error: HTTPClientError) {
        let bound = NIOLoopBound(self, eventLoop: pool.loop)
        pool.loop.execute { bound.value.end(error) }
    }

    func cancel() {
        pool.loop.preconditionInEventLoop()
        delegate = nil
        timer?.cancel()
        timer = nil
        connection?.discard()
        connection = nil
    }

    private func timedOut(_ address: HTTPClientAddress) {
        let error = HTTPClientError(
            .timeout, "\(request.method) \(address.description)\(request.target): timeout")
        connection?.abort(error)
        end(error)
    }

    func head(_ head: HTTPResponseHead) {
        timer?.cancel()
        timer = nil
        delegate?.started(status: Int(head.status.code), headers: head.headers)
    }

    func body(_ part: ByteBuffer) { delegate?.received(part) }

    func ended() { end(nil) }

    func failed(_ error: HTTPClientError, nothingReceived: Bool) { end(error) }

    private func end(_ error: HTTPClientError?) {
        timer?.cancel()
        timer = nil
        connection = nil
        guard let delegate else { return }
        self.delegate = nil
        delegate.ended(error)
    }
}
