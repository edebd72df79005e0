//  A server that answers with whatever bytes a test hands it.

import NIOCore
import NIOPosix

/// What the server does about one request.
enum RawReaction: Sendable {
    case send(String)
    case sendAndClose(String)
    /// The parts leave in writes of their own.
    case sendParts([String])
    case close
    case silence
}

final class RawServer: Sendable {
    /// - Parameters: numbers of the connection and of the request on it, from 0; the request.
    typealias Script = @Sendable (_ connection: Int, _ request: Int, _ text: String) -> RawReaction

    let port: Int
    private let channel: any Channel

    init(script: @escaping Script) async throws {
        let counter = ConnectionCounter()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        // One loop for all connections, so that they can be numbered without a lock.
        let bound = NIOLoopBoundBox.makeBoxSendingValue(counter, eventLoop: loop)
        channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RawHandler(connection: bound.value.next(), script: script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress!.port!
    }

    var origin: String { "http://127.0.0.1:\(port)" }

    func stop() async throws { try await channel.close().get() }
}

private final class ConnectionCounter {
    private var count = 0

    func next() -> Int {
        defer { count += 1 }
        return count
    }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: Int
    private let script: RawServer.Script
    private var requests = 0
    private var text = ""

    init(connection: Int, script: @escaping RawServer.Script) {
        self.connection = connection
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        // Test requests end with their head, or with this mark in the body.
        guard text.hasSuffix("\r\n\r\n") || text.hasSuffix("<end>") else { return }
        let reaction = script(connection, requests, text)
        requests += 1
        text = ""
        switch reaction {
        case .send(let bytes): write(bytes, context)
        case .sendAndClose(let bytes):
            write(bytes, context)
            context.close(promise: nil)
        case .sendParts(let parts): for part in parts { write(part, context) }
        case .close: context.close(promise: nil)
        case .silence: break
        }
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
