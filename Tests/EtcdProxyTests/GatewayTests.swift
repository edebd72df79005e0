//  Bytes through the TCP forwarder.

import EtcdNet
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import EtcdProxy

/// Answers with what it got, once the other side has ended its input; says `hello` first.
private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var got = ByteBuffer()

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "hello ")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        got.writeImmutableBuffer(unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        let channel = context.channel
        channel.writeAndFlush(got).whenComplete { _ in channel.close(promise: nil) }
    }
}

/// Collects until the end.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var got = ByteBuffer()
    private let done: EventLoopPromise<ByteBuffer>

    init(done: EventLoopPromise<ByteBuffer>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        got.writeImmutableBuffer(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) { done.succeed(got) }
}

/// Counts until the other side ends its input; reads only when told to.
private final class Counter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var count = 0
    private let done: EventLoopPromise<Int>

    init(done: EventLoopPromise<Int>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += unwrapInboundIn(data).readableBytes
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        done.succeed(count)
        context.close(promise: nil)
    }
}

@Suite("TCP gateway", .timeLimit(.minutes(2)))
struct GatewayTests {
    private let loops = EventLoops(count: 2)

    private func listen(_ targets: [GatewayTarget], retryMilliseconds: UInt64 = 60_000)
        async throws -> Listener
    {
        try await Gateway(targets, retryMilliseconds: retryMilliseconds, logger: quiet).listen(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, maxConnections: 100)
    }

    private func echo() async throws -> Listener {
        try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, maxConnections: 100
        ) { channel in try channel.pipeline.syncOperations.addHandler(Echo()) }
    }

    private func target(_ listener: Listener) -> GatewayTarget {
        GatewayTarget(host: "127.0.0.1", port: UInt16(listener.port!))
    }

    /// Sends, ends its input, and returns what came back until the other side closed.
    private func talk(_ listener: Listener, _ words: ByteBuffer) async throws -> ByteBuffer {
        let loop = loops.next()
        let done = loop.makePromise(of: ByteBuffer.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(done: done))
                }
            }
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: listener.port!)).get()
        // The other end may close at once: then there is nothing to send to.
        try? await channel.writeAndFlush(words)
        try? await channel.close(mode: .output)
        return try await done.futureResult.get()
    }

    @Test("bytes pass in both directions, and the end of one direction does not end the other")
    func halfClose() async throws {
        let server = try await echo()
        let gateway = try await listen([target(server)])
        for size in [0, 1, 5_000_000] {
            let words = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3) })
            var answer = try await talk(gateway, words)
            #expect(answer.readString(length: 6) == "hello ")
            #expect(answer == words, "\(size)")
        }
        await gateway.drain(graceMilliseconds: 0)
        await server.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }

    @Test("a target that fails is passed over, and taken back when it works again")
    func failures() async throws {
        let gone = try await echo()
        let port = gone.port!
        await gone.drain(graceMilliseconds: 0)
        let server = try await echo()
        let gateway = try await listen(
            [GatewayTarget(host: "127.0.0.1", port: UInt16(port)), target(server)],
            retryMilliseconds: 20)
        for _ in 0..<4 {
            #expect(String(buffer: try await talk(gateway, ByteBuffer(string: "x"))) == "hello x")
        }
        await server.drain(graceMilliseconds: 0)
        // Nobody left: the connection is closed without a word.
        #expect(try await talk(gateway, ByteBuffer(string: "x")).readableBytes == 0)
        let back = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: port), loops: loops, maxConnections: 100
        ) { channel in try channel.pipeline.syncOperations.addHandler(Echo()) }
        var answer = ByteBuffer()
        for _ in 0..<200 where answer.readableBytes == 0 {
            answer = try await talk(gateway, ByteBuffer(string: "y"))
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(String(buffer: answer) == "hello y")
        await gateway.drain(graceMilliseconds: 0)
        await back.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }

    @Test("what one side does not take is not read from the other")
    func backPressure() async throws {
        let accepted = Mutex<(any Channel)?>(nil)
        let counted = loops.next().makePromise(of: Int.self)
        let deaf = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, maxConnections: 100
        ) { channel in
            try channel.syncOptions?.setOption(.autoRead, value: false)
            try channel.pipeline.syncOperations.addHandler(Counter(done: counted))
            accepted.withLock { $0 = channel }
        }
        let gateway = try await listen([target(deaf)])
        let channel = try await ClientBootstrap(group: loops.next())
            .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: gateway.port!)).get()
        let part = ByteBuffer(repeating: 1, count: 1 << 20)
        let taken = Mutex(0)
        for _ in 0..<256 {
            channel.writeAndFlush(part).whenSuccess { taken.withLock { $0 += 1 } }
        }
        var last = -1
        #expect(
            try await eventually {
                let now = taken.withLock { $0 }
                defer { last = now }
                return accepted.withLock { $0 != nil } && now == last
            })
        try await Task.sleep(for: .milliseconds(300))
        #expect(taken.withLock { $0 } < 128)
        let other = try #require(accepted.withLock { $0 })
        try await other.setOption(.autoRead, value: true).get()
        #expect(try await eventually { taken.withLock { $0 } == 256 })
        try await channel.close(mode: .output)
        #expect(try await counted.futureResult.get() == 256 << 20)
        await gateway.drain(graceMilliseconds: 0)
        await deaf.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }
}
