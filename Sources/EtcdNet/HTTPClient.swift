//  The outgoing half of HTTP/1.1: what peers, discovery and joining members ask of other servers.

package import NIOCore
import NIOHTTP1

/// Runs exchanges on event loops that the caller names; keeps connections for the next exchange
/// with the same server on the same loop. Callable from any thread.
package final class HTTPClient: Sendable {
    private let tls: TLSContext?
    private let pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPClientPool>]

    /// - Parameters:
    ///   - loops: the loops that exchanges will run on. On others nothing is kept alive.
    ///   - tls: for origins with `https`; without it they are refused.
    ///   - idleConnectionsMax: kept per loop and server; `nil` for what members need of each other.
    package init(
        loops: any EventLoopGroup, tls: TLSContext? = nil, idleConnectionsMax: Int? = nil
    ) {
        self.tls = tls
        var pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPClientPool>] = [:]
        for loop in loops.makeIterator() {
            pools[ObjectIdentifier(loop)] = .makeBoxSendingValue(
                HTTPClientPool(
                    loop: loop, tls: tls,
                    idleMax: idleConnectionsMax ?? HTTPClientPool.usualIdleMax), eventLoop: loop)
        }
        self.pools = pools
    }

    /// For exchanges on any of the process's event loops.
    package convenience init(
        loops: EventLoops, tls: TLSContext? = nil, idleConnectionsMax: Int? = nil
    ) {
        self.init(loops: loops.group, tls: tls, idleConnectionsMax: idleConnectionsMax)
    }

    /// One exchange; the future is of `loop` and fails with `HTTPClientError` only.
    ///
    /// A kept connection may turn out to be closed by the server. The request is then sent once
    /// more over a new one, provided that it is repeatable, by its own word or else its method, and
    /// nothing of a response arrived.
    ///
    /// - Parameters:
    ///   - timeout: for the whole exchange, dialling included.
    ///   - maximumBody: bytes; a longer response fails as `.tooLarge`.
    package func execute(
        _ request: HTTPClientRequest, on loop: any EventLoop, timeout: TimeAmount, maximumBody: Int
    ) -> EventLoopFuture<HTTPClientResponse> {
        let promise = loop.makePromise(of: HTTPClientResponse.self)
        let address: HTTPClientAddress
        do throws(HTTPClientError) {
            address = try Self.address(of: request)
        } catch {
            promise.fail(error)
            return promise.futureResult
        }
        let pools = self.pools
        let start: @Sendable () -> Void = { [tls] in
            let pool = pools[ObjectIdentifier(loop)]?.value
            HTTPClientCall(
                request, to: address, pool: pool ?? HTTPClientPool(loop: loop, tls: tls),
                isKept: pool != nil, timeout: timeout, maximumBody: maximumBody, promise: promise
            ).start()
        }
        if loop.inEventLoop {
            start()
        } else {
            loop.execute(start)
        }
        return promise.futureResult
    }

    /// Opens a response that may last for ever, on a connection of its own. Call it on `loop`.
    ///
    /// The delegate is held until `ended`, and hears nothing before this returns. After `cancel` it
    /// hears nothing more.
    ///
    /// - Parameter connectTimeout: until the head of the response is here.
    package func openStream(
        _ request: HTTPClientRequest, on loop: any EventLoop, connectTimeout: TimeAmount,
        delegate: any HTTPClientStreamDelegate
    ) -> any HTTPClientStream {
        loop.preconditionInEventLoop()
        let stream = HTTPClientStreamCall(
            request, pool: HTTPClientPool(loop: loop, tls: tls), timeout: connectTimeout,
            delegate: delegate)
        do throws(HTTPClientError) {
            stream.start(to: try Self.address(of: request))
        } catch {
            stream.refuse(error)
        }
        return stream
    }

    /// One exchange whose request has a body too long to be held in memory, on a connection of its
    /// own. Call it on `loop`.
    ///
    /// At most `HTTPClientUploadCall.partsMax` parts exist at a time, asked for or not yet taken by
    /// the kernel. The source is held until the exchange ends. When the server answers before it
    /// has heard everything, the rest is not sent.
    ///
    /// - Parameters:
    ///   - length: of the whole body in bytes; the source must give exactly that.
    ///   - stallTimeout: for dialling, and between two parts that leave.
    ///   - answerTimeout: from the end of the body to the end of the response.
    ///   - maximumBody: bytes; a longer response fails as `.tooLarge`.
    package func upload(
        _ request: HTTPClientRequest, length: Int, body: any HTTPClientBodySource,
        on loop: any EventLoop, stallTimeout: TimeAmount, answerTimeout: TimeAmount,
        maximumBody: Int
    ) -> any HTTPClientUpload {
        loop.preconditionInEventLoop()
        precondition(request.body.readableBytes == 0, "the source supplies the whole body")
        let call = HTTPClientUploadCall(
            request, length: length, body: body, pool: HTTPClientPool(loop: loop, tls: tls),
            stallTimeout: stallTimeout, answerTimeout: answerTimeout, maximumBody: maximumBody)
        do throws(HTTPClientError) {
            call.start(to: try Self.address(of: request))
        } catch {
            call.refuse(error)
        }
        return call
    }

    /// One exchange whose response is handed on as it comes, on a kept connection if there is one.
    /// Call it on `loop`.
    ///
    /// The delegate is held until `ended`, and hears nothing before this returns. After `cancel`,
    /// which closes the connection, it hears nothing more. A request is sent again as by `execute`.
    package func relay(
        _ request: HTTPClientRequest, on loop: any EventLoop, limits: HTTPClientRelayLimits,
        delegate: any HTTPClientStreamDelegate
    ) -> any HTTPClientRelay {
        loop.preconditionInEventLoop()
        let pool = pools[ObjectIdentifier(loop)]?.value
        let call = HTTPClientRelayCall(
            request, pool: pool ?? HTTPClientPool(loop: loop, tls: tls), isKept: pool != nil,
            limits: limits, delegate: delegate)
        do throws(HTTPClientError) {
            call.start(to: try Self.address(of: request))
        } catch {
            call.refuse(error)
        }
        return call
    }

    /// Closes what is kept alive. Exchanges that still run end by themselves.
    package func shutdown() {
        for box in pools.values {
            box.eventLoop.execute { box.value.close() }
        }
    }

    private static func address(of request: HTTPClientRequest) throws(HTTPClientError)
        -> HTTPClientAddress
    {
        let isPrintable = request.target.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        guard request.target.hasPrefix("/"), isPrintable else {
            throw HTTPClientError(.badAddress, "bad request target \"\(request.target)\"")
        }
        let address = try HTTPClientAddress(origin: request.origin)
        guard let proxy = request.proxy, case .tcp = address else { return address }
        return .proxied(proxy, address)
    }
}
