//  Requests written by hand, for what the HTTP client would not send.

import EtcdNet
import NIOCore
import NIOPosix
import Testing

enum RawPost {
    /// Sends the beginning of a request and leaves the connection to the caller.
    static func begin(with listener: Listener, _ head: String, _ body: [UInt8]) async throws
        -> any Channel
    {
        let channel = try await connect(listener) { _ in }
        try await channel.writeAndFlush(ByteBuffer(bytes: Array(head.utf8) + body)).get()
        return channel
    }

    /// Sends a request that asks for the connection to be closed, and returns all of the answer.
    ///
    /// - Parameter head: request line and fields, without those that frame the body.
    static func exchange(
        with listener: Listener, _ head: String, _ parts: [[UInt8]], isChunked: Bool
    ) async throws -> String {
        let answer = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
        let channel = try await connect(listener) { channel in
            try channel.pipeline.syncOperations.addHandler(AnswerCollector(promise: answer))
        }
        var bytes = Array(head.utf8)
        if isChunked {
            bytes += Array("Transfer-Encoding: chunked\r\n\r\n".utf8)
            for part in parts where !part.isEmpty {
                bytes += Array("\(String(part.count, radix: 16))\r\n".utf8) + part + [13, 10]
            }
            bytes += Array("0\r\n\r\n".utf8)
        } else {
            let body = Array(parts.joined())
            bytes += Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body
        }
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        return try await answer.futureResult.get()
    }

    private static func connect(
        _ listener: Listener, _ configure: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Channel {
        let port = try #require(listener.localAddress.split(separator: ":").last)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
            .connect(host: "127.0.0.1", port: try #require(Int(port))).get()
    }
}

/// Confined to its loop.
private final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<String>
    private var text = ""

    init(promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(text) }
}
