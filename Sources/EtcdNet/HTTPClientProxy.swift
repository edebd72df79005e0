//  A proxy between this process and a server: requests of `http` are handed to it, and for `https`
//  it is asked to pass bytes on (CONNECT).

import NIOCore

/// Where it listens, and what it wants to hear.
package struct HTTPClientProxy: Sendable, Hashable {
    let address: HTTPClientAddress
    /// The value of Proxy-Authorization.
    let authorization: String?

    /// - Parameters:
    ///   - origin: `http://host:port` or `https://host:port`.
    ///   - authorization: such as `Basic …`.
    package init(origin: String, authorization: String? = nil) throws(HTTPClientError) {
        let address = try HTTPClientAddress(origin: origin)
        guard case .tcp = address else {
            throw HTTPClientError(.badAddress, "bad proxy \"\(origin)\": neither http nor https")
        }
        self.address = address
        self.authorization = authorization
    }
}

/// Asks a proxy for the way to a server. Stands before the handler that will speak to the server,
/// which hears of the connection once there is one. Leaves then.
final class ProxyTunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of the proxy's answer; beyond it is none.
    private static let answerBytesMax = 16 << 10

    private let proxy: HTTPClientProxy
    private let server: HTTPClientAddress
    private var answer = ByteBuffer()

    init(_ proxy: HTTPClientProxy, to server: HTTPClientAddress) {
        self.proxy = proxy
        self.server = server
    }

    func channelActive(context: ChannelHandlerContext) {
        let place = server.hostAndPort
        var request = "CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\n"
        if let authorization = proxy.authorization {
            request += "Proxy-Authorization: \(authorization)\r\n"
        }
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(string: request + "\r\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.writeImmutableBuffer(unwrapInboundIn(data))
        let text = Array(answer.readableBytesView)
        guard let end = text.firstRange(of: Array("\r\n\r\n".utf8)) else {
            if text.count > Self.answerBytesMax { fail(context, "an endless answer") }
            return
        }
        let line = String(decoding: text.prefix { $0 != ASCII.carriageReturn }, as: UTF8.self)
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1] == "200" else {
            let status = words.dropFirst().joined(separator: " ")
            return fail(context, status.isEmpty ? "an answer that is not HTTP" : status)
        }
        answer.moveReaderIndex(forwardBy: end.upperBound)
        context.fireChannelActive()
        if answer.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(answer))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        context.fireErrorCaught(
            TLSError("proxy \(proxy.address.hostAndPort) refuses the way there: \(reason)"))
        context.close(promise: nil)
    }
}
