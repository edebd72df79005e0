//  One exchange of a proxy: its response is handed on as it comes, no faster than it is taken.

import NIOCore
import NIOHTTP1

/// Confined to its loop.
final class HTTPClientRelayCall: HTTPClientExchange, HTTPClientRelay {
    private let request: HTTPClientRequest
    private let pool: HTTPClientPool
    private let isKept: Bool
    private let limits: HTTPClientRelayLimits
    /// `nil` once it has heard the end, or must hear nothing more.
    private var delegate: (any HTTPClientStreamDelegate)?
    private var connection: HTTPClientConnection?
    private var isReused = false
    private var isPaused = false
    /// When the exchange is given up; moves on with what is sent and received.
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture

    init(
        _ request: HTTPClientRequest, pool: HTTPClientPool, isKept: Bool,
        limits: HTTPClientRelayLimits, delegate: any HTTPClientStreamDelegate
    ) {
        self.request = request
        self.pool = pool
        self.isKept = isKept
        self.limits = limits
        self.delegate = delegate
    }

    func start(to address: HTTPClientAddress) {
        pool.loop.assumeIsolated().execute {
            guard self.delegate != nil else { return }
            if let kept = self.pool.take(address) {
                self.isReused = true
                self.carry(on: kept)
            } else {
                self.dial(address)
            }
        }
    }

    /// Ends the exchange before it began, after the caller has got hold of it.
    func refuse(_ error: HTTPClientError) {
        pool.loop.assumeIsolated().execute { self.end(error) }
    }

    func cancel() {
        pool.loop.preconditionInEventLoop()
        delegate = nil
        stopTimer()
        connection?.discard()
        connection = nil
    }

    func pause() {
        isPaused = true
        connection?.reads = false
    }

    func resume() {
        isPaused = false
        connection?.reads = true
        allow(limits.read)
    }

    private func dial(_ address: HTTPClientAddress) {
        isReused = false
        pool.connect(address, timeout: limits.dial) { result in
            switch result {
            case .success(let connection):
                if self.delegate == nil {
                    connection.discard()
                } else {
                    self.carry(on: connection)
                }
            case .failure(let error): self.end(error)
            }
        }
    }

    private func carry(on connection: HTTPClientConnection) {
        self.connection = connection
        connection.onIdle = isKept ? { [pool] in pool.keep($0) } : nil
        allow(limits.write)
        let written = pool.loop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            if self.connection === connection { self.allow(self.limits.read) }
        }
        connection.send(request, for: self, written: written)
    }

    // MARK: Time

    private func allow(_ time: TimeAmount?) {
        deadline = time.map { .now() + $0 } ?? .distantFuture
        // One timer that looks again if there was progress, instead of a new one for every part.
        if time == nil || deadline < timerDeadline { stopTimer() }
        if time != nil, timer == nil { watch() }
    }

    private func watch() {
        timerDeadline = deadline
        timer = pool.loop.assumeIsolated().scheduleTask(deadline: deadline) { self.checkTime() }
    }

    private func checkTime() {
        stopTimer()
        if isPaused || connection == nil { return }
        guard deadline <= .now() else { return watch() }
        let place = connection.map { "\($0.address.description)\(request.target)" } ?? ""
        connection?.abort(HTTPClientError(.timeout, "\(request.method) \(place): timeout"))
    }

    private func stopTimer() {
        timer?.cancel()
        timer = nil
        timerDeadline = .distantFuture
    }

    // MARK: The response

    func head(_ head: HTTPResponseHead) {
        allow(limits.read)
        delegate?.started(status: Int(head.status.code), headers: head.headers)
    }

    func body(_ part: ByteBuffer) {
        if limits.read != nil { allow(limits.read) }
        delegate?.received(part)
    }

    func ended() { end(nil) }

    func failed(_ error: HTTPClientError, nothingReceived: Bool) {
        let address = connection?.address
        connection = nil
        if isReused, nothingReceived, request.maySendAgain, error.kind == .closed,
            delegate != nil, let address
        {
            stopTimer()
            dial(address)
        } else {
            end(error)
        }
    }

    private func end(_ error: HTTPClientError?) {
        stopTimer()
        connection = nil
        guard let delegate else { return }
        self.delegate = nil
        delegate.ended(error)
    }
}
