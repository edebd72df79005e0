//  One request on its way through a proxy: to one endpoint after the other until one answers, and
//  the answer back as it comes.

import EtcdNet
import Logging
import NIOCore
import Protobuf
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// Confined to the event loop of its responder. Held by the responder and the running exchange.
final class ProxyExchange: HTTPClientStreamDelegate {
    private enum Answer {
        case none
        /// Short, and of known length: handed on in one piece.
        case collecting(status: Int, headers: HTTPHeaders, ByteBuffer)
        case streaming
    }

    /// Bytes up to which an answer of known length is handed on in one piece.
    private static let collectedMax = 2_048

    private let proxy: ProxyHandler
    private let head: HTTPRequestHead
    private let body: ByteBuffer
    private let fields: HTTPHeaders
    private let responder: any HTTPResponder
    private let endpoints: [ProxyDirector.Endpoint]
    private var next = 0
    private var relay: (any HTTPClientRelay)?
    private var answer = Answer.none
    private var isCounted = false
    private let startTime = NIODeadline.now()

    init(
        _ proxy: ProxyHandler, head: HTTPRequestHead, body: ByteBuffer,
        responder: any HTTPResponder
    ) {
        self.proxy = proxy
        self.head = head
        // A TRACE has none; the HTTP encoder would send it without saying how long it is, and the
        // member would take it for the next request.
        self.body = head.method == "TRACE" ? ByteBuffer() : body
        self.responder = responder
        fields = ProxyFields.forMember(head)
        endpoints = proxy.director.available
    }

    func start() {
        proxy.metrics.received(head.method)
        if endpoints.isEmpty {
            proxy.metrics.dropped(head.method, .zeroEndpoints)
            refuse(status: 503, "zero endpoints currently available")
            return
        }
        guard proxy.exchangeBegins() else {
            proxy.metrics.dropped(head.method, .tooMany)
            refuse(status: 503, "too many requests under way")
            return
        }
        isCounted = true
        responder.onClose = { self.clientLeft() }
        tryNext()
    }

    private func tryNext() {
        guard next < endpoints.count else {
            proxy.metrics.dropped(head.method, .failedGettingResponse)
            refuse(status: 502, "unable to get response from \(endpoints.count) endpoint(s)")
            return
        }
        relay = proxy.client.relay(
            HTTPClientRequest(
                method: head.method, origin: endpoints[next].origin, target: head.target,
                headers: fields, body: body), on: responder.eventLoop,
            limits: proxy.settings.limits, delegate: self)
    }

    private func over() {
        guard isCounted else { return }
        isCounted = false
        proxy.exchangeEnded()
    }

    private func refuse(status: Int, _ message: String) {
        over()
        proxy.noteFailure("\(message)")
        var text = Array("{\"message\":".utf8)
        JSONValue.writeString(Bytes("httpproxy: \(message)"), into: &text)
        text.append(UInt8(ascii: "}"))
        let fields = proxy.permissions(for: head) + [("Content-Type", "application/json")]
        responder.respond(
            status: status, headers: HTTPHeaders(fields), body: ByteBuffer(bytes: text))
    }

    private func clientLeft() {
        guard let relay else { return }
        self.relay = nil
        relay.cancel()
        over()
        proxy.logger.info(
            "client closed request prematurely",
            metadata: ["remote-address": "\(head.connection.remoteAddress)"])
    }

    // MARK: The answer

    func started(status: Int, headers: HTTPHeaders) {
        let seconds = Double((NIODeadline.now() - startTime).nanoseconds) / 1e9
        proxy.metrics.handled(head.method, status: status, seconds: seconds)
        let headers = ProxyFields.forClient(headers, permissions: proxy.permissions(for: head))
        let length = headers.first(name: "Content-Length").flatMap { Int($0) }
        if let length, length <= ProxyExchange.collectedMax, head.method != "HEAD" {
            answer = .collecting(status: status, headers: headers, ByteBuffer())
        } else {
            answer = .streaming
            responder.onWritable = { self.relay?.resume() }
            responder.start(status: status, headers: headers)
        }
    }

    func received(_ part: ByteBuffer) {
        switch answer {
        case .collecting(let status, let headers, var body):
            answer = .none
            body.writeImmutableBuffer(part)
            answer = .collecting(status: status, headers: headers, body)
        case .streaming:
            responder.write(part)
            if !responder.isWritable { relay?.pause() }
        case .none: break
        }
    }

    func ended(_ error: HTTPClientError?) {
        relay = nil
        switch answer {
        case .none: failed(error)
        case .collecting(let status, let headers, let body):
            over()
            if error == nil {
                responder.respond(status: status, headers: headers, body: body)
            } else {
                responder.abort()
            }
        case .streaming:
            over()
            if error == nil { responder.finish() } else { responder.abort() }
        }
    }

    /// No answer at all: the next endpoint gets the request, as from etcd's proxy, whatever became
    /// of it at this one.
    private func failed(_ error: HTTPClientError?) {
        let endpoint = endpoints[next]
        proxy.metrics.dropped(head.method, .failedSending)
        proxy.logger.info(
            "failed to direct request",
            metadata: [
                "endpoint": "\(endpoint.origin)", "error": "\(error?.description ?? "no answer")",
            ])
        proxy.director.failed(endpoint)
        next += 1
        tryNext()
    }
}
